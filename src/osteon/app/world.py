"""The world that an installation begins with: tenants, their scopes and their people, made by the same commands as any other.

The tenant `house` comes from the genesis entry: the one command that nobody sent. All else is asked by `house`'s administrator and
by the administrators of the tenants.
"""

import asyncio
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from osteon.context import (
    Account,
    Actor,
    Authenticated,
    Authorization,
    InternalProof,
    InvocationContext,
    Origin,
    Scope,
    Trace,
)
from osteon.engine import Engine, service_account
from osteon.gateway import Gateway, Request
from osteon.model import HOUSE, AccountId, Identifier, InvocationId, OsteonError, Personal, ScopeId, Sealed, named
from osteon.modules.tenancy import EnterTenant
from osteon.ports.inbox import Delivery

__all__ = ["Example", "PersonSeed", "RoleSeed", "TenantSeed", "World", "begin_world", "is_new", "populate", "scope_at"]

_ATTEMPTS = 20


class RoleSeed(NamedTuple):
    """A role to be granted, in the scope at `path`: names from the root down, the root's own left out."""

    role: str
    path: tuple[str, ...] = ()


class PersonSeed(NamedTuple):
    """A person to be added, and the roles to be granted."""

    email: str
    name: str
    password: str
    roles: tuple[RoleSeed, ...] = ()
    locale: str = "en"


class TenantSeed(NamedTuple):
    """A tenant to be opened; the first of its people is its administrator."""

    name: str
    type: str
    people: tuple[PersonSeed, ...]
    scopes: tuple[tuple[str, ...], ...] = ()


class Example(NamedTuple):
    """Something to try: the first page shows it as a line to copy."""

    title: str
    kind: Literal["command", "query"]
    type: str
    fields: dict[str, Any]


class World(NamedTuple):
    """Everything to begin with; the first tenant is `house`. Its passwords are known: it is served on loopback only."""

    tenants: tuple[TenantSeed, ...]
    examples: tuple[Example, ...] = ()

    @property
    def house(self) -> TenantSeed:
        """The tenant that runs the installation."""
        return self.tenants[0]


class SeedFailed(OsteonError):
    """Raised when the world could not be made: the command that failed and the answer to it."""


def scope_at(root: ScopeId, path: tuple[str, ...]) -> ScopeId:
    """The identifier of the scope that a world's tenant has at `path`."""
    return ScopeId(named(root, root, *path)) if path else root


def is_new(engine: Engine) -> bool:
    """Whether nothing was ever recorded."""
    return not engine.indexes.tenants.all()


async def begin_world(engine: Engine, house: TenantSeed) -> None:
    """Records the genesis entry: it opens `house`, with its first administrator."""
    administrator = house.people[0]
    command = EnterTenant(
        tenant=HOUSE,
        name=house.name,
        type="internal",
        root=ScopeId(named(HOUSE, HOUSE, "root")),
        administrator=AccountId(named(HOUSE, HOUSE, "administrator")),
        email=Personal(administrator.email),
        person=Personal(administrator.name),
        password=Sealed(await engine.ports.passwords.hash(administrator.password)),
        locale=administrator.locale,
    )
    invocation: InvocationId = engine.identifiers.next()
    now = engine.ports.clock.now()
    context = InvocationContext(
        tenant=HOUSE,
        scope=Scope(path=(command.root,)),
        access=Authenticated(
            actor=Actor(
                account=_genesis(), locale=administrator.locale, authentication=InternalProof(handler="genesis")
            ),
            origin=Origin(),
            authorization=Authorization(permission="enter-tenant", reason="internal"),
        ),
        trace=Trace(action=invocation, external=invocation, originating=invocation, current=invocation),
        at=now,
    )
    reply = engine.ports.replies.expect(invocation)
    expires = int((now + timedelta(hours=1)).timestamp() * 1000)
    engine.inbox.put(
        Delivery(
            context=context,
            command=command,
            entity=Identifier(HOUSE),
            key="genesis",
            fingerprint="internal",
            expires=expires,
        )
    )
    answered = await reply
    if answered.verdict != "accepted":
        raise SeedFailed(f"The genesis entry was not accepted: {answered.problem}.")
    await _until_known(engine)


