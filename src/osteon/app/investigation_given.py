"""An entry as a given-when-then test: given what had happened, when that is asked in that context, then what was recorded.

It is the decider alone that is tested, with the values of then. What is sensitive is replaced by stand-ins, the same for
the same value: a test is kept with the code, and read by everybody.
"""

import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from osteon.app.inspection import Inspection
from osteon.app.investigation import history_before
from osteon.app.investigation_source import Call, NotExpressible, Source, assigned, rendered
from osteon.context import Access, Authenticated, InvocationContext, Origin, SessionProof
from osteon.domain import Ask, Asked, Decider, Product, Refusal, Saga, Step, Woken
from osteon.domain.testing import Unmet, context, given
from osteon.messages import Entry, Recorded, wire_name
from osteon.model import (
    AccountId,
    OsteonError,
    Personal,
    ScopeId,
    Sensitive,
    SessionId,
    TenantId,
    decoder,
    replace,
)

__all__ = ["AsTest", "NotTestable", "as_test"]

AnyDecider = Decider[Any, Any, Any, Any, Any]
AnySaga = Saga[Any, Any, Any]

NAMES = ("HAPPENED", "COMMAND", "CONTEXT", "EVENTS", "ANSWER", "EVENT", "STATE", "STEP")


class NotTestable(OsteonError):
    """Raised when no test can be made of an entry."""


class AsTest(NamedTuple):
    """A test.

    Attributes:
        text: The file.
        fails: Why it fails on this checkout; None where it passes.
    """

    text: str
    fails: str | None


async def as_test(inspection: Inspection, product: Product, entry: Entry, *, reveal: bool = False) -> AsTest:
    """Makes a test of an entry.

    Args:
        inspection: The installation's files.
        product: Whose decider is tested.
        entry: What was recorded.
        reveal: Whether personal values stay as they are. Sealed ones never do.

    Raises:
        NotTestable: The product does not know what is needed, or it cannot be written down.
    """
    before = await history_before(inspection, entry)
    stand_ins = _StandIns(reveal=reveal)
    case = _Case(product, entry, before, stand_ins)
    saga = next((saga for _, saga in product.all_sagas if saga.name == entry.entity_type), None)
    try:
        script = _OfSaga(case, saga) if saga is not None else _OfDecider(case)
        body = script.body()
        text = _file(entry, inspection.name(entry.context.tenant), case.source, body, masked=stand_ins.used)
    except NotExpressible as fault:
        raise NotTestable(str(fault)) from fault
    return AsTest(text, script.fails)


class _StandIns:
    """Puts something harmless in the place of sensitive values."""

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal
        self._known: dict[tuple[type[Any], Any], str] = {}

    @property
    def used(self) -> bool:
        return bool(self._known)

    def of(self, value: Any) -> Any:
        """The value, or one like it without anything sensitive."""
        match value:
            case Sensitive():
                return self._masked(value)  # pyright: ignore[reportUnknownArgumentType]
            case msgspec.Struct():
                held = {name: getattr(value, name) for name in value.__struct_fields__}
                changed = {name: new for name, old in held.items() if (new := self.of(old)) is not old}
                return msgspec.structs.replace(value, **changed) if changed else value
            case list() | tuple() | set() | frozenset():
                return self._of_several(cast("Any", value))
            case dict():
                fields = cast("Mapping[Any, Any]", value)
                return {name: self.of(each) for name, each in fields.items()}
            case msgspec.Raw() if not self._reveal and bytes(value) != b"null":
                raise NotTestable(
                    "It holds JSON of which nobody knows what is sensitive. With '--reveal' it is written as it is."
                )
            case _:
                return value

    def _of_several(self, values: Any) -> Any:
        kept = [self.of(each) for each in values]
        return values if all(map(operator.is_, kept, values)) else type(values)(kept)

    def _masked(self, value: Sensitive[Any]) -> Sensitive[Any]:
        held = value.reveal()
        if self._reveal and isinstance(value, Personal):
            return value
        if not isinstance(held, str):
            raise NotTestable(
                f"It holds a {type(value).__name__} that is no text, for which there is no stand-in. "
                "With '--reveal' what is personal is written as it is."
            )
        kind = type(value)
        return kind(self._known.setdefault((kind, held), f"{kind.__name__.lower()} {len(self._known) + 1}"))


