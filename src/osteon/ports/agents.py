"""Agents: which browser, system and device a client says it is."""

from typing import Protocol

from osteon.context import Agent

__all__ = ["Agents"]


class Agents(Protocol):
    """Reads User-Agent headers."""

    def parse(self, header: str) -> Agent:
        """What a User-Agent header says; never raises, and a part that is not recognised is None.

        The header is the client's own word: fit to show to a person, never to decide by.
        """
        ...
