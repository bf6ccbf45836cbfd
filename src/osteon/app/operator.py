"""The operator: what may be asked at the machine itself, beside the gateway.

Whoever may open the socket of a server asks lines of JSON, one for each connection, and gets lines of JSON: as many
`{"progress": …}` as there are, then one `{"result": …}` or `{"refused": problem, "says": sentence}`.

    {"do": "status"}
    {"do": "command", "tenant": name or id, "type": wire name, "key": ULID, "body": {…}}

A command is asked by the account `operator` of the tenant `house`; who sat at the keyboard stands in its context. It goes through the
inbox like any other, so it has a verdict, a place in the journal and a history. Only those are taken that a module names for operators.
"""

import asyncio
import difflib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

import msgspec
import structlog

from osteon.context import Actor, Authenticated, Authorization, InternalProof, InvocationContext, Origin, Scope, Trace
from osteon.engine import Engine, service_account
from osteon.gateway.meanings import meaning_of
from osteon.gateway.problems import status_of
from osteon.gateway.strict import check_json, read_message, refuse_invalid
from osteon.messages import Command, MessageType
from osteon.model import HOUSE, Identifier, InvocationId, Problem, Refused, TenantId, is_identifier, record_json
from osteon.ports.directory import TenantEntry
from osteon.ports.inbox import Delivery, Reply

__all__ = ["HANDLER", "Operator", "Work", "refusal"]

HANDLER = "operator"
_LIFETIME = 30_000
_PATIENCE = 40.0
_PAUSE = 0.2

_SAYS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "not-json": lambda _: "What was asked is no line of JSON.",
    "too-large": lambda params: f"What was asked is longer than {params['limit']:,} bytes.",
    "too-slow": lambda params: f"Nothing was asked within {params['seconds']:g} s.",
    "busy": lambda _: "Too many ask at once, or too many commands wait. Nothing was done; try again.",
    "invalid": lambda params: f"{_field(params['field'])} cannot be taken as it is: {params['reason']}.",
    "too-deep": lambda params: f"Objects and lists are nested deeper than {params['depth']}.",
    "invalid-key": lambda _: "The key must be a ULID.",
    "unknown-tenant": lambda params: f"There is no tenant '{params['tenant']}'.{_near(params)}",
    "unknown-type": lambda params: f"There is no command '{params['type']}'.{_near(params)}",
    "not-permitted": lambda params: f"'{params['permission']}' is not for operators: no module names it for them.",
    "operations.no-such-view": lambda params: f"There is no view '{params['view']}'.{_near(params)}",
    "operations.view-decides": lambda params: (
        f"Something is decided by the view '{params['view']}', so it is never behind: it is made again at a start, when its "
        "declaration or its 'revision' has changed."
    ),
    "unavailable": lambda _: "It is not known whether it was recorded: look with 'osteon journal show', or ask again.",
}


class Work(Protocol):
    """What a command of an operator makes happen once it is recorded."""

    def expect(self, command: Any, tenant: TenantId) -> None:
        """Looks, before the command is sent, whether there can be anything to do.

        Raises:
            Refused: There cannot.
        """
        ...

    def progress(self, command: Any, tenant: TenantId) -> AsyncIterator[dict[str, Any]]:
        """How far it is, until it is done; last, how it ended."""
        ...


class _CommandAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="command"):
    tenant: str
    type: str
    key: str
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _StatusAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="status"):
    pass


_REQUESTS = msgspec.json.Decoder(_CommandAsked | _StatusAsked)


