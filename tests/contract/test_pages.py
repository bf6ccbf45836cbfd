"""The pages that the server itself shows: safe, whole, and with the people of the tenant."""

import re
from collections.abc import Iterator

import pytest

from osteon.gateway.meanings import MEANINGS
from tests.serving import Client, Server

POLICY = "default-src 'self'"


@pytest.fixture(scope="module")
def guest(serving: Server) -> Iterator[Client]:
    client = serving.client("acme")
    yield client
    client.close()


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/problems/invalid-token", "/assets/first.js", "/openapi.json", "/tenant.json"]
)
def test_pages_run_nothing_from_elsewhere(guest: Client, path: str) -> None:
    answer = guest.ask("GET", path)
    assert answer.status == 200
    assert answer.headers["content-security-policy"].startswith(POLICY)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/invalid-token"])
def test_everything_that_a_page_names_is_there(guest: Client, path: str) -> None:
    page = guest.ask("GET", path).raw.decode()
    named = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert named
    for name in named:
        assert guest.ask("GET", name).status == 200, name


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/invalid-token"])
def test_pages_hold_no_script_or_style_themselves(guest: Client, path: str) -> None:
    page = guest.ask("GET", path).raw.decode()
    assert not re.search(r"<style|<script>|\sstyle=|\son[a-z]+=", page)


def test_the_sheet_knows_no_left_or_right(guest: Client) -> None:
    sheet = guest.ask("GET", "/assets/look.css").raw.decode()
    assert not re.search(
        r"(margin|padding|border)-(left|right)|text-align: (left|right)|^\s*(left|right):", sheet, re.MULTILINE
    )


def test_the_first_page_knows_the_people_of_its_tenant(serving: Server, guest: Client) -> None:
    told = guest.ask("GET", "/tenant.json").body
    assert told["tenant"] == "acme"
    known = [person for person in serving.people if person["tenant"] == "acme"]
    assert [person["email"] for person in told["people"]] == [person["email"] for person in known]
    for shown, person in zip(told["people"], known, strict=True):
        assert [role["scope"] for role in shown["roles"]] == [role["scope"] for role in person["roles"]]


def test_the_lines_to_copy_ask_what_there_is(guest: Client) -> None:
    contract = guest.ask("GET", "/openapi.json").body
    for example in guest.ask("GET", "/tenant.json").body["examples"]:
        folder = {"command": "commands", "query": "queries"}[example["kind"]]
        assert f"/{folder}/{example['type']}" in contract["paths"]


@pytest.mark.parametrize("key", [*MEANINGS, "projects.archived", "projects.not-found"])
def test_every_problem_has_its_page(guest: Client, key: str) -> None:
    answer = guest.ask("GET", f"/problems/{key}")
    assert answer.status == 200
    assert key in answer.raw.decode()


@pytest.mark.parametrize("key", ["", "no-such-problem", "nomodule.not-found", "<script>", "a/b", "x" * 1000])
def test_no_page_is_made_up_for_unknown_problems(guest: Client, key: str) -> None:
    assert guest.ask("GET", f"/problems/{key}").refusal == (404, "unknown-path")


def test_pages_of_another_tenant_show_its_people(serving: Server) -> None:
    told = serving.client("globex").ask("GET", "/tenant.json").body
    assert [person["email"] for person in told["people"]] == [
        "gina@globex.example",
        "omar@globex.example",
        "rosa@globex.example",
    ]


def test_head_has_the_headers_alone(guest: Client) -> None:
    answer = guest.ask("HEAD", "/docs")
    assert answer.status == 200
    assert answer.raw == b""
