"""The gateway: from an HTTP request to an invocation with its context, decided once, and back to a response."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any, NamedTuple, cast

import msgspec
import structlog

from osteon.context import InvocationContext, Trace
from osteon.engine import Engine, InvocationEdge, identifier_from, read_places
from osteon.gateway.callers import Admission, Caller, Callers
from osteon.gateway.exchange import Request, Response
from osteon.gateway.limits import Buckets, Rate
from osteon.gateway.operations import Item, Operation, Outcome, action_of, key_of, operations_of
from osteon.gateway.problems import problem_body, problem_response, status_of
from osteon.gateway.strict import Derived, check_json, read_message, refuse_invalid
from osteon.messages import Command, Message, MessageType, Query, wire_name
from osteon.model import InvocationId, Problem, Refused, answer_json, record_json
from osteon.ports.agents import Agents
from osteon.ports.inbox import Delivery, Reply
from osteon.ports.policies import Policies

__all__ = ["Gateway", "Rates"]

MAX_BODY = 1 << 20
MAX_ITEMS = 100
LIFETIME = 30_000

_JSON = (("content-type", "application/json"),)
_REPLAYED = (*_JSON, ("idempotency-replayed", "true"))


class Rates(NamedTuple):
    """How much the gateway lets through."""

    account: Rate = Rate(5_000, 5_000)
    tenant: Rate = Rate(20_000, 20_000)


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a bulk request."""

    items: list[Item]
    stop: bool = False


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
        self._pages = pages
        self.domain = domain
        self._callers = Callers(engine, policies, agents, domain)
        self._clock = clock = engine.ports.clock
        rates = rates or Rates()
        self._accounts = Buckets(rates.account)
        self._tenants = Buckets(rates.tenant)
        self._operations = operations_of(engine.product, clock.monotonic)
        self._sagas: dict[str, list[tuple[MessageType, str, str]]] = {}
        for _, saga in engine.product.all_sagas:
            for event in saga.events:
                message = self._catalogue[wire_name(event)]
                self._sagas.setdefault(message.name, []).append((message, saga.name, saga.about))
        self._mac_keys: dict[str, Any] = {}
        self._log = structlog.get_logger("osteon.gateway")
        self.refused: dict[str, int] = {}

    async def __call__(self, request: Request) -> Response:
        """The response to a request; whatever happens, there is one."""
        try:
            operations, name = self._find(request)
            if operations is None:
                response = await self._page(request)
            else:
                _check_request(request)
                caller = self._callers.remembered(request) or await self._callers.caller(request)
                if name:
                    response = _response(await self._invoke(operations, caller, _item(name, request), request.body))
                else:
                    response = await self._bulk(request, caller, operations)
        except Refused as refusal:
            self._count(refusal.problem)
            response = problem_response(refusal.problem)
        except Exception:  # noqa: BLE001 - whatever happens, the client is answered
            self._log.exception("a request failed", path=request.path)
            response = problem_response(Problem(key="unexpected", retryable=True))
        # A browser on another origin wants to be told that it may.
        return _with_cors(request, response) if "origin" in request.headers else response

    def new_key(self) -> str:
        """An external invocation ID, for a client in the same process."""
        key: str = self._engine.identifiers.next()
        return key

    def _find(self, request: Request) -> tuple[dict[str, Operation] | None, str]:
        """What may be asked under the path, and which of it; a bulk has no name. None for a page."""
        kind, slash, name = request.path[1:].partition("/")
        operations = self._operations.get(kind)
        if operations is None or request.method == "OPTIONS" or (slash and not name) or "/" in name:
            return None, name
        return operations, name

    async def _page(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(204)
        if request.host != self.domain:
            await self._callers.tenant(request.host)
        page = self._pages(request)
        if page is None:
            raise Refused("unknown-path", path=request.path)
        if request.method not in ("GET", "HEAD"):
            raise Refused("method-not-allowed", method=request.method, allow="GET, HEAD")
        return page

    async def _bulk(self, request: Request, caller: Caller, operations: dict[str, Operation]) -> Response:
        bulk = _read_bulk(request.body)
        asked = [operations.get(item.type) for item in bulk.items]
        if bulk.stop or any(operation is not None and operation.prepare is not None for operation in asked):
            outcomes = await self._one_by_one(caller, bulk, operations)
        else:
            invoked = (self._invoke(operations, caller, item, bytes(item.body)) for item in bulk.items)
            outcomes = await asyncio.gather(*invoked)
        return Response(200, b'{"items":[' + b",".join(_item_body(outcome) for outcome in outcomes) + b"]}", _JSON)

    async def _one_by_one(self, caller: Caller, bulk: Bulk, operations: dict[str, Operation]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        failed = False
        for item in bulk.items:
            if failed:
                problem = Problem(key="not-run", retryable=True)
                outcomes.append(Outcome(status_of(problem), problem_body(problem, None), problem=problem))
                continue
            outcomes.append(await self._invoke(operations, caller, item, bytes(item.body)))
            failed = bulk.stop and outcomes[-1].status >= 400
        return outcomes

    async def _invoke(self, operations: dict[str, Operation], caller: Caller, item: Item, body: bytes) -> Outcome:
        """Has an operation done, and turns a refusal into the item's own outcome."""
        invocation: InvocationId = self._engine.identifiers.next()
        try:
            self._limit(caller)
            operation = _operation(operations, item.type)
            if operation.message.kind == "command":
                return await self._command(operation, caller, item, body, invocation)
            return await self._query(operation, caller, item, body, invocation)
        except Refused as refusal:
            problem = refusal.problem
        except Exception:  # noqa: BLE001 - whatever happens, the client is answered
            self._log.exception("an invocation failed", type=item.type, invocation=invocation)
            problem = Problem(key="unexpected", retryable=True)
        self._count(problem)
        return Outcome(status_of(problem), problem_body(problem, invocation), problem=problem)

    async def _command(
        self, operation: Operation, caller: Caller, item: Item, body: bytes, invocation: InvocationId
    ) -> Outcome:
        external = key_of(item.key)
        derived = self._derived(operation, caller, external) if operation.creates is not None else None
        command = cast("Command[Any]", read_message(operation.message, body, derived))
        guard, tenant = operation.guard, caller.tenant.tenant
        if guard is not None:
            guard.let_through(tenant, command)
        context = self._authorize(operation, caller, item, command, invocation, external)
        key = f"{caller.key_space or f'once-{invocation}'}/{external}"
        prepared = command
        if operation.prepare is not None:
            prepared = await operation.prepare.prepare(command, InvocationEdge(self._engine.capabilities, context, key))
        reply = await self._decided(operation, context, command, prepared, key)
        if guard is not None and reply.verdict == "rejected":
            guard.rejected(tenant, command)
        return self._outcome(reply, context, key)

    def _decided(
        self,
        operation: Operation,
        context: InvocationContext,
        asked: Command[Any],
        prepared: Command[Any],
        key: str,
    ) -> Awaitable[Reply]:
        """Puts a command into the inbox; the reply comes once its verdict is durable, or it is refused."""
        delivery = Delivery(
            context=context,
            command=prepared,
            entity=getattr(prepared, self._engine.product.deciders[type(prepared)].entity),
            key=key,
            fingerprint=self._fingerprint(operation, context, asked, type(prepared).__name__),
            expires=self._clock.milliseconds() + LIFETIME,
        )
        current, replies = context.trace.current, self._engine.ports.replies
        reply = replies.expect(current)
        try:
            self._engine.inbox.put(delivery)
        except Refused as full:
            # Whatever is expected comes, else its place would be kept for ever.
            replies.deliver(current, Reply.refused(current, full.problem))
        return reply

    async def _query(
        self, operation: Operation, caller: Caller, item: Item, body: bytes, invocation: InvocationId
    ) -> Outcome:
        key = key_of(item.key) if item.key is not None else invocation
        query = cast("Query[Any]", read_message(operation.message, body))
        after = read_places(item.after) if item.after is not None else []
        context = self._authorize(operation, caller, item, query, invocation, key)
        answered = await self._engine.reader.ask(
            query, context, after, lambda: InvocationEdge(self._engine.capabilities, context, key)
        )
        self._engine.recorder.answered(context, operation.name, record_json(query), answered.rows)
        tail = f',"invocation":"{invocation}","position":"{answered.place}"}}'.encode()
        return Outcome(200, b'{"answer":' + answered.body + tail)

    def _derived(self, operation: Operation, caller: Caller, key: str) -> Derived:
        """The identifier of what a command makes, for a client that gives none: derived from the key."""
        assert operation.creates is not None
        space = caller.key_space or self._engine.identifiers.next()
        name = f"{space}/{operation.name}/{key}"
        return Derived(operation.creates, lambda: identifier_from(caller.tenant.tenant, name))

    def _authorize(
        self,
        operation: Operation,
        caller: Caller,
        item: Item,
        asked: Message,
        invocation: InvocationId,
        key: str,
    ) -> InvocationContext:
        """Decides whether an invocation may happen; its context, with what was decided.

        Raises:
            Refused: `scope-not-found`, `unavailable`, `token-missing`, `not-permitted`.
        """
        also = None if operation.also_in is None else getattr(asked, operation.also_in)
        admission = self._callers.admission(caller, operation.name, item.scope, also)
        trace = Trace(
            action=key if item.action is None else action_of(item.action),
            external=key,
            originating=invocation,
            current=invocation,
        )
        context = InvocationContext(
            tenant=caller.tenant.tenant,
            scope=admission.scope,
            access=admission.access,
            trace=trace,
            at=self._clock.now(),
            toggles=caller.toggles,
        )
        if not admission.ruling.allowed:
            self._refuse(caller, context, operation, admission)
        return context

    def _refuse(self, caller: Caller, context: InvocationContext, operation: Operation, admission: Admission) -> None:
        if caller.actor is None:
            raise Refused("token-missing")
        reason = admission.ruling.reason
        problem = Problem(key="not-permitted", params={"permission": operation.name, "reason": reason})
        self._engine.recorder.refused(context, operation.name, problem)
        raise Refused("not-permitted", permission=operation.name, reason=reason)

    def _outcome(self, reply: Reply, context: InvocationContext, key: str) -> Outcome:
        if reply.verdict != "accepted":
            problem = reply.problem or Problem(key="unexpected", retryable=True)
            self._count(problem)
            body = problem_body(problem, reply.invocation)
            return Outcome(status_of(problem), body, reply.replayed, problem)
        answer = self._present(reply, context, key)
        settles = self._settles(reply) if self._sagas else ""
        tail = f',"invocation":"{reply.invocation}","position":"{reply.position}"{settles}}}'.encode()
        return Outcome(200, b'{"verdict":"accepted","answer":' + answer + tail, reply.replayed)

    def _settles(self, reply: Reply) -> str:
        """The sagas that hear of what happened, as the rest of the reply's JSON: they settle it by and by."""
        found = [
            {"saga": name, "about": getattr(message.decoder.decode(event.body), about), "event": event.id}
            for event in reply.events
            for message, name, about in self._sagas.get(event.type, ())
        ]
        return f',"settles":{msgspec.json.encode(found).decode()}' if found else ""

    def _present(self, reply: Reply, context: InvocationContext, key: str) -> bytes:
        """The answer: the recorded one, or what a module makes of the recorded event."""
        for event in reply.events:
            message = self._catalogue[event.type]
            present = self._engine.product.presenting.get(message.type)
            if present is not None:
                edge = InvocationEdge(self._engine.capabilities, context, key)
                return answer_json(present.present(message.decoder.decode(event.body), edge))
        return reply.answer

    def _fingerprint(
        self, operation: Operation, context: InvocationContext, command: Command[Any], prepared: str
    ) -> str:
        """A keyed MAC over what the client asked, secrets left out, and over what it was prepared to."""
        secrets = operation.secrets
        if secrets:
            fields = {name: getattr(command, name) for name in command.__struct_fields__ if name not in secrets}  # type: ignore[attr-defined]
            body = record_json(fields)
        else:
            body = record_json(command)
        mac = self._mac(context.tenant).copy()
        mac.update(f"{type(command).__name__}>{prepared}@{context.scope.path[-1]}:".encode() + body)
        return cast("str", mac.hexdigest())

    def _mac(self, tenant: str) -> Any:
        known = self._mac_keys.get(tenant)
        if known is None:
            key = self._engine.ports.keyring.derive(cast("Any", tenant), "fingerprints")
            known = self._mac_keys[tenant] = hashlib.blake2b(key=key, digest_size=16)
        return known

    def _limit(self, caller: Caller) -> None:
        account, tenant = caller.bucket, caller.tenant.tenant
        now = self._clock.monotonic()
        if (account and not self._accounts.take(account, now)) or not self._tenants.take(tenant, now):
            wait = max(self._accounts.wait(account, now), self._tenants.wait(tenant, now))
            raise Refused("too-many-requests", retryable=True, seconds=ceil(wait))

    def _count(self, problem: Problem) -> None:
        self.refused[problem.key] = self.refused.get(problem.key, 0) + 1


def _operation(operations: dict[str, Operation], name: str) -> Operation:
    operation = operations.get(name)
    if operation is None:
        raise Refused("unknown-type", type=name)
    return operation


def _check_request(request: Request) -> None:
    if request.method != "POST":
        raise Refused("method-not-allowed", method=request.method, allow="POST")
    if len(request.body) > MAX_BODY:
        raise Refused("too-large", limit=MAX_BODY)
    kind = request.headers.get("content-type", "")
    if request.body and kind != "application/json" and kind.partition(";")[0].strip().lower() != "application/json":
        raise Refused("not-json-type")


def _item(name: str, request: Request) -> Item:
    """The only invocation of a request."""
    header = request.headers.get
    return Item(
        name, header("idempotency-key"), header("osteon-scope"), header("osteon-after"), header("osteon-action")
    )


def _response(outcome: Outcome) -> Response:
    """The response to the only invocation of a request."""
    if outcome.problem is None:
        return Response(outcome.status, outcome.body, _REPLAYED if outcome.replayed else _JSON)
    response = problem_response(outcome.problem)
    replayed = _REPLAYED[-1:] if outcome.replayed else ()
    return Response(outcome.status, outcome.body, (*response.headers, *replayed))


def _read_bulk(body: bytes) -> Bulk:
    check_json(body)
    try:
        bulk = msgspec.json.decode(body, type=Bulk)
    except msgspec.ValidationError as error:
        refuse_invalid(error, body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("not-json") from None
    if len(bulk.items) > MAX_ITEMS:
        raise Refused("too-many-items", limit=MAX_ITEMS)
    return bulk


def _item_body(outcome: Outcome) -> bytes:
    if outcome.problem is not None:
        return f'{{"replayed":{str(outcome.replayed).lower()},'.encode() + outcome.body[1:]
    return f'{{"status":{outcome.status},"replayed":{str(outcome.replayed).lower()},'.encode() + outcome.body[1:]


def _with_cors(request: Request, response: Response) -> Response:
    """Adds what a browser on another origin needs: tokens are sent by script, so any origin may ask and none gets cookies."""
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
    return Response(response.status, response.body, (*response.headers, *headers))
