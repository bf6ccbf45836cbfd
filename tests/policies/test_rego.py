"""The Rego adapter guards itself: against wrong machines at start, against odd answers and panics later."""

import sys
from collections.abc import Callable
from typing import TypeVar

import pytest

from osteon.adapters.rego import PolicyMachine, RegoPolicies, WrongAnswer, available
from osteon.adapters.rego.machine import Evaluate
from osteon.adapters.rego.source import policy
from osteon.ports.policies import FAILED, Bundle, Question, RoleHeld, Rulebook, Ruling

T = TypeVar("T")
RULEBOOK = Rulebook(
    roles={"reader": Bundle(("projects.reader",))}, policies={"projects.reader": ("get-project",)}, guests=("log-in",)
)
QUESTION = Question("get-project", (RoleHeld("reader", "root"),), ("root", "eu"))
GRANTED = Ruling(allowed=True, reason="granted", role="reader")


class Panic(BaseException):
    """What a machine in another language raises, and `except Exception` misses."""


class MachineWithMoods:
    """A right machine, whose questions and answers a test may turn into others."""

    def __init__(self) -> None:
        self.evaluators = 0
        self.hear: Callable[[bytes], bytes] = unchanged
        self.say: Callable[[object], object] = unchanged
        self._right = available()

    def evaluator(self, data: bytes) -> Evaluate:
        """An evaluator that hears and says what the moods make of it."""
        self.evaluators += 1
        evaluate = self._right.evaluator(data)
        return lambda question: self.say(evaluate(self.hear(question)))


@pytest.mark.parametrize(
    "answer",
    [
        "<undefined>",
        None,
        True,
        [],
        {},
        {"allowed": True},
        {"allowed": 1, "reason": "granted", "role": "reader"},
        {"allowed": "true", "reason": "granted", "role": "reader"},
        {"allowed": True, "reason": "because", "role": "reader"},
        {"allowed": True, "reason": "granted", "role": ["reader"]},
    ],
)
def test_refuses_whatever_is_not_a_ruling(answer: object) -> None:
    machine, faults = MachineWithMoods(), list[BaseException]()
    policies = RegoPolicies(RULEBOOK, lambda _question, fault: faults.append(fault), machine)

    machine.say = lambda _ruling: answer

    assert policies.decide(QUESTION) == FAILED
    assert len(faults) == 1


def test_refuses_when_the_machine_panics(policies_of: Callable[[PolicyMachine], RegoPolicies]) -> None:
    machine = MachineWithMoods()
    policies = policies_of(machine)

    machine.say = panic

    assert policies.decide(QUESTION) == FAILED


def test_trusts_no_evaluator_after_a_fault(policies_of: Callable[[PolicyMachine], RegoPolicies]) -> None:
    machine = MachineWithMoods()
    policies = policies_of(machine)
    before = machine.evaluators

    machine.say = panic
    policies.decide(QUESTION)
    machine.say = unchanged

    assert policies.decide(QUESTION) == policies.decide(QUESTION) == GRANTED
    assert machine.evaluators == before + 1


def test_does_not_start_when_all_is_allowed(policies_of: Callable[[PolicyMachine], RegoPolicies]) -> None:
    machine = MachineWithMoods()
    machine.say = lambda _ruling: {"allowed": True, "reason": "guest"}

    with pytest.raises(WrongAnswer) as caught:
        policies_of(machine)

    assert caught.value.actual == Ruling(allowed=True, reason="guest")
    assert caught.value.expected != caught.value.actual


def test_does_not_start_when_false_is_zero(policies_of: Callable[[PolicyMachine], RegoPolicies]) -> None:
    machine = MachineWithMoods()
    machine.hear = lambda question: question.replace(b"false", b"0")

    with pytest.raises(WrongAnswer):
        policies_of(machine)


def test_does_not_start_when_the_machine_panics(policies_of: Callable[[PolicyMachine], RegoPolicies]) -> None:
    machine = MachineWithMoods()
    machine.say = panic

    with pytest.raises(Panic):
        policies_of(machine)


@pytest.mark.needs(module="wasmtime")
def test_takes_wasm_where_regorus_is_missing(
    monkeypatch: pytest.MonkeyPatch, policies_of: Callable[[PolicyMachine], RegoPolicies]
) -> None:
    from osteon.adapters.rego.wasm import WasmMachine  # noqa: PLC0415  # only where it is installed

    monkeypatch.setitem(sys.modules, "osteon.adapters.rego.engine", None)

    machine = available()

    assert isinstance(machine, WasmMachine)
    assert policies_of(machine).decide(QUESTION) == GRANTED


def test_says_which_file_of_the_policy_is_missing() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.rego"):
        policy("nowhere.rego")


@pytest.fixture
def policies_of() -> Callable[[PolicyMachine], RegoPolicies]:
    """Makes the adapter on a machine."""
    return lambda machine: RegoPolicies(RULEBOOK, lambda _question, _fault: None, machine)


def unchanged(value: T) -> T:
    return value


def panic(_ruling: object) -> object:
    raise Panic