async def populate(engine: Engine, gateway: Gateway, world: World) -> None:
    """Opens every other tenant, then makes scopes, people and roles in each; several tenants at a time.

    What an earlier start made before it was interrupted is there once: each command has a key that follows from what it makes.
    """
    house = _Client(gateway, world.house.name)
    await house.log_in(world.house.people[0], patience=10.0)
    for tenant in world.tenants[1:]:
        first = tenant.people[0]
        fields = {"name": tenant.name, "type": tenant.type, "email": first.email, "person": first.name}
        await house.command("open-tenant", **fields, password=first.password, locale=first.locale)
    await asyncio.gather(*(_furnish(engine, gateway, tenant) for tenant in world.tenants))


async def _furnish(engine: Engine, gateway: Gateway, tenant: TenantSeed) -> None:
    client = _Client(gateway, tenant.name)
    await client.log_in(tenant.people[0], patience=10.0)
    root = engine.indexes.tenants.named(tenant.name)
    assert root is not None
    for path in tenant.scopes:
        scope, parent = scope_at(root.root, path), scope_at(root.root, path[:-1])
        await client.command("add-scope", scope=scope, parent=parent, name=path[-1])
    for person in tenant.people[1:]:
        fields = {"email": person.email, "person": person.name, "password": person.password, "locale": person.locale}
        account = await client.command("add-person", **fields)
        for role in person.roles:
            await client.command("grant-role", within=scope_at(root.root, role.path), account=account, role=role.role)


class _Client:
    """A person at the gateway, in process."""

    def __init__(self, gateway: Gateway, tenant: str) -> None:
        self._gateway = gateway
        self._host = f"{tenant}.{gateway.domain}"
        self._headers: dict[str, str] = {"content-type": "application/json"}

    async def log_in(self, person: PersonSeed, patience: float = 0.0) -> None:
        """Logs in; a tenant that is only being opened is waited for."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            try:
                fields = {"email": person.email, "password": person.password}
                tokens = await self._ask(self._gateway.new_key(), "log-in", None, fields)
            except SeedFailed:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.02)
            else:
                self._headers["authorization"] = f"Bearer {tokens['accessToken']}"
                return

    async def command(self, type: str, /, within: str | None = None, **fields: str) -> Any:
        told = (f"{name}={value}" for name, value in fields.items() if name != "password")
        return await self._ask(named(HOUSE, self._host, type, within or "", *told), type, within, fields)

    async def _ask(self, key: str, type: str, within: str | None, fields: dict[str, str]) -> Any:
        headers = {**self._headers, "idempotency-key": key}
        if within is not None:
            headers["osteon-scope"] = within
        request = Request("POST", self._host, f"/commands/{type}", headers, msgspec.json.encode(fields))
        response = await self._gateway(request)
        # Under the same key, so that nothing is made twice.
        for _ in range(_ATTEMPTS):
            if response.status != 503:
                break
            response = await self._gateway(request)
        if response.status != 200:
            raise SeedFailed(f"'{type}' was answered {response.status}: {response.body.decode()}")
        return msgspec.json.decode(response.body)["answer"]


async def _until_known(engine: Engine) -> None:
    """Waits until `house` has its scope tree and its administrator's role."""
    root = ScopeId(named(HOUSE, HOUSE, "root"))
    administrator = AccountId(named(HOUSE, HOUSE, "administrator"))
    indexes = engine.indexes
    while indexes.scopes(HOUSE).path(root) is None or not indexes.grants(HOUSE).held(administrator):  # noqa: ASYNC110 - once
        await asyncio.sleep(0.005)


def _genesis() -> Account:
    return service_account(HOUSE, "genesis")
