"""What runs the policy: one of two machines, with the same answers."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["Evaluate", "PolicyMachine"]

Evaluate = Callable[[bytes], object]
"""From a question in JSON to the ruling as plain Python; only for the thread that made it."""


class PolicyMachine(Protocol):
    """Something that runs the packaged policy. Shared by threads."""

    def evaluator(self, data: bytes) -> Evaluate:
        """An evaluator for the calling thread, over `data`, a JSON object with the rulebook under `rulebook`."""
        ...
