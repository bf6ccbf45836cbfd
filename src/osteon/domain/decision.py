"""Decisions: a command is accepted with events and an answer, or rejected with a reason. Both are values."""

from typing import Any

from osteon.messages import Event
from osteon.model import Problem, Value

__all__ = ["Accepted", "Decision", "Rejected", "accept", "reject"]


class Accepted(Value):
    """The command is accepted; no events means that nothing had to change."""

    events: tuple[Event, ...]
    answer: Any = None


class Rejected(Value):
    """The command is rejected; nothing happened, and a retry is told the same."""

    problem: Problem


Decision = Accepted | Rejected


def accept(*events: Event, answer: Any = None) -> Accepted:
    """Accepts a command: `events` happen, in that order, and the sender is given `answer`."""
    return Accepted(events=events, answer=answer)


def reject(key: str, **params: Any) -> Rejected:
    """Rejects a command for the reason `key` (`projects.archived`), with the parameters of its words."""
    return Rejected(problem=Problem(key=key, params=params))
