"""Tests of a module's pure functions, as sentences: given what happened, when this is asked, then that follows.

    >>> from typing import NewType
    >>> from osteon.context import InvocationContext
    >>> from osteon.domain import Decider, Decision, Row, View, accept, reject
    >>> from osteon.domain.testing import given, rows
    >>> from osteon.messages import Command, Event
    >>> from osteon.model import Identifier, Value, named, replace

    >>> LampId = NewType("LampId", Identifier)
    >>> class AddLamp(Command[LampId]):
    ...     lamp: LampId
    >>> class LightLamp(Command[None]):
    ...     lamp: LampId
    >>> class LampAdded(Event):
    ...     lamp: LampId
    >>> class LampLit(Event):
    ...     lamp: LampId
    >>> class Lamp(Value):
    ...     lamp: LampId
    ...     lit: bool = False

    >>> def create(command: AddLamp, context: InvocationContext) -> Decision:
    ...     return accept(LampAdded(lamp=command.lamp), answer=command.lamp)
    >>> def decide(command: LightLamp, lamp: Lamp, context: InvocationContext) -> Decision:
    ...     return reject("lamps.lit") if lamp.lit else accept(LampLit(lamp=lamp.lamp))
    >>> def begin(event: LampAdded) -> Lamp:
    ...     return Lamp(lamp=event.lamp)
    >>> def evolve(event: LampLit, lamp: Lamp) -> Lamp:
    ...     return replace(lamp, lit=True)
    >>> lamp = Decider("lamp", create=create, decide=decide, begin=begin, evolve=evolve)

    >>> DESK = LampId(named("", "desk"))
    >>> ADDED, LIT = LampAdded(lamp=DESK), LampLit(lamp=DESK)
    >>> _ = given(lamp).when(AddLamp(lamp=DESK)).then(ADDED).answers(DESK)
    >>> _ = given(lamp, ADDED).when(LightLamp(lamp=DESK)).then(LIT)
    >>> _ = given(lamp, ADDED, LIT).when(LightLamp(lamp=DESK)).rejects("lamps.lit")

A view is tested by the rows that events leave:

    >>> class LampRow(Row):
    ...     lamp: LampId
    >>> def begin_row(event: LampAdded) -> LampRow:
    ...     return LampRow(lamp=event.lamp)
    >>> rows(View(begin=begin_row), ADDED) == [LampRow(lamp=DESK)]
    True

What the engine does around a decider is checked on the way: no rule sees a missing entity, one of another scope, or one
that exists when it is to be made; what happens must survive the journal and be folded.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from osteon.context import (
    Access,
    Account,
    Actor,
    Authenticated,
    Authorization,
    InvocationContext,
    Origin,
    Scope,
    SessionProof,
    Toggles,
    Trace,
    Unauthenticated,
)
from osteon.domain.decider import Decider
from osteon.domain.decision import Accepted, Decision, Rejected
from osteon.domain.view import Row, View
from osteon.messages import Command, Event
from osteon.model import (
    AccountId,
    Identifier,
    InvocationId,
    OsteonError,
    ScopeId,
    Sensitive,
    SessionId,
    TenantId,
    Value,
    decoder,
    named,
    record_json,
)

__all__ = ["ACTOR", "NOW", "ROOT", "TENANT", "Given", "Outcome", "Unmet", "context", "given", "rows"]

S = TypeVar("S")
R = TypeVar("R", bound=Row)
Making = TypeVar("Making", bound=Command[Any])
Asked = TypeVar("Asked", bound=Command[Any])
Born = TypeVar("Born", bound=Event)
Changed = TypeVar("Changed", bound=Event)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When commands are asked, unless said otherwise."""

TENANT = TenantId(named("", "tenant"))
"""Where commands are asked, unless said otherwise."""

ROOT = ScopeId(named("", "root scope"))
"""The tenant's root scope."""

ACTOR = AccountId(named("", "actor"))
"""Who asks, unless said otherwise."""


class Unmet(OsteonError, AssertionError):
    """Raised when what a test expects is not what happens; the sentence holds both, and how they differ."""


def context(
    *,
    tenant: TenantId = TENANT,
    scope: ScopeId | Sequence[ScopeId] = ROOT,
    account: AccountId | None = ACTOR,
    at: datetime = NOW,
    session: SessionId | None = None,
    locale: str = "en",
    toggles: Toggles | None = None,
) -> InvocationContext:
    """The context in which something is asked; what is not given is sensible.

    Args:
        tenant: Where it happens, and whose account acts.
        scope: The scope, below the root; or the whole path from the root down.
        account: Who acts; None for a guest.
        at: When.
        session: The session of the account's token.
        locale: The language of the account.
        toggles: The toggles that the invocation carries.
    """
    invocation = InvocationId(named("", "invocation"))
    return InvocationContext(
        tenant=tenant,
        scope=Scope(path=_path(scope)),
        access=_access(tenant, account, session or SessionId(named("", "session")), locale),
        trace=Trace(action=invocation, external=invocation, originating=invocation, current=invocation),
        at=at,
        toggles=toggles or Toggles(),
    )


