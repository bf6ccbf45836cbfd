"""The access log in memory."""

from collections.abc import Sequence

from osteon.adapters.memory.shelf import Shelf
from osteon.messages import GENESIS, Record, record_hash
from osteon.model import AccountId, InvocationId, TenantId, decoder
from osteon.ports.access_log import Access
from osteon.ports.history import Head
from osteon.ports.keyring import Keyring

__all__ = ["MemoryAccessLog"]

ACCESSES = decoder(list[Access])


class MemoryAccessLog:
    """Finds accesses on a shelf by looking at each."""

    def __init__(self, shelf: Shelf, keyring: Keyring) -> None:
        """Reads `shelf`, and opens what it finds with `keyring`."""
        self._shelf = shelf
        self._keyring = keyring

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Access]:
        found: list[Access] = []
        for block in self._shelf.folder(tenant).accesses:
            record = Record.of(block.stored)
            found += ACCESSES.decode(self._keyring.open(tenant, record.sealed, record.place))
        mine = [each for each in found if each.context.account == account]
        wanted = [each for each in mine if before is None or _invocation(each) < before]
        return sorted(wanted, key=_invocation, reverse=True)[:limit]

    def head(self, tenant: TenantId) -> Head:
        blocks = self._shelf.folder(tenant).accesses
        return Head(blocks[-1].number, record_hash(blocks[-1].stored)) if blocks else Head(0, GENESIS)


def _invocation(access: Access) -> InvocationId:
    return access.context.trace.current
