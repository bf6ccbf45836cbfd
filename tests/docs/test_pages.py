"""The pages hold together: links lead somewhere, decisions have their form, and no page speaks of the machine it was written on."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, every_page, headings, links

DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences"]
STANDINGS = ("**Done", "**Thin", "**Not yet", "**Decided")

ROW = re.compile(r"^\| (?!aspect|-)(.+?) \|$", re.MULTILINE)
FOREIGN = re.compile(r"/(?:home|root|work|tmp|Users)/\w+")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", every_page(), ids=named)
def test_every_link_leads_to_something_here(page: Path) -> None:
    broken = [link for link in links(page) if not link.startswith(("https://", "http://")) and not _leads(page, link)]
    assert not broken


@pytest.mark.parametrize("page", every_page(), ids=named)
def test_no_page_names_a_place_on_a_machine(page: Path) -> None:
    assert not FOREIGN.findall(page.read_text("utf-8"))


@pytest.mark.parametrize("record", DECISIONS, ids=named)
def test_a_decision_has_context_decision_and_consequences(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}: ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS


def test_decisions_are_numbered_and_listed_in_order() -> None:
    index = DOCS / "decisions" / "README.md"
    assert [record.name[:4] for record in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert [link for link in links(index) if link[:1].isdigit()] == [record.name for record in DECISIONS]


def test_every_page_can_be_reached_from_the_front() -> None:
    reached, ahead = {ROOT / "README.md"}, [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link}
        new = {path for path in found if path.suffix == ".md"} - reached
        reached |= new
        ahead += new
    assert set(every_page()) <= reached


def test_every_aspect_says_where_it_stands() -> None:
    rows = [row.split(" | ") for row in ROW.findall((DOCS / "aspects.md").read_text("utf-8"))]
    assert len(rows) > 70
    assert not [name for name, today, *_ in rows if not today.startswith(STANDINGS)]


def test_what_is_done_names_code_and_test() -> None:
    rows = [row.split(" | ") for row in ROW.findall((DOCS / "aspects.md").read_text("utf-8"))]
    bare = [row[0] for row in rows if row[1].startswith("**Done") and not (len(row) == 4 and row[2] and row[3])]
    assert not bare


def _leads(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not fragment or fragment in headings(target))
