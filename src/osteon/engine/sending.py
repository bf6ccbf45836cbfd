"""Sending: commands that the platform itself asks, until each has a verdict that stands."""

import structlog

from osteon.messages import wire_name
from osteon.model import Refused
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery, Inbox, Replies, Reply

__all__ = ["Sending"]

_FAULTS = 6
_GROWTH = 4


class Sending:
    """Puts deliveries into the inbox, again and again with growing pauses, as a patient client would."""

    def __init__(self, inbox: Inbox, replies: Replies, clock: Clock) -> None:
        """Puts it together."""
        self._inbox = inbox
        self._replies = replies
        self._clock = clock
        self._log = structlog.get_logger("osteon.engine")

    async def send(self, delivery: Delivery) -> Reply:
        """The last reply: accepted or rejected, or what it was when it was given up."""
        faults = attempt = 0
        while True:
            reply = await self.once(delivery)
            faults += reply.verdict == "faulted"
            if reply.verdict in ("accepted", "rejected"):
                return reply
            if faults == _FAULTS or (reply.problem is not None and reply.problem.key == "expired"):
                self._log.error("a command was given up", command=wire_name(type(delivery.command)), key=delivery.key)
                return reply
            await self._clock.sleep(0.1 * 4 ** min(attempt, _GROWTH))
            attempt += 1

    async def once(self, delivery: Delivery) -> Reply:
        """The reply to one attempt, whatever it is."""
        current = delivery.context.trace.current
        reply = self._replies.expect(current)
        try:
            self._inbox.put(delivery)
        except Refused as full:
            self._replies.deliver(current, Reply.refused(current, full.problem))
        return await reply
