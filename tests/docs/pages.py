"""The pages of the documentation, as the tests read them: their fenced blocks, their links, their headings."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.serving import environment

__all__ = ["DEMO", "DEMO_ADDRESS", "DOCS", "ROOT", "Block", "blocks", "every_page", "headings", "links", "run_shell"]

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

DEMO = "demo.main:product"
DEMO_ADDRESS = "localhost:8000"
"""Where the pages say that the demo serves; a test has a port of its own."""

FENCE = re.compile(r"^```(\w*)(?: ([^\n]*))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, what else the fence says, such as the name of a file, and its text."""

    language: str
    name: str
    text: str


def every_page() -> list[Path]:
    """The front page, the change log, and every page below docs/."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path, language: str) -> list[Block]:
    """The fenced blocks of a page in one language, in order."""
    found = (Block(*each) for each in FENCE.findall(page.read_text("utf-8")))
    return [block for block in found if block.language == language]


def links(page: Path) -> Iterator[str]:
    """Where the links of a page lead, blocks left out."""
    yield from LINK.findall(_prose(page))


@cache
def headings(page: Path) -> frozenset[str]:
    """The headings of a page as the fragments that lead to them."""
    return frozenset(_fragment(heading) for heading in HEADING.findall(_prose(page)))


def run_shell(block: Block, folder: Path, port: int = 0) -> list[str]:
    """Runs a block of shell in a folder, as pasted, against the demo on a port; the lines that it prints."""
    script = "set -eu\n" + block.text.replace(DEMO_ADDRESS, f"localhost:{port}").replace(
        ".venv/bin/python", sys.executable
    )
    command = ["bash", "-c", script]
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment(), capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def _fragment(heading: str) -> str:
    """A heading's fragment as code forges make it: lower case, without punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
