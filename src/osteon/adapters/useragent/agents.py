"""User-Agent headers: of programs by their own form, of browsers by the rules of ua-parser."""

import re
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from osteon.context import Agent

if TYPE_CHECKING:
    from ua_parser.core import OS, UserAgent

__all__ = ["UaParserAgents"]

_LENGTH = 512
# Programs say `curl/8.5.0`; every browser adds a comment in parentheses.
_PROGRAM = re.compile(r"([A-Za-z][\w.-]*)/(\d++)[\w.+-]*+(?: [^()]*)?", re.ASCII)

_Rules = Callable[[str], Agent]


class UaParserAgents:
    """Reads 512 characters of a header. May be used from any thread.

    The rules, some 1,300, take a third of a second and 30 MiB. They are loaded when the first browser comes: a server
    whose clients are programs goes without.
    """

    def __init__(self, remembered: int = 4096) -> None:
        """Loads nothing yet; keeps what the last `remembered` different headers said."""
        self._parse = lru_cache(maxsize=remembered)(self._parsed)
        self._rules: _Rules | None = None
        self._loading = Lock()

    def parse(self, header: str) -> Agent:
        return self._parse(header[:_LENGTH])

    def load(self) -> None:
        """Loads the rules now: done in a thread, it spares the loop the wait for the first browser."""
        self._loaded()

    def _parsed(self, header: str) -> Agent:
        # Half a pair of surrogates is a text here, but not in the rules' language.
        text = header.encode(errors="replace").decode()
        if program := _PROGRAM.fullmatch(text):
            return Agent(browser=f"{program[1]} {program[2]}")
        return self._loaded()(text) if "(" in text else Agent()

    def _loaded(self) -> _Rules:
        with self._loading:
            if self._rules is None:
                self._rules = _load()
            return self._rules


def _load() -> _Rules:
    from ua_parser.core import Domain  # noqa: PLC0415  # the rules are imported with it
    from ua_parser.loaders import load_builtins  # noqa: PLC0415
    from ua_parser.regex import Resolver  # noqa: PLC0415  # in time linear to the header, whatever a client sends

    resolve = Resolver(load_builtins())

    def rules(header: str) -> Agent:
        said = resolve(header, Domain.ALL)
        device = said.device.family if said.device else None
        return Agent(browser=_named(said.user_agent), system=_named(said.os), device=device)

    return rules


def _named(part: "UserAgent | OS | None") -> str | None:
    if part is None:
        return None
    return f"{part.family} {part.major}" if part.major else part.family