class _Case:
    """What both kinds of tests are made of."""

    def __init__(self, product: Product, entry: Entry, before: Sequence[Entry], stand_ins: _StandIns) -> None:
        decider = product.entities.get(entry.entity_type)
        if decider is None:
            raise NotTestable(f"'{product.name}' has no '{entry.entity_type}' any more.")
        self.product = product
        self.entry = entry
        self.decider: AnyDecider = decider
        self.source = Source(NAMES)
        self.stand_ins = stand_ins
        self.happened = [self.read(event) for each in before for event in each.events]
        self.command = self.read(entry.command)
        self.events = [self.read(event) for event in entry.events]

    def read(self, message: Recorded | Asked) -> Any:
        """A recorded message, as it was."""
        known = self.product.catalogue.get(message.type)
        if known is None:
            raise NotTestable(f"'{self.product.name}' does not know '{message.type}' any more.")
        return _decoded(known.decoder.decode, message.type, message.body)

    def answer(self) -> Any:
        """What was answered, without anything sensitive."""
        known = self.product.catalogue[self.entry.command.type]
        answer = _decoded(decoder(known.answer).decode, f"the answer of {known.name}", self.entry.answer)
        return self.stand_ins.of(answer)

    def within(self, decided: Callable[[InvocationContext], Any]) -> tuple[InvocationContext, Call]:
        """The context: a simple one where that is decided the same, else the recorded one without its origin."""
        whole = _without_origin(self.entry.context)
        arguments = _arguments(whole)
        simple = context(**arguments)
        if _attempted(decided, simple) == _attempted(decided, whole):
            return simple, self._simple(arguments)
        written = self.source.value(whole, InvocationContext)
        assert isinstance(written, Call)
        return whole, written

    def constant(self, name: str, value: Any) -> list[str]:
        """The lines that give a value a name."""
        known = self.product.catalogue.get(self.entry.command.type)
        return assigned(name, self.source.value(value, known.answer if known and name == "ANSWER" else None))

    def several(self, name: str, values: Sequence[Any]) -> list[str]:
        """The lines that give several values a name."""
        return assigned(name, Call("(", [("", self.source.value(each)) for each in values], ")"))

    def variable(self, thing: object, *functions: Any) -> str:
        """The name under which a decider or a saga with these functions is imported."""
        near = list(dict.fromkeys(each.__module__ for each in functions if each is not None))
        packages = {each.partition(".")[0] for each in near}
        others = sorted(sys.modules, key=lambda each: (each.partition(".")[0] not in packages, each))
        for module in (*near, *others):
            for name, held in [*vars(sys.modules[module]).items()]:
                if held is thing:
                    return self.source.imported(module, name)
        raise NotTestable(
            f"The decider of '{self.entry.entity_type}' has no name in any module: no test can import it."
        )

    def _simple(self, arguments: Mapping[str, Any]) -> Call:
        source = self.source
        path: Sequence[ScopeId] = arguments["scope"]
        kinds: dict[str, Any] = {"tenant": TenantId, "account": AccountId, "session": SessionId}
        items: list[tuple[str, Any]] = []
        for name, value in arguments.items():
            if name == "scope":
                scopes = [("", source.identifier(ScopeId, each, "")) for each in path]
                items.append(("scope=", Call("[", scopes, "]")))
            elif name in kinds and value is not None:
                items.append((f"{name}=", source.identifier(kinds[name], value, "")))
            else:
                items.append((f"{name}=", source.value(value)))
        return Call(f"{source.imported('osteon.domain.testing', 'context')}(", items, ")")