def given(
    decider: Decider[Making, Asked, S, Born, Changed], *events: Event
) -> "Given[Making, Asked, S, Born, Changed]":
    """An entity to which `events` have happened; without any, one that does not exist yet.

    Raises:
        Unmet: The events cannot have happened in that order.
    """
    return Given(decider, events)


class Given(Generic[Making, Asked, S, Born, Changed]):
    """An entity that something can be asked of, made by `given`."""

    def __init__(self, decider: Decider[Making, Asked, S, Born, Changed], events: Sequence[Event]) -> None:
        """Folds `events`."""
        self._decider = decider
        self._state: S | None = None
        self._target: object = None
        for event in events:
            self._state = _folded(decider, self._state, event)
            self._target = getattr(event, decider.entity, self._target)

    def when(
        self, command: Making | Asked, within: InvocationContext | None = None
    ) -> "Outcome[Making, Asked, S, Born, Changed]":
        """Asks `command`.

        Args:
            command: What is asked: as prepared, where a module prepares it.
            within: In which context: see `context`. Without one, in the scope in which the entity lives.

        Raises:
            Unmet: The engine would not ask the decider that, or the decider does not answer the same twice.
        """
        __tracebackhide__ = True
        asked = within or context(scope=getattr(self._state, "scope", ROOT))
        self._expect_askable(command, asked)
        _expect_readable(command)
        decision = self._decided(command, asked)
        if decision != self._decided(command, asked):
            raise Unmet(
                f"'{_name(command)}' is not decided the same twice; take time and identifiers from the context."
            )
        return Outcome(self._decider, self._state, command, decision)

    def _decided(self, command: Any, asked: InvocationContext) -> Decision:
        if self._state is None or self._decider.decide is None:
            return self._decider.create(command, asked)
        return self._decider.decide(command, self._state, asked)

    def _expect_askable(self, command: Making | Asked, asked: InvocationContext) -> None:
        __tracebackhide__ = True
        entity, name = self._decider.entity, _name(command)
        creates = isinstance(command, self._decider.creating)
        changes = isinstance(command, self._decider.deciding)
        if not creates and not changes:
            raise Unmet(f"'{name}' is not asked of a '{entity}'; its commands are {_names(self._decider.commands)}.")
        if not changes and self._state is not None:
            raise Unmet(f"'{name}' is rejected as 'already-exists' before any rule sees it; give no events.")
        if not creates and self._state is None:
            raise Unmet(f"'{name}' is rejected as 'not-found' before any rule sees it; give the events that made it.")
        if self._state is not None and getattr(command, entity) != self._target:
            raise Unmet(f"'{name}' is for the {entity} '{getattr(command, entity)}', given was '{self._target}'.")
        home = getattr(self._state, "scope", asked.scope.root)
        if self._state is not None and home != asked.scope.id:
            raise Unmet(
                f"'{name}' is rejected as 'not-found' in the scope '{asked.scope.id}': the {entity} lives in '{home}'."
            )


def _expect_readable(command: Command[Any]) -> None:
    """What the wire would refuse before any rule sees it, such as a text that is too long, is no test of a rule."""
    __tracebackhide__ = True
    body = record_json(command)
    try:
        decoder(type(command)).decode(body)
    except ValueError as fault:
        raise Unmet(f"'{_name(command)}' is refused before any rule sees it: {fault}.") from None


