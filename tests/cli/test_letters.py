"""`osteon letters`: what could not be done is seen, replayed by mended code, or passed over; and it is recorded who did so."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.installation import ALICE, Left, Osteon, accepted
from tests.cli.stumbling import PRODUCTS, STUMBLE
from tests.serving import Server, new_key, patiently, running

REASON = ("--reason", "a test says so")


def test_what_fails_is_seen_and_replayed_by_mended_code(osteon: Osteon, data: Path) -> None:
    with running(data, product=PRODUCTS["stumbling"]) as server:
        project = stumbled(server)
        letter = the_letter(osteon, data)
        assert (letter["handler"], letter["about"], letter["state"]) == ("greet", project, "waiting")
        assert letter["error"] == f"LookupError: {STUMBLE}"
        shown = osteon("letters", "show", letter["deadLetter"], "--data", data)
        assert shown.status == 0
        assert "create-project of account" in shown.said
        assert f'"name":"{STUMBLE}"' in shown.said
        assert "letter-parked  LookupError: Stumble" in shown.said
        again = osteon("letters", "replay", letter["deadLetter"], *REASON, "--data", data)
        assert (again.status, "1 still wait" in again.said) == (1, True)
        assert osteon("status", "--data", data).status == 1
    with running(data, product=PRODUCTS["mended"]) as server:
        every = osteon("letters", "replay", "--all", *REASON, "--data", data)
        # Given again after the start, what was asked shortly before may have done it already.
        assert every.status == 0
        assert "goes on" in every.said or every.said == "Nothing waits.\n"
        assert osteon("letters", "list", "--all", "--data", data).said == "Nothing waits.\n"
        alice = server.client("acme", ALICE)
        assert patiently(lambda: alice.query("get-project", project=project)).answer["name"] == f"Hello, {STUMBLE}"
    asked = [each for each in entries(osteon, data) if each["command"]["type"] == "replay-dead-letter"]
    assert {each["command"]["body"]["reason"] for each in asked} == {REASON[1]}
    assert all(each["context"]["access"]["actor"]["authentication"]["handler"] == "operator" for each in asked)


def test_what_is_sensitive_is_masked_unless_asked_for(osteon: Osteon, data: Path) -> None:
    with running(data, product=PRODUCTS["stumbling"]) as server:
        accepted(server.client("acme", ALICE), "welcome-visitor", visitor=new_key(), name="Incognita")
        letter = the_letter(osteon, data)["deadLetter"]
        for form in ((), ("--json",)):
            masked = osteon("letters", "show", letter, *form, "--data", data)
            assert (masked.status, "Incognita" in masked.said) == (0, False)
            assert osteon("letters", "show", letter, *form, "--reveal", "--data", data).said.count("Incognita") == 2


def test_what_is_passed_over_is_listed_with_the_reason(osteon: Osteon, data: Path) -> None:
    with running(data, product=PRODUCTS["stumbling"]) as server:
        stumbled(server)
        letter = the_letter(osteon, data)["deadLetter"]
        skipped = osteon("letters", "skip", letter, *REASON, "--json", "--data", data)
        assert (skipped.status, skipped.value["outcome"]) == (0, {"waiting": 0, "error": None})
        assert osteon("letters", "list", "--json", "--data", data).value == []
        (row,) = osteon("letters", "list", "--all", "--json", "--data", data).value
        assert (row["state"], row["reason"]) == ("skipped", REASON[1])
        twice = osteon("letters", "skip", letter, *REASON, "--data", data)
        assert (twice.status, "rejected" in twice.said) == (1, True)


def test_one_command_is_corrected(osteon: Osteon, data: Path) -> None:
    with running(data, product=PRODUCTS["stumbling"]) as server:
        stumbled(server)
        letter = the_letter(osteon, data)["deadLetter"]
        instead = ("--command", "rename-project", "--body", '{"project": "nonsense"}')
        ran = osteon("letters", "replay", letter, *REASON, *instead, "--data", data)
        # The function itself fails, so there is no command that could be corrected.
        assert (ran.status, "1 still wait" in ran.said) == (1, True)


@pytest.mark.parametrize(
    ("options", "complained"),
    [
        ((), "Name a letter, or all of them with '--all'."),
        (("01K50000000000000000000000",), "No letter '01K50000000000000000000000' waits"),
        (("--all", "--command", "x"), "'--command' and '--body' go together"),
        (("01K50000000000000000000000", "--command", "x", "--body", "{"), "'--body' is not JSON"),
        (("--all", "--tenant", "acm"), "acm"),
    ],
)
def test_what_cannot_be_replayed_is_said(osteon: Osteon, left: Left, options: tuple[str, ...], complained: str) -> None:
    ran = osteon("letters", "replay", *options, *REASON, "--data", left.data)
    assert (ran.status, ran.said) == (1, "")
    assert complained in ran.complained


def test_nothing_waits_in_a_sound_installation(osteon: Osteon, left: Left) -> None:
    assert osteon("letters", "list", "--data", left.data).said == "Nothing waits.\n"
    assert osteon("letters", "replay", "--all", *REASON, "--data", left.data).said == "Nothing waits.\n"


def stumbled(server: Server) -> str:
    """A project over whose name the greeting stumbled."""
    project = new_key()
    accepted(server.client("acme", ALICE), "create-project", project=project, name=STUMBLE)
    return project


def the_letter(osteon: Osteon, data: Path) -> Any:
    """The one letter that waits, as soon as it does."""
    for _ in range(200):
        if found := osteon("letters", "list", "--json", "--data", data).value:
            return found[0]
    raise AssertionError("Nothing waits.")


def entries(osteon: Osteon, data: Path) -> list[Any]:
    """The entries of `acme`."""
    return osteon("journal", "show", "--json", "--tenant", "acme", "--data", data).lines
