"""Rego by regorus, its Engine: an interpreter in this process.

Its virtual machine (`Rvm`) is faster and is left alone: it took an undefined value for a defined one and allowed what
OPA denies.
"""

from collections.abc import Callable
from typing import Protocol, cast

import regorus  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]  # the wheel has no types

from osteon.adapters.rego.machine import Evaluate
from osteon.adapters.rego.source import policy

__all__ = ["RegorusMachine"]


class RegorusMachine:
    """Interprets the source of the policy."""

    def __init__(self) -> None:
        """Reads the source, once for all threads."""
        self._source = policy("authorization.rego").decode()

    def evaluator(self, data: bytes) -> Evaluate:
        """An engine for this thread: used from another it panics."""
        engine = _new_engine()
        engine.add_policy("authorization.rego", self._source)
        engine.add_data_json(data.decode())

        def evaluate(question: bytes) -> object:
            # As JSON: another build of regorus reads the booleans of a dict as numbers.
            engine.set_input_json(question.decode())
            return engine.eval_rule("data.osteon.authorization.ruling")

        return evaluate


class _Engine(Protocol):
    def add_policy(self, path: str, rego: str) -> object: ...
    def add_data_json(self, data: str) -> None: ...
    def set_input_json(self, input: str) -> None: ...  # noqa: A002  # its name there
    def eval_rule(self, rule: str) -> object: ...


_new_engine = cast("Callable[[], _Engine]", regorus.Engine)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
