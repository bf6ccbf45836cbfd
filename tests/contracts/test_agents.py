"""The contract of Agents, on the rules of ua-parser."""

import subprocess
import sys

import pytest

from osteon.adapters.useragent.agents import UaParserAgents
from osteon.context import Agent
from osteon.ports.agents import Agents

FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"
)


@pytest.fixture(scope="module")
def agents() -> Agents:
    """The adapter under test; its rules take a while to load."""
    return UaParserAgents()


@pytest.mark.parametrize(
    ("header", "agent"),
    [
        (FIREFOX, Agent(browser="Firefox 128", system="Ubuntu")),
        (SAFARI, Agent(browser="Mobile Safari 17", system="iOS 17", device="iPhone")),
        (EDGE, Agent(browser="Edge 126", system="Windows 10")),
        ("curl/8.5.0", Agent(browser="curl 8")),
        ("python-httpx/0.28.1", Agent(browser="python-httpx 0")),
        ("osteon-sdk/0.1.0 python-httpx/0.28.1", Agent(browser="osteon-sdk 0")),
    ],
)
def test_recognises_browsers_and_programs(agents: Agents, header: str, agent: Agent) -> None:
    assert agents.parse(header) == agent
    assert agents.parse(header) == agent


@pytest.mark.parametrize("header", ["", "x", "Mozilla", "()", "1/2", "\x00", "\ud800", "/" * 10_000, "é/1 (\ud800)"])
def test_says_nothing_of_what_it_does_not_know(agents: Agents, header: str) -> None:
    assert agents.parse(header) == Agent()


def test_reads_no_more_than_a_header_needs(agents: Agents) -> None:
    assert agents.parse("x" * 600 + FIREFOX) == Agent()
    assert agents.parse(FIREFOX + "x" * 100_000).system == "Ubuntu"


def test_remembers_only_so_many_headers() -> None:
    agents = UaParserAgents(remembered=2)
    assert [agents.parse(f"curl/{number}").browser for number in (1, 2, 3, 1)] == [
        "curl 1",
        "curl 2",
        "curl 3",
        "curl 1",
    ]


def test_loads_the_rules_for_browsers_only() -> None:
    subprocess.run([sys.executable, "-c", LOADING], check=True, timeout=30)


LOADING = f"""
import sys
from osteon.adapters.useragent.agents import UaParserAgents
agents = UaParserAgents()
agents.parse("osteon-sdk/0.1.0")
assert "ua_parser" not in sys.modules
agents.parse("{FIREFOX}")
assert "ua_parser" in sys.modules
"""
