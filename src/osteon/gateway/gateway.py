"""The gateway: from an HTTP request to an invocation with its context, decided once, and back to a response."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

import msgspec
import structlog

from osteon.context import Authorization, InvocationContext, Scope, Trace
from osteon.engine import Engine, InvocationEdge, identifier_from, read_places
from osteon.gateway.callers import Caller, Callers
from osteon.gateway.exchange import Request, Response
from osteon.gateway.limits import Buckets, Guard, Rate
from osteon.gateway.problems import problem_body, problem_response, status_of
from osteon.gateway.strict import Made, check_json, read_message
from osteon.messages import Command, Message, MessageType, Query
from osteon.model import (
    Identifier,
    InvocationId,
    Problem,
    Refused,
    ScopeId,
    Secret,
    answer_json,
    is_identifier,
    record_json,
)
from osteon.ports.agents import Agents
from osteon.ports.inbox import Delivery, Reply
from osteon.ports.policies import Policies, Question, Ruling

__all__ = ["Gateway", "Rates"]

MAX_BODY = 1 << 20
MAX_ITEMS = 100
LIFETIME = 30_000

_JSON = (("content-type", "application/json"),)
_REPLAYED = (*_JSON, ("idempotency-replayed", "true"))
_RULINGS = 100_000
_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Rates(NamedTuple):
    """How much the gateway lets through."""

    account: Rate = Rate(5_000, 5_000)
    tenant: Rate = Rate(20_000, 20_000)


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One invocation of a request: the only one, or an item of a bulk."""

    type: str
    key: str | None = None
    scope: str | None = None
    after: str | None = None
    action: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a bulk request."""

    items: list[Item]
    stop: bool = False


class Outcome(NamedTuple):
    """What one invocation came to: status and JSON body, and whether the verdict was recorded before."""

    status: int
    body: bytes
    replayed: bool = False
    problem: Problem | None = None


class Gateway:
    """Answers requests for all tenants. It knows no server: a front hands it a `Request` and writes its `Response`."""

    def __init__(
        self,
        engine: Engine,
        policies: Policies,
        agents: Agents,
        pages: Callable[[Request], Response | None],
        domain: str = "localhost",
        rates: Rates | None = None,
    ) -> None:
        """Puts a gateway together.

        Args:
            engine: Runs the product.
            policies: Decides who may do what.
            agents: Reads User-Agent headers.
            pages: Answers GET requests for pages and documents; None where there is none.
            domain: Tenants are subdomains of it.
            rates: How much is let through.
        """
        self._engine = engine
        self._catalogue = engine.product.catalogue
        self._policies = policies
        self._pages = pages
        self.domain = domain
        self._callers = Callers(engine, agents, domain)
        clock = engine.ports.clock
        rates = rates or Rates()
        self._accounts = Buckets(rates.account, clock.monotonic)
        self._tenants = Buckets(rates.tenant, clock.monotonic)
        self._guards = {
            limit.command: Guard(limit, clock.monotonic) for module in engine.product.modules for limit in module.limits
        }
        self._rulings: dict[tuple[object, ...], Ruling] = {}
        self._secrets = {message.type: _secret_fields(message) for message in self._catalogue}
        self._mac_keys: dict[str, Any] = {}
        self._log = structlog.get_logger("osteon.gateway")
        self.refused: dict[str, int] = {}

    async def __call__(self, request: Request) -> Response:
        """The response to a request; whatever happens, there is one."""
        try:
            return _with_cors(request, await self._route(request))
        except Refused as refusal:
            self._count(refusal.problem)
            return _with_cors(request, problem_response(refusal.problem))
        except Exception:  # noqa: BLE001 - whatever happens, the client is answered
            self._log.exception("a request failed", path=request.path)
            return _with_cors(request, problem_response(Problem(key="unexpected", retryable=True)))

    def new_key(self) -> str:
        """An external invocation ID, for a client in the same process."""
        return self._engine.identifiers.next()

    async def _route(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(204)
        kind, *rest = request.path.removeprefix("/").split("/")
        ask = {"commands": self._command, "queries": self._query}.get(kind)
        if ask is None or len(rest) > 1 or rest == [""]:
            return await self._page(request)
        if request.method != "POST":
            raise Refused("method-not-allowed", method=request.method, allow="POST")
        _check_body(request)
        caller = await self._callers.caller(request)
        self._limit(caller)
        if not rest:
            return await self._bulk(request, caller, kind, ask)
        headers = request.headers
        item = Item(
            type=rest[0],
            key=headers.get("idempotency-key"),
            scope=headers.get("osteon-scope"),
            after=headers.get("osteon-after"),
            action=headers.get("osteon-action"),
            body=msgspec.Raw(request.body),
        )
        outcome = await self._invoke(ask, caller, item)
        if outcome.problem is not None:
            response = problem_response(outcome.problem)
            replayed = _REPLAYED[-1:] if outcome.replayed else ()
            return Response(outcome.status, outcome.body, (*response.headers, *replayed))
        return Response(outcome.status, outcome.body, _REPLAYED if outcome.replayed else _JSON)

    async def _page(self, request: Request) -> Response:
        if request.host != self.domain:
            await self._callers.tenant(request.host)
        page = self._pages(request)
        if page is None:
            raise Refused("unknown-path", path=request.path)
        if request.method not in ("GET", "HEAD"):
            raise Refused("method-not-allowed", method=request.method, allow="GET, HEAD")
        return page

    async def _bulk(self, request: Request, caller: Caller, kind: str, ask: "Ask") -> Response:
        bulk = _read_bulk(request.body)
        types = [self._catalogue.get(item.type) for item in bulk.items]
        waits = any(each is not None and each.type in self._engine.product.preparing for each in types)
        if bulk.stop or waits:
            outcomes = await self._one_by_one(caller, bulk, ask)
        else:
            outcomes = await asyncio.gather(*(self._invoke(ask, caller, item) for item in bulk.items))
        return Response(200, b'{"items":[' + b",".join(_item_body(outcome) for outcome in outcomes) + b"]}", _JSON)

    async def _one_by_one(self, caller: Caller, bulk: Bulk, ask: "Ask") -> list[Outcome]:
        outcomes: list[Outcome] = []
        failed = False
        for item in bulk.items:
            if failed:
                problem = Problem(key="not-run", retryable=True)
                outcomes.append(Outcome(status_of(problem), problem_body(problem, None), problem=problem))
                continue
            outcomes.append(await self._invoke(ask, caller, item))
            failed = bulk.stop and outcomes[-1].status >= 400
        return outcomes

    async def _invoke(self, ask: "Ask", caller: Caller, item: Item) -> Outcome:
        """Asks, and turns a refusal into the item's own outcome."""
        invocation = InvocationId(self._engine.identifiers.next())
        try:
            return await ask(caller, item, invocation)
        except Refused as refusal:
            problem = refusal.problem
        except Exception:  # noqa: BLE001 - whatever happens, the client is answered
            self._log.exception("an invocation failed", type=item.type, invocation=invocation)
            problem = Problem(key="unexpected", retryable=True)
        self._count(problem)
        return Outcome(status_of(problem), problem_body(problem, invocation), problem=problem)

    async def _command(self, caller: Caller, item: Item, invocation: InvocationId) -> Outcome:
        message = self._type(item.type, "command")
        key = _key(item.key)
        command = cast("Command[Any]", read_message(message, bytes(item.body), self._made(message, caller, key)))
        guard = self._guards.get(message.type)
        if guard is not None:
            guard.let_through(caller.tenant.tenant, command)
        context = self._context(caller, item, message, command, invocation, key)
        space = caller.key_space
        key = f"{space}/{key}" if space is not None else f"once-{invocation}/{key}"
        prepared, edge = await self._prepare(command, context, key)
        decider = self._engine.product.deciders[type(prepared)]
        delivery = Delivery(
            context=context,
            command=prepared,
            entity=getattr(prepared, decider.entity),
            key=key,
            fingerprint=self._fingerprint(context, command, type(prepared).__name__),
            expires=self._engine.ports.clock.milliseconds() + LIFETIME,
        )
        reply = self._engine.ports.replies.expect(invocation)
        try:
            self._engine.inbox.put(delivery)
        except Refused as refusal:
            self._engine.ports.replies.deliver(invocation, Reply(None, refusal.problem, b"null", invocation, None))
        replied = await reply
        if guard is not None and replied.verdict == "rejected":
            guard.rejected(caller.tenant.tenant, command)
        return self._outcome(replied, edge)

    async def _query(self, caller: Caller, item: Item, invocation: InvocationId) -> Outcome:
        message = self._type(item.type, "query")
        key = _key(item.key) if item.key is not None else invocation
        query = cast("Query[Any]", read_message(message, bytes(item.body)))
        after = read_places(item.after) if item.after is not None else []
        context = self._context(caller, item, message, query, invocation, key)
        answered = await self._engine.reader.ask(
            query, context, after, lambda: InvocationEdge(self._engine.capabilities, context, key)
        )
        self._engine.recorder.answered(context, message.name, record_json(query), answered.rows)
        tail = f',"invocation":"{invocation}","position":"{answered.place}"}}'.encode()
        return Outcome(200, b'{"answer":' + answered.body + tail)

    def _type(self, name: str, kind: str) -> MessageType:
        message = self._catalogue.get(name)
        if message is None or message.kind != kind or not message.public:
            raise Refused("unknown-type", type=name)
        return message

    def _made(self, message: MessageType, caller: Caller, key: str) -> Made | None:
        """The identifier of what a command makes, for a client that gives none: derived from the key."""
        decider = self._engine.product.deciders.get(message.type)
        if decider is None or not issubclass(message.type, decider.creating):
            return None
        space = caller.key_space or self._engine.identifiers.next()
        return Made(
            message.fields[decider.entity],
            lambda: identifier_from(caller.tenant.tenant, f"{space}/{message.name}/{key}"),
        )

    def _context(
        self, caller: Caller, item: Item, message: MessageType, asked: Message, invocation: InvocationId, key: str
    ) -> InvocationContext:
        """The context of an invocation, decided.

        Raises:
            Refused: `scope-not-found`, `unavailable`, `token-missing`, `not-permitted`.
        """
        path = self._scope(caller, item.scope)
        also = None
        if message.also_in is not None:
            also = self._scope(caller, getattr(asked, message.also_in))
        ruling = self._rule(caller, message.name, path, also)
        trace = Trace(
            action=key if item.action is None else _action(item.action),
            external=key,
            originating=invocation,
            current=invocation,
        )
        context = InvocationContext(
            tenant=caller.tenant.tenant,
            scope=Scope(path=path),
            access=caller.access(Authorization(permission=message.name, reason=ruling.reason, role=ruling.role)),
            trace=trace,
            at=self._engine.ports.clock.now(),
            toggles=caller.toggles,
        )
        if not ruling.allowed:
            self._refuse(caller, context, message, ruling)
        return context

    def _scope(self, caller: Caller, scope: str | None) -> tuple[ScopeId, ...]:
        wanted = ScopeId(Identifier(scope)) if scope is not None else caller.tenant.root
        path = self._engine.indexes.scopes(caller.tenant.tenant).path(wanted)
        if path is None and wanted == caller.tenant.root:
            # The tenant is only being opened: its tree follows.
            raise Refused("unavailable", retryable=True)
        if path is None:
            raise Refused("scope-not-found", scope=scope)
        return path

    def _rule(
        self, caller: Caller, permission: str, path: tuple[ScopeId, ...], also: tuple[ScopeId, ...] | None
    ) -> Ruling:
        """The policy's ruling, kept for as long as the account's grants and the tree of scopes stay as they are."""
        tenant = caller.tenant.tenant
        account = caller.actor.account.account if caller.actor is not None else None
        indexes = self._engine.indexes
        grants = indexes.grants(tenant).generation(account) if account is not None else 0
        known = (tenant, account, grants, indexes.scopes(tenant).generation, permission, path[-1], also and also[-1])
        ruling = self._rulings.get(known)
        if ruling is None:
            roles = self._callers.roles(caller)
            ruling = self._policies.decide(Question(permission, roles, path, also, caller.actor is None))
            if len(self._rulings) >= _RULINGS:
                self._rulings.clear()
            self._rulings[known] = ruling
        return ruling

    def _refuse(self, caller: Caller, context: InvocationContext, message: MessageType, ruling: Ruling) -> None:
        if caller.actor is None:
            raise Refused("token-missing")
        problem = Problem(key="not-permitted", params={"permission": message.name, "reason": ruling.reason})
        self._engine.recorder.refused(context, message.name, problem)
        raise Refused("not-permitted", permission=message.name, reason=ruling.reason)

    async def _prepare(
        self, command: Command[Any], context: InvocationContext, key: str
    ) -> tuple[Command[Any], InvocationEdge]:
        edge = InvocationEdge(self._engine.capabilities, context, key)
        prepare = self._engine.product.preparing.get(type(command))
        return (command if prepare is None else await prepare.prepare(command, edge)), edge

    def _outcome(self, reply: Reply, edge: InvocationEdge) -> Outcome:
        if reply.verdict != "accepted":
            problem = reply.problem or Problem(key="unexpected", retryable=True)
            self._count(problem)
            body = problem_body(problem, reply.invocation)
            return Outcome(status_of(problem), body, reply.replayed, problem)
        answer = self._present(reply, edge)
        tail = f',"invocation":"{reply.invocation}","position":"{reply.position}"}}'.encode()
        return Outcome(200, b'{"verdict":"accepted","answer":' + answer + tail, reply.replayed)

    def _present(self, reply: Reply, edge: InvocationEdge) -> bytes:
        """The answer: the recorded one, or what a module makes of the recorded event."""
        for event in reply.events:
            message = self._catalogue[event.type]
            present = self._engine.product.presenting.get(message.type)
            if present is not None:
                return answer_json(present.present(message.decoder.decode(event.body), edge))
        return reply.answer

    def _fingerprint(self, context: InvocationContext, command: Command[Any], prepared: str) -> str:
        """A keyed MAC over what the client asked, secrets left out, and over what it was prepared to."""
        secrets = self._secrets[type(command)]
        if secrets:
            fields = {name: getattr(command, name) for name in command.__struct_fields__ if name not in secrets}  # type: ignore[attr-defined]
            body = record_json(fields)
        else:
            body = record_json(command)
        mac = self._mac(context.tenant).copy()
        mac.update(f"{type(command).__name__}>{prepared}@{context.scope.id}:".encode() + body)
        return cast("str", mac.hexdigest())

    def _mac(self, tenant: str) -> Any:
        known = self._mac_keys.get(tenant)
        if known is None:
            key = self._engine.ports.keyring.derive(cast("Any", tenant), "fingerprints")
            known = self._mac_keys[tenant] = hashlib.blake2b(key=key, digest_size=16)
        return known

    def _limit(self, caller: Caller) -> None:
        account = caller.actor.account.account if caller.actor is not None else ""
        tenant = caller.tenant.tenant
        if (account and not self._accounts.take(f"{tenant}/{account}")) or not self._tenants.take(tenant):
            raise Refused("too-many-requests", retryable=True)

    def _count(self, problem: Problem) -> None:
        self.refused[problem.key] = self.refused.get(problem.key, 0) + 1


