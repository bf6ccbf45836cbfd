"""How far each sink of a tenant has come: kept by a module, moved by the engine."""

from collections.abc import Sequence
from typing import Any, Protocol

from osteon.messages import Command
from osteon.model import TenantId

__all__ = ["SinkPlaces"]


class SinkPlaces(Protocol):
    """The places of the sinks of one tenant, in memory."""

    def place(self, sink: str) -> Sequence[int] | None:
        """The last sequence of each partition that a sink was given; None before the first."""
        ...

    def move(self, tenant: TenantId, sink: str, place: Sequence[int], delivered: int) -> Command[Any]:
        """The command that records a place, and how many events were handed on since the one before."""
        ...