class _OfDecider:
    """A test of an ordinary decider."""

    def __init__(self, case: _Case) -> None:
        self._case = case
        self._happened: list[Any] = case.stand_ins.of(case.happened)
        self._command = case.stand_ins.of(case.command)
        self._events: list[Any] = case.stand_ins.of(case.events)
        self.fails: str | None = None

    def body(self) -> list[str]:
        case = self._case
        used, written = case.within(self._decided)
        asked = self._asked()
        lines = [*(case.several("HAPPENED", self._happened) if self._happened else [])]
        lines += case.constant("COMMAND", self._command)
        lines += assigned("CONTEXT", written)
        fault = _attempted(self._decided, used)
        match case.entry.verdict:
            case "faulted":
                return [*lines, *self._faulted(asked, fault)]
            case "rejected":
                return [*lines, *self._rejected(asked, fault, used)]
            case "accepted":
                return [*lines, *self._accepted(asked, used)]

    def _decided(self, within: InvocationContext) -> Any:
        case = self._case
        return given(case.decider, *self._happened).when(self._command, within)

    def _asked(self) -> str:
        case = self._case
        decides = case.decider
        decider = case.variable(decides, decides.create, decides.decide, decides.begin, decides.evolve)
        happened = ", *HAPPENED" if self._happened else ""
        return f"{case.source.imported('osteon.domain.testing', 'given')}({decider}{happened}).when(COMMAND, CONTEXT)"

    def _accepted(self, asked: str, used: InvocationContext) -> Iterator[str]:
        case = self._case
        answer = case.answer()
        events, then = self._events, ".then(*EVENTS)" if self._events else ".changes_nothing()"
        if events:
            yield from case.several("EVENTS", events)
        if answer is not None:
            yield from case.constant("ANSWER", answer)
            then = f"{then}.answers(ANSWER)"

        def check() -> None:
            outcome = self._decided(used).then(*events)
            if answer is not None:
                outcome.answers(answer)

        self.fails = _failure(check)
        what = "_and_".join(event.type.replace("-", "_") for event in case.entry.events[:3])
        yield from _test(case.entry, f"leads_to_{what}" if what else "changes_nothing", [f"{asked}{then}"])

    def _rejected(self, asked: str, fault: object, used: InvocationContext) -> Iterator[str]:
        problem = self._case.entry.problem
        assert problem is not None
        name = f"is_rejected_as_{_worded(problem.key)}"
        word = problem.key.rpartition(".")[2]
        if isinstance(fault, _Raised) and fault.kind is Unmet and f"'{word}'" in fault.text:
            self._case.source.module("pytest")
            unmet = self._case.source.imported("osteon.domain.testing", "Unmet")
            comment = "# The engine answers that before any rule is asked."
            raising = f"with pytest.raises({unmet}, match=\"'{word}'\"):"
            yield from _test(self._case.entry, name, [comment, raising, f"    {asked}"])
            return
        params: dict[str, Any] = self._case.stand_ins.of(problem.params)

        def check_all() -> None:
            self._decided(used).rejects(problem.key, **params)

        told = params if all(map(str.isidentifier, params)) and _failure(check_all) is None else {}
        self.fails = _failure(lambda: self._decided(used).rejects(problem.key, **told))
        items = [("", self._case.source.value(problem.key))]
        items += [(f"{each}=", self._case.source.value(value)) for each, value in told.items()]
        yield from _test(self._case.entry, name, [Call(f"{asked}.rejects(", items, ")")])

    def _faulted(self, asked: str, fault: object) -> Iterator[str]:
        self.fails = fault.described if isinstance(fault, _Raised) else None
        yield from _test(self._case.entry, "is_decided", [*_of_fault(self.fails), asked])


class _OfSaga:
    """A test of a step of a saga."""

    def __init__(self, case: _Case, saga: AnySaga) -> None:
        self._case = case
        self._saga = saga
        self._state = case.stand_ins.of(case.happened[-1].state) if case.happened else None
        self._begins = isinstance(case.command, saga.begins)
        self.fails: str | None = None
        if case.entry.verdict == "rejected" or (self._state is None) != self._begins:
            raise NotTestable("The engine answered that before any step of the saga was asked: there is none to test.")
        self._event: Any = case.stand_ins.of(self._told())

    def body(self) -> list[str]:
        case = self._case
        used, written = case.within(self._stepped)
        saga = case.variable(self._saga, self._saga.begin, self._saga.proceed)
        lines = [*case.constant("EVENT", self._event)]
        if not self._begins:
            lines += case.constant("STATE", self._state)
        lines += assigned("CONTEXT", written)
        asked = f"{saga}.begin(EVENT, CONTEXT)" if self._begins else f"{saga}.proceed(EVENT, STATE, CONTEXT)"
        after = f"after_{_worded(self._case.command.type)}"
        if case.entry.verdict == "faulted":
            fault = _attempted(self._stepped, used)
            self.fails = fault.described if isinstance(fault, _Raised) else None
            due = f"{saga}.due(step.state)"
            return [*lines, *_test(case.entry, f"goes_on_{after}", [*_of_fault(self.fails), f"step = {asked}", due])]
        return [*lines, *self._accepted(asked, saga, after, used)]

    def _accepted(self, asked: str, saga: str, after: str, used: InvocationContext) -> Iterator[str]:
        case = self._case
        recorded = case.events[0]
        asks = tuple(Ask(command=case.read(each), scope=each.scope, tenant=each.tenant) for each in recorded.asks)
        step: Step[Any] = case.stand_ins.of(Step(state=recorded.state, asks=asks, settled=recorded.settled))
        yield from case.constant("STEP", step)
        due = rendered(case.source.value(recorded.due), f"assert {saga}.due(step.state) == ")
        is_never = f"assert {saga}.due(step.state) is None"

        def check() -> None:
            now, due_now = self._stepped(used)
            if (now, due_now) != (step, recorded.due):
                raise Unmet("The step is another one than was recorded.")

        self.fails = _failure(check)
        lines = [f"step = {asked}", "assert step == STEP", *([is_never] if recorded.due is None else due)]
        yield from _test(case.entry, f"goes_on_{after}", lines)

    def _stepped(self, within: InvocationContext) -> tuple[Any, Any]:
        """The step, and when the saga is due then."""
        begins = self._begins
        step = self._saga.begin(self._event, within) if begins else self._saga.proceed(self._event, self._state, within)
        return step, self._saga.due(step.state)

    def _told(self) -> Any:
        """The event of which the saga was told."""
        told = self._case.command
        kinds: list[Any] = [*self._saga.events, Woken, Refusal]
        kind = next((each for each in kinds if wire_name(each) == told.type), None)
        if kind is None:
            raise NotTestable(f"The saga '{self._saga.name}' does not follow '{told.type}' any more.")
        return _decoded(decoder(kind).decode, told.type, told.body)