class Outcome(Generic[Making, Asked, S, Born, Changed]):
    """What became of a command. Each expectation gives the outcome again, so that several can follow one another.

    Attributes:
        decision: What the decider said, as a value.
        state: The entity afterwards; None where it still does not exist.
    """

    def __init__(
        self,
        decider: Decider[Making, Asked, S, Born, Changed],
        state: S | None,
        command: Command[Any],
        decision: Decision,
    ) -> None:
        """Folds what happened; made by `Given.when`."""
        self.decision = decision
        self.state = state
        self._name = _name(command)
        for event in self.events:
            self.state = _folded(decider, self.state, _survived(event))

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened; nothing where the command was rejected."""
        return self.decision.events if isinstance(self.decision, Accepted) else ()

    def then(self, *events: Born | Changed) -> "Outcome[Making, Asked, S, Born, Changed]":
        """Expects the command to be accepted, and exactly `events` to happen, in that order.

        Raises:
            Unmet: It was rejected, or something else happened.
        """
        __tracebackhide__ = True
        self._expect_accepted()
        if self.events != events:
            raise Unmet(f"'{self._name}' led to other events than expected:\n{_difference(events, self.events)}")
        return self

    def changes_nothing(self) -> "Outcome[Making, Asked, S, Born, Changed]":
        """Expects the command to be accepted without anything happening: what is asked is so already.

        Raises:
            Unmet: It was rejected, or something happened.
        """
        __tracebackhide__ = True
        return self.then()

    def answers(self, answer: object) -> "Outcome[Making, Asked, S, Born, Changed]":
        """Expects the command to be accepted and answered with `answer`.

        Raises:
            Unmet: It was rejected, or answered otherwise.
        """
        __tracebackhide__ = True
        accepted = self._expect_accepted()
        if accepted.answer != answer:
            raise Unmet(
                f"'{self._name}' was answered otherwise than expected:\n{_difference([answer], [accepted.answer])}"
            )
        return self

    def rejects(self, key: str, **params: object) -> "Outcome[Making, Asked, S, Born, Changed]":
        """Expects the command to be rejected for the reason `key`, and with `params` where any are given.

        Raises:
            Unmet: It was accepted, or rejected for another reason.
        """
        __tracebackhide__ = True
        if not isinstance(self.decision, Rejected):
            happened = "\n".join(_lines(self.events, [])) or "    nothing"
            raise Unmet(f"'{self._name}' was to be rejected as '{key}', but was accepted; what happened:\n{happened}")
        problem = self.decision.problem
        if problem.key != key:
            raise Unmet(f"'{self._name}' was to be rejected as '{key}', but was rejected as '{problem.key}'.")
        if params and problem.params != params:
            raise Unmet(
                f"'{self._name}' was rejected with other parameters:\n{_difference([params], [problem.params])}"
            )
        return self

    def _expect_accepted(self) -> Accepted:
        __tracebackhide__ = True
        if isinstance(self.decision, Rejected):
            problem = self.decision.problem
            with_params = f" with {problem.params}" if problem.params else ""
            raise Unmet(f"'{self._name}' was to be accepted, but was rejected as '{problem.key}'{with_params}.")
        return self.decision


def rows(view: View[R, Any, Any], *events: Event) -> list[R]:
    """The rows of `view` after `events`, in the order in which they began.

    Raises:
        Unmet: The view does not follow one of the events, or a row does not survive being stored.
    """
    __tracebackhide__ = True
    kept: dict[object, R] = {}
    for event in events:
        if not isinstance(event, view.events):
            raise Unmet(f"The view '{view.name}' does not follow '{_name(event)}'; it follows {_names(view.events)}.")
        key: object = getattr(event, view.key)
        before = kept.get(key)
        after = _row(view, event, before)
        if after is not None:
            kept[key] = _survived(after)
        elif before is not None:
            del kept[key]
    return list(kept.values())


def _row(view: View[R, Any, Any], event: Event, before: R | None) -> R | None:
    if isinstance(event, view.beginning):
        return view.begin(event)
    return view.evolve(event, before) if view.evolve is not None and before is not None else None


def _folded(decider: Decider[Any, Any, S, Any, Any], state: S | None, event: Event) -> S:
    __tracebackhide__ = True
    fitting = decider.beginning if state is None else decider.evolving
    if not isinstance(event, fitting):
        when = "first" if state is None else "later"
        raise Unmet(f"'{_name(event)}' does not happen to a '{decider.entity}' {when}; that is {_names(fitting)}.")
    return decider.fold(state, event)


V = TypeVar("V", bound=Value)


def _survived(value: V) -> V:
    """The value as the journal or a view gives it back."""
    __tracebackhide__ = True
    again = decoder(type(value)).decode(record_json(value))
    if again != value:
        raise Unmet(f"'{_name(value)}' is another one once it was stored:\n{_difference([value], [again])}")
    return value


def _path(scope: ScopeId | Sequence[ScopeId]) -> tuple[ScopeId, ...]:
    if not isinstance(scope, str):
        return tuple(scope)
    return (ROOT,) if scope == ROOT else (ROOT, ScopeId(Identifier(scope)))


def _access(tenant: TenantId, account: AccountId | None, session: SessionId, locale: str) -> Access:
    if account is None:
        return Unauthenticated(origin=Origin(), authorization=Authorization(permission="test", reason="guest"))
    actor = Actor(
        account=Account(account=account, tenant=tenant), locale=locale, authentication=SessionProof(session=session)
    )
    return Authenticated(actor=actor, origin=Origin(), authorization=Authorization(permission="test", reason="granted"))


def _name(value: object) -> str:
    return type(value).__name__


def _names(types: Iterable[type[Any]]) -> str:
    return ", ".join(f"'{type.__name__}'" for type in types) or "nothing"


def _difference(expected: Iterable[object], actual: Iterable[object]) -> str:
    """Both, line by line: `-` was expected only, `+` is so only."""
    masks: list[object] = []
    lines = difflib.ndiff(list(_lines(expected, masks)), list(_lines(actual, masks)))
    return "\n".join(line for line in lines if not line.startswith("?")) or "  (nothing)"


def _lines(values: Iterable[object], masks: list[object]) -> Iterator[str]:
    for value in values:
        if not isinstance(value, msgspec.Struct):
            yield _shown(value, masks)
            continue
        yield f"{_name(value)}"
        for field in value.__struct_fields__:
            yield f"    {field} = {_shown(getattr(value, field), masks)}"


def _shown(value: object, masks: list[object]) -> str:
    """The value; a masked one with a number instead, the same for equal ones."""
    if not _is_masked(value):
        return repr(value)
    if value not in masks:
        masks.append(value)
    return f"{_name(value)}(… no. {masks.index(value) + 1})"


def _is_masked(value: object) -> bool:
    return isinstance(value, Sensitive)
