"""The page about the client tells the truth."""

import re
from pathlib import Path

import pytest

import osteon_sdk
from osteon_sdk import Client
from sdk.tests.small_platform import SmallPlatform
from sdk.tests.suite import Person

README = Path(__file__).parent.parent / "README.md"
ALICE = Person(
    email="alice@acme.example",
    password="correct horse battery staple",
    home="HOME",
    destination="THERE",
    beyond="BEYOND",
)


def test_runs_the_example_of_the_readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def connect(_: str) -> Client:
        return Client(SmallPlatform(ALICE))

    monkeypatch.setattr(osteon_sdk, "connect", connect)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(example, README.name, "exec"), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out.splitlines()[1:] == ["Bridge", "projects.archived", "250"]
