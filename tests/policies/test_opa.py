"""OPA, the reference of Rego, is the oracle: it runs the policy's own tests and gives the same 10,000 answers."""

import json
import random
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from osteon.adapters.memory.policies import MemoryPolicies
from osteon.adapters.rego import PolicyMachine, RegoPolicies, available
from osteon.ports.policies import Bundle, Policies, Question, Reason, RoleHeld, Rulebook, Ruling
from tests.tools import find

POLICIES = Path(__file__).parents[2] / "policies"
COMPILED_BY = "1.22.2"


@pytest.mark.needs("opa")
def test_the_policy_is_formatted_and_strictly_right() -> None:
    assert opa("fmt", "--list", ".") == ""
    opa("check", "--strict", ".")


@pytest.mark.needs("opa")
def test_the_policys_own_tests_cover_it_all() -> None:
    opa("test", ".")

    report = json.loads(opa("test", "--coverage", "--format=json", "."))

    assert report["files"]["authorization.rego"]["coverage"] == 100


@pytest.mark.needs("opa")
def test_the_compiled_policy_matches_its_source(tmp_path: Path) -> None:
    if f"Version: {COMPILED_BY}\n" not in opa("version"):
        pytest.skip(f"only OPA {COMPILED_BY} compiles to the same bytes")

    # From inside the folder: the path of the source is part of what is compiled.
    opa("build", "-t", "wasm", "-e", "osteon/authorization/ruling", "-o", f"{tmp_path}/bundle", "authorization.rego")
    with tarfile.open(tmp_path / "bundle") as bundle:
        compiled = bundle.extractfile("/policy.wasm")
        assert compiled is not None
        matches = compiled.read() == (POLICIES / "authorization.wasm").read_bytes()

    assert matches, "Compile anew, as policies/README.md tells."


@pytest.mark.needs("opa")
def test_opa_gives_the_same_ten_thousand_answers(tmp_path: Path) -> None:
    answers = answers_of_opa(tmp_path)

    assert differences(answers, answers_in_rego(available())) == []
    assert differences(answers, answers_in_python()) == []


@pytest.mark.needs(module="wasmtime")
def test_wasm_gives_the_same_ten_thousand_answers() -> None:
    from osteon.adapters.rego.wasm import WasmMachine  # noqa: PLC0415  # only where it is installed

    assert differences(answers_in_python(), answers_in_rego(WasmMachine())) == []


def test_the_cases_meet_every_reason_often() -> None:
    rulings = answers_in_python()

    reasons = Counter(ruling.reason for ruling in rulings)
    allowed = sum(ruling.allowed for ruling in rulings)

    assert len(rulings) == 10_000
    assert 2_500 <= allowed <= 7_500
    assert all(reasons[reason] >= 100 for reason in get_args(Reason) if reason != "policy-failed"), reasons


def differences(some: list[Ruling], others: list[Ruling]) -> list[tuple[Question, Ruling, Ruling]]:
    """The first few cases on which two do not agree."""
    questions = [question for _, asked in cases() for question in asked]
    pairs = zip(questions, some, others, strict=True)
    return list(islice(((question, one, other) for question, one, other in pairs if one != other), 3))


def answers_of_opa(folder: Path) -> list[Ruling]:
    each = (
        "[ruling | some question in input.questions; ruling := data.osteon.authorization.ruling with input as question]"
    )
    answers: list[Ruling] = []
    for rulebook, questions in cases():
        (folder / "data.json").write_bytes(msgspec.json.encode({"rulebook": rulebook}))
        (folder / "input.json").write_bytes(msgspec.json.encode({"questions": questions}))
        files = ("-d", "authorization.rego", "-d", f"{folder}/data.json", "-i", f"{folder}/input.json")
        answers += msgspec.json.decode(opa("eval", "--format=raw", *files, each), type=list[Ruling])
    return answers


def answers_in_rego(machine: PolicyMachine) -> list[Ruling]:
    return answers_of(lambda rulebook: RegoPolicies(rulebook, unexpected, machine))


def answers_in_python() -> list[Ruling]:
    return answers_of(lambda rulebook: MemoryPolicies(rulebook, unexpected))


def answers_of(make: Callable[[Rulebook], Policies]) -> list[Ruling]:
    answers: list[Ruling] = []
    for rulebook, questions in cases():
        answers += map(make(rulebook).decide, questions)
    return answers


@cache
def cases() -> list[tuple[Rulebook, list[Question]]]:
    """Five products, each with a tree of scopes, and two thousand questions to each."""
    drawn = [Draw(random.Random(f"policies-{number}")) for number in range(5)]  # noqa: S311  # repeatable, not secret
    return [(draw.rulebook, [draw.question() for _ in range(2_000)]) for draw in drawn]


class Draw:
    """Draws a product's rulebook, and questions to it that are neither all allowed nor all refused."""

    def __init__(self, chance: random.Random) -> None:
        """Draws types, policies, roles and the tree of scopes."""
        self.chance = chance
        self.types = [f"{verb}-{noun}" for verb in ("create", "rename", "move", "get") for noun in ODD_NAMES]
        self.policies = [f"{noun}.{level}" for noun in ODD_NAMES for level in ("full", "some", "none")]
        self.roles = ["administrator", "contributor", "reader", "visitor", *ODD_NAMES]
        self.rulebook = Rulebook(
            roles={role: Bundle(self.some(self.policies, 6)) for role in self.roles},
            policies={policy: self.some(self.types, 10) for policy in self.policies},
            guests=("log-in", *self.some(self.types, 1)),
        )
        self.paths: list[tuple[str, ...]] = [("root",)]
        for number in range(12):
            self.paths.append((*chance.choice(self.paths), f"scope-{number}"))

    def question(self) -> Question:
        """One question."""
        chance = self.chance
        return Question(
            type=self.type(),
            roles=tuple(self.role_held() for _ in range(chance.randrange(12))),
            path=self.path(),
            also=self.path() if chance.random() < 0.5 else None,
            guest=chance.random() < 0.1,
        )

    def type(self) -> str:
        return self.chance.choice([*self.types, *self.types, "log-in", "refresh-session", "unheard-of", "root"])

    def role_held(self) -> RoleHeld:
        role = self.chance.choice([*self.roles, "abolished"])
        scope = self.chance.choice([*(path[-1] for path in self.paths), "root", "cut-off"])
        return RoleHeld(role, scope)

    def path(self) -> tuple[str, ...]:
        odd: list[tuple[str, ...]] = [(), ("elsewhere",), ("root", "root"), ("scope-3",)]
        return self.chance.choice([*self.paths, *self.paths, *odd])

    def some(self, names: Sequence[str], most: int) -> tuple[str, ...]:
        return tuple(self.chance.sample(names, self.chance.randint(0, most)))


ODD_NAMES = ("project", "", "<undefined>", "null", "ß😀", "a.b/c")


def unexpected(question: Question, fault: BaseException) -> None:
    raise AssertionError(question) from fault


def opa(*arguments: str) -> str:
    """What OPA prints, run in the policies' folder."""
    program = find("opa")
    assert program is not None
    command = [program, *arguments]
    done = subprocess.run(command, cwd=POLICIES, capture_output=True, text=True, check=False, timeout=60)  # ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