class Operator:
    """Answers what is asked at the machine."""

    def __init__(
        self,
        engine: Engine,
        status: Callable[[], Awaitable[Any]],
        works: Mapping[type[Command[Any]], Work] | None = None,
    ) -> None:
        """Puts it together.

        Args:
            engine: Decides commands.
            status: How everything is, as a value.
            works: For some commands, what they make happen.
        """
        self._engine = engine
        self._status = status
        self._works = works or {}
        self._log = structlog.get_logger("osteon.operator")

    async def answer(self, line: bytes, person: str) -> AsyncGenerator[dict[str, Any]]:
        """The lines of the answer to a line; `person` is who sits at the keyboard, as the machine knows them."""
        try:
            match _read(line):
                case _StatusAsked():
                    yield {"result": await self._status()}
                case _CommandAsked() as asked:
                    async for each in self._command(asked, person):
                        yield each
        except Refused as refused:
            yield refusal(refused.problem)
        except Exception:  # noqa: BLE001 - whatever happens, whoever asked is answered
            self._log.exception("an operator was not answered")
            yield refusal(Problem(key="unexpected"))

    async def _command(self, asked: _CommandAsked, person: str) -> AsyncGenerator[dict[str, Any]]:
        message = self._message(asked.type)
        tenant = self._tenant(asked.tenant)
        if not is_identifier(asked.key):
            raise Refused("invalid-key")
        command = cast("Command[Any]", read_message(message, bytes(asked.body)))
        work = self._works.get(type(command))
        await self._engine.open(tenant.tenant)
        if work is not None:
            work.expect(command, tenant.tenant)
        reply = await self._sent(self._delivery(message, command, tenant, asked.key, person))
        outcome: dict[str, Any] | None = None
        if work is not None and reply.verdict == "accepted":
            async for outcome in work.progress(command, tenant.tenant):
                yield {"progress": outcome}
        yield {"result": {"tenant": tenant.name, **_told(reply), "outcome": outcome}}

    def _message(self, name: str) -> MessageType:
        product = self._engine.product
        message = product.operated.get(name)
        if message is None:
            if name in product.catalogue:
                raise Refused("not-permitted", permission=name)
            raise Refused("unknown-type", type=name, nearest=_nearest(name, product.operated))
        return message

    def _tenant(self, text: str) -> TenantEntry:
        tenants = self._engine.indexes.tenants
        found = tenants.named(text) or tenants.with_id(TenantId(Identifier(text)))
        if found is None:
            names = {each.name: each for each in tenants.all()}
            raise Refused("unknown-tenant", tenant=text, nearest=_nearest(text, names))
        return found

    async def _sent(self, delivery: Delivery) -> Reply:
        """The verdict. Somebody waits for it, so what fails is told at once, and only what may pass is asked again."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    reply = await self._engine.sending.once(delivery)
                    problem = reply.problem
                    if problem is None or reply.verdict == "rejected":
                        return reply
                    if reply.verdict == "faulted" or not problem.retryable or problem.key == "expired":
                        raise Refused(problem.key, problem.retryable, **problem.params)
                    await self._engine.ports.clock.sleep(_PAUSE)
        except TimeoutError:
            raise Refused("unavailable", retryable=True) from None

    def _delivery(
        self, message: MessageType, command: Command[Any], tenant: TenantEntry, key: str, person: str
    ) -> Delivery:
        field = self._engine.product.deciders[type(command)].entity
        entity = getattr(command, field)
        if entity is None:
            raise Refused("invalid", field=message.fields[field], reason="missing-field")
        ports = self._engine.ports
        secret = ports.keyring.derive(tenant.tenant, "fingerprints")
        return Delivery(
            context=self._context(message, tenant, key, person),
            command=command,
            entity=entity,
            key=f"{HANDLER}/{key}",
            fingerprint=hashlib.blake2b(
                message.name.encode() + record_json(command), key=secret, digest_size=16
            ).hexdigest(),
            expires=ports.clock.milliseconds() + _LIFETIME,
        )

    def _context(self, message: MessageType, tenant: TenantEntry, key: str, person: str) -> InvocationContext:
        invocation: InvocationId = self._engine.identifiers.next()
        actor = Actor(
            account=service_account(HOUSE, HANDLER),
            locale="en",
            authentication=InternalProof(handler=HANDLER, person=person),
        )
        allowed = Authorization(permission=message.name, reason=HANDLER)
        return InvocationContext(
            tenant=tenant.tenant,
            scope=Scope(path=(tenant.root,)),
            access=Authenticated(actor=actor, origin=Origin(), authorization=allowed),
            trace=Trace(action=key, external=key, originating=invocation, current=invocation),
            at=self._engine.ports.clock.now(),
        )


def refusal(problem: Problem) -> dict[str, Any]:
    """The line that says why nothing was done."""
    says = _SAYS.get(problem.key)
    sentence = meaning_of(problem.key, status_of(problem)) if says is None else says(problem.params)
    return {"refused": problem, "says": sentence}


def _read(line: bytes) -> _CommandAsked | _StatusAsked:
    check_json(line)
    try:
        asked: _CommandAsked | _StatusAsked = _REQUESTS.decode(line)
    except msgspec.ValidationError as error:
        refuse_invalid(error, line)
    return asked


def _told(reply: Reply) -> dict[str, Any]:
    """A verdict, as whoever asked is told it."""
    return {
        "verdict": reply.verdict,
        "problem": reply.problem,
        "says": refusal(reply.problem)["says"] if reply.problem else None,
        "answer": msgspec.Raw(reply.answer),
        "invocation": reply.invocation,
        "position": reply.position,
        "replayed": reply.replayed,
    }


def _nearest(name: str, known: Mapping[str, Any]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _field(name: str) -> str:
    return f"The field '{name}'" if name else "What was asked"


def _near(params: Mapping[str, Any]) -> str:
    return f" Did you mean '{params['nearest']}'?" if params.get("nearest") else ""
