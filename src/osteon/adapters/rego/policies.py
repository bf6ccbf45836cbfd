"""Policies decided by `policies/authorization.rego`, on whatever machine runs Rego here.

An evaluator belongs to the thread that made it, so each thread has its own, made at its first question. Nothing that an
evaluator does can allow by accident: the policy refuses by default, an answer counts only in the exact shape of a
`Ruling`, and anything else is a refusal. Known answers are asked for at start, because a build of the machine that
reads `false` as `0` has been seen, and in Rego `0` is true.
"""

import contextlib
import threading
from collections.abc import Callable

import msgspec

from osteon.adapters.rego.choice import available
from osteon.adapters.rego.known import KNOWN_ANSWERS, SAMPLE, STRANGER
from osteon.adapters.rego.machine import Evaluate, PolicyMachine
from osteon.model.problems import OsteonError
from osteon.ports.policies import FAILED, Question, Report, Rulebook, Ruling

__all__ = ["RegoPolicies", "WrongAnswer"]


class WrongAnswer(OsteonError):
    """Raised at start when the machine answers a question otherwise than is known to be right."""

    def __init__(self, question: Question, expected: Ruling, actual: Ruling) -> None:
        """Tells the question, and both answers."""
        self.question, self.expected, self.actual = question, expected, actual
        super().__init__(
            f"The policy must not be used: asked {question}, it answers {actual} where {expected} is right."
        )


class RegoPolicies:
    """Rules by the packaged Rego policy.

    Keep it until the threads that asked it have ended: a regorus engine dropped in a thread not its own complains.
    """

    def __init__(self, rulebook: Rulebook, report: Report, machine: PolicyMachine | None = None) -> None:
        """Rules by `rulebook`; faults go to `report`. Without a `machine` it takes what is `available`.

        Raises:
            WrongAnswer: The machine got a known answer wrong; refuse to start.
        """
        self._machine = machine or available()
        self._report = report
        self._data = _encode({"rulebook": rulebook})
        self._own = threading.local()
        _examine(self._machine)
        _expect(self._ask, STRANGER, Ruling(allowed=False, reason="unknown-type"))

    def decide(self, question: Question) -> Ruling:
        try:
            return self._ask(question)
        except BaseException as fault:  # noqa: BLE001  # a panic of the machine is no Exception
            # After a fault the evaluator is not trusted: the next question gets a new one.
            self._own.evaluate = None
            with contextlib.suppress(Exception):
                self._report(question, fault)
            return FAILED

    def _ask(self, question: Question) -> Ruling:
        evaluate: Evaluate | None = getattr(self._own, "evaluate", None)
        if evaluate is None:
            evaluate = self._own.evaluate = self._machine.evaluator(self._data)
        return _rule(evaluate, question)


_encode = msgspec.json.Encoder().encode


def _rule(evaluate: Evaluate, question: Question) -> Ruling:
    # Strict: an undefined answer (a non-empty string, thus true in Python) or a number for a boolean raises.
    return msgspec.convert(evaluate(_encode(question)), Ruling)


def _examine(machine: PolicyMachine) -> None:
    evaluate = machine.evaluator(_encode({"rulebook": SAMPLE}))
    for question, ruling in KNOWN_ANSWERS:
        _expect(lambda asked: _rule(evaluate, asked), question, ruling)


def _expect(ask: Callable[[Question], Ruling], question: Question, expected: Ruling) -> None:
    actual = ask(question)
    if actual != expected:
        raise WrongAnswer(question, expected, actual)
