"""Whoever asks in hostile tests: people of three roles, and real things for the identifiers that are asked about."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.serving import PASSWORD, Client, Server, new_key

__all__ = ["ROLES", "Asker", "Place", "Things"]

ROLES = {
    "administrator": ("acme", "alice@acme.example"),
    "contributor": ("acme", "karim@acme.example"),
    "reader": ("acme", "uma@acme.example"),
}
HOUSE = ("house", "ada@house.example")
HOUSE_ID = "0" * 26


class Place(NamedTuple):
    """A server, and the folder where it keeps everything."""

    server: Server
    data: Path


class Asker(NamedTuple):
    """A person of a role: how they prove it, and the scope in which they hold it (None: everywhere)."""

    role: str
    client: Client
    scope: str | None

    @classmethod
    def of(cls, server: Server, role: str, *, in_house: bool = False) -> "Asker":
        """Somebody who holds `role`; in the tenant that runs the installation, if asked."""
        tenant, email = HOUSE if in_house else ROLES[role]
        held = next(person["roles"] for person in server.people if person["email"] == email)
        scope = held[0]["scope"] if role != "administrator" else None
        return cls(role, server.client(tenant, email), scope)

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks, and to whom."""
        return {"Host": self.client.host, "authorization": self.client.headers["authorization"]}


class Things:
    """Makes what is asked about, by the name of the field that holds it: a new one each time where asking uses it up."""

    def __init__(self, server: Server, asker: Asker) -> None:
        """Things that `asker` may ask about, made by the administrator of the same tenant."""
        self._asker = asker
        in_house = asker.client.host.startswith("house.")
        self._maker = Asker.of(server, "administrator", in_house=in_house).client
        self._guest = server.client("house" if in_house else "acme")
        self._log_ins = 0
        self._address = ""
        self._root = self._maker.query("list-scopes").answer["items"][0]["scope"]
        self._makers: dict[str, Callable[[], Any]] = {
            "project": self._project,
            "destination": lambda: self._asker.scope or self._root,
            "scope": lambda: self._asker.scope or self._root,
            "parent": lambda: self._root,
            "account": lambda: self._account,
            "holding": self._holding,
            "tenant": lambda: HOUSE_ID,
            "refreshToken": lambda: self._tokens()["refreshToken"],
            "email": self._newcomer,
            "password": lambda: PASSWORD,
        }
        self._account: str = self._maker.query("list-people").answer["items"][-1]["account"]

    def reconnect(self) -> None:
        """Connects anew with the next request: the server ends connections on which nobody asks for long."""
        self._maker.close()
        self._guest.close()

    def real(self, path: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Values for those fields of an operation's body that must name something that there is."""
        known = {"/commands/log-in": {"email", "password"}, "/commands/refresh-session": {"refreshToken"}}
        made = {"/commands/add-scope": {"parent"}}
        wanted = (
            known.get(path)
            or made.get(path)
            or {name for name in schema.get("required", ()) if name not in {"email", "password", "name"}}
        )
        return {name: self._makers[name]() for name in sorted(wanted) if name in self._makers}

    def token(self) -> str:
        """An access token of a session that nothing else uses."""
        return f"Bearer {self._tokens()['accessToken']}"

    def _tokens(self) -> dict[str, str]:
        tokens: dict[str, str] = self._guest.command("log-in", email=self._newcomer(), password=PASSWORD).answer
        return tokens

    def _newcomer(self) -> str:
        """The address of a person who has not logged in so often that it would be refused for a while."""
        if self._log_ins % 40 == 0:
            self._address = f"{new_key().lower()}@somewhere.example"
            added = self._maker.command("add-person", email=self._address, person="Newcomer", password=PASSWORD)
            assert added.status == 200, added.raw
        self._log_ins += 1
        return self._address

    def _project(self) -> str:
        made = self._maker.command("create-project", within=self._asker.scope, name=f"Project {new_key()}")
        # A query sees what its maker was answered; the next one, by somebody else, sees it then too.
        self._maker.query("list-projects", after=made.position, limit=1)
        project: str = made.answer
        return project

    def _holding(self) -> str:
        made = self._maker.command("grant-role", account=self._account, role="reader")
        self._maker.query("list-holdings", after=made.position, limit=1)
        holding: str = made.answer
        return holding