Ask = Callable[[Caller, Item, InvocationId], Awaitable[Outcome]]


def _check_body(request: Request) -> None:
    if len(request.body) > MAX_BODY:
        raise Refused("too-large", limit=MAX_BODY)
    kind = request.headers.get("content-type", "")
    if request.body and kind != "application/json" and kind.partition(";")[0].strip().lower() != "application/json":
        raise Refused("not-json-type")


def _read_bulk(body: bytes) -> Bulk:
    check_json(body)
    try:
        bulk = msgspec.json.decode(body, type=Bulk)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise Refused("invalid", field=place.strip("`."), reason="wrong-value", detail=reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("not-json") from None
    if len(bulk.items) > MAX_ITEMS:
        raise Refused("too-many-items", limit=MAX_ITEMS)
    return bulk


def _item_body(outcome: Outcome) -> bytes:
    if outcome.problem is not None:
        return f'{{"replayed":{str(outcome.replayed).lower()},'.encode() + outcome.body[1:]
    return f'{{"status":{outcome.status},"replayed":{str(outcome.replayed).lower()},'.encode() + outcome.body[1:]


def _key(key: str | None) -> str:
    """The external invocation ID: a ULID or a UUID."""
    if not key:
        raise Refused("key-missing", header="Idempotency-Key")
    if is_identifier(key):
        return key
    if _UUID.fullmatch(key) is None:
        raise Refused("invalid-key", header="Idempotency-Key")
    return key.lower()


def _action(action: str) -> str:
    if not is_identifier(action) and _UUID.fullmatch(action) is None:
        raise Refused("invalid-header", header="Osteon-Action")
    return action


def _secret_fields(message: MessageType) -> frozenset[str]:
    hints = message.type.__annotations__
    return frozenset(name for name, hint in hints.items() if "Secret[" in str(hint) or hint is Secret)


def _with_cors(request: Request, response: Response) -> Response:
    """Adds what a browser on another origin needs: tokens are sent by script, so any origin may ask and none gets cookies."""
    if "origin" not in request.headers:
        return response
    headers = [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "idempotency-replayed, retry-after"),
    ]
    if request.method == "OPTIONS":
        headers += [
            ("access-control-allow-methods", "GET, POST"),
            (
                "access-control-allow-headers",
                "authorization, content-type, idempotency-key, osteon-scope, osteon-action, osteon-after, osteon-guest",
            ),
            ("access-control-max-age", "600"),
        ]
    return response._replace(headers=(*response.headers, *headers))
