"""The trace: which invocations belong together, and which one caused which."""

from ulid import ULID

from osteon.model import InvocationId, Value, replace

__all__ = ["Trace", "traceparent"]


class Trace(Value):
    """Where an invocation stands in the chain that one action of a person set off.

    `action`, `external` and `originating` never change along the chain; `parent` and `current` move at every hop. The
    client makes the first two: each is a ULID or a UUID.

    Attributes:
        action: What the person did, such as pressing a button; made by the client, one action may need several invocations.
        external: The invocation as the client knows it; a retry has the same one.
        originating: The first invocation inside the platform, made by the gateway.
        parent: The invocation that caused this one; None for the first.
        current: This invocation.
    """

    action: str
    external: str
    originating: InvocationId
    current: InvocationId
    parent: InvocationId | None = None

    def fork(self, invocation: InvocationId) -> "Trace":
        """The trace of an invocation that this one causes."""
        return replace(self, parent=self.current, current=invocation)


def traceparent(trace: Trace) -> str:
    """The trace as a W3C `traceparent` header (https://www.w3.org/TR/trace-context/).

    The trace ID is the originating invocation's 128 bits; the parent ID is the low 64 bits of the current one.
    """
    return f"00-{ULID.from_str(trace.originating).hex}-{ULID.from_str(trace.current).hex[16:]}-01"
