"""The chain of each account: its entries, each naming the one before it in the order of invocations."""

from osteon.adapters.sqlite.connection import Connection
from osteon.model import AccountId, InvocationId

__all__ = ["Chains", "Link"]

LAST = "SELECT number, invocation, earlier FROM accounts JOIN journal ON number = last WHERE account = ?"
ONE = "SELECT number, invocation, earlier FROM journal WHERE number = ?"
PUT_LAST = "INSERT INTO accounts(account, last) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET last = excluded.last"
RELINK = "UPDATE journal SET earlier = ?2 WHERE number = ?1"

Link = tuple[int, str, int | None]
"""An entry's number, its invocation, and the number of the one before it."""


class Chains:
    """Puts the entries of one batch into the chains of their accounts.

    Invocations come nearly in order; one that was overtaken is put where it belongs.
    """

    def __init__(self, connection: Connection, last: dict[AccountId, Link]) -> None:
        """Reads what is filed from `connection`, save what is known to be the last of an account."""
        self._connection = connection
        self._last = last
        self._ends: dict[AccountId, list[Link]] = {}
        self._relinked: dict[int, int] = {}

    def follow(self, account: AccountId, invocation: InvocationId, number: int) -> int | None:
        """Puts the entry `number` into an account's chain: the number of the one before it, None for the first."""
        end = self._ends.get(account)
        if end is None:
            known = self._last.get(account)
            end = self._ends[account] = [known] if known else self._load(LAST, account)
        at = len(end)
        while at and end[at - 1][1] > invocation:
            at -= 1
            if not at:
                longer = self._load(ONE, end[0][2])
                end[:0] = longer
                at = len(longer)
        if at < len(end):
            later, name, _ = end[at]
            self._relinked[later] = number
            end[at] = (later, name, number)
        earlier = end[at - 1][0] if at else None
        end.insert(at, (number, invocation, earlier))
        return earlier

    def keep(self) -> None:
        """Writes the chains down, behind the entries."""
        self._connection.executemany(PUT_LAST, [(account, end[-1][0]) for account, end in self._ends.items()])
        if self._relinked:
            self._connection.executemany(RELINK, list(self._relinked.items()))

    def last(self) -> dict[AccountId, Link]:
        """What is known to be the last of an account now."""
        return self._last | {account: end[-1] for account, end in self._ends.items()}

    def _load(self, query: str, name: str | int | None) -> list[Link]:
        found = self._connection.execute(query, (name,)).get
        return [] if found is None else [found]