class _Raised(NamedTuple):
    """What was raised instead of a result."""

    kind: type[Exception]
    text: str

    @property
    def described(self) -> str:
        return f"{self.kind.__name__}: {self.text}"


def _attempted(decided: Callable[[InvocationContext], Any], within: InvocationContext) -> object:
    """What is decided in a context, as something to be compared."""
    try:
        result = decided(within)
    except Exception as fault:  # noqa: BLE001 - a module may raise anything, and that is what is told
        return _Raised(type(fault), str(fault))
    return getattr(result, "decision", result)


def _failure(check: Callable[[], object]) -> str | None:
    try:
        check()
    except Exception as fault:  # noqa: BLE001 - a module may raise anything, and that is what is told
        return f"{type(fault).__name__}: {fault}"
    return None


def _decoded(decode: Callable[[Any], Any], what: str, body: Any) -> Any:
    try:
        return decode(body)
    except (ValueError, NotImplementedError) as fault:
        raise NotTestable(f"'{what}' cannot be read any more as it was recorded: {fault}.") from fault


def _without_origin(whole: InvocationContext) -> InvocationContext:
    """The context without the address from which somebody asked: no rule is to know it, and no test."""
    access: Access = whole.access
    return replace(whole, access=replace(access, origin=Origin()))


def _arguments(whole: InvocationContext) -> dict[str, Any]:
    """What is said to `osteon.domain.testing.context`."""
    access = whole.access
    arguments: dict[str, Any] = {"tenant": whole.tenant, "scope": list(whole.scope.path), "account": whole.account}
    arguments["at"] = whole.at
    if isinstance(access, Authenticated):
        proof = access.actor.authentication
        if isinstance(proof, SessionProof):
            arguments["session"] = proof.session
        if access.actor.locale != "en":
            arguments["locale"] = access.actor.locale
    if whole.toggles.values:
        arguments["toggles"] = whole.toggles
    return arguments


def _of_fault(fails: str | None) -> list[str]:
    """What is said above a command that was faulted."""
    now = f"It raises '{fails.splitlines()[0][:70]}' now." if fails else "It is decided now."
    return ["# Recorded as faulted: no decision was made.", f"# {now} Say here what is right."]


def _test(entry: Entry, name: str, statements: Sequence[str | Call]) -> Iterator[str]:
    yield ""
    yield ""
    yield f"def test_{_worded(entry.command.type)}_{name}() -> None:"
    for statement in statements:
        if isinstance(statement, Call):
            yield from rendered(statement, "", indent="    ")
        else:
            yield f"    {statement}"


def _file(entry: Entry, tenant: str, source: Source, body: Sequence[str], *, masked: bool) -> str:
    became = f"{entry.verdict} as '{entry.problem.key}'" if entry.problem else entry.verdict
    at = entry.context.at.strftime("%Y-%m-%d %H:%M:%S")
    place = f"{entry.position.partition}/{entry.position.sequence}"
    head = [
        f"\"\"\"'{entry.command.type}' in '{tenant}' was {became}.",
        "",
        f"Invocation {entry.context.trace.current}, entry {place}, {at} UTC; by 'osteon investigate --as-test'.",
        *(["What is sensitive has a stand-in, the same for the same value."] if masked else []),
        '"""',
        "",
    ]
    constants = source.constants()
    return "\n".join([*head, *source.imports(_first_party()), "", *constants, *body]) + "\n"


def _first_party() -> list[str]:
    """The packages of the folder in which the test is written; an installed library is not one of them."""
    here = Path.cwd()
    folders = [each for each in (here, here / "src") if each.is_dir()]
    return sorted({path.stem for each in folders for path in each.iterdir() if path.is_dir() or path.suffix == ".py"})


def _worded(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
