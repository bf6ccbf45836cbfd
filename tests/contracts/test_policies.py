"""The contract of Policies, on every adapter: in plain Python, in Rego by regorus, in Rego by WebAssembly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast

import pytest

from osteon.adapters.memory.policies import MemoryPolicies
from osteon.adapters.rego import PolicyMachine, RegoPolicies
from osteon.model.problems import Misdeclared
from osteon.ports.policies import FAILED, Bundle, Policies, Question, Reason, Report, RoleHeld, Rulebook, Ruling

RULEBOOK = Rulebook(
    roles={
        "administrator": Bundle(("projects.contributor", "projects.reader")),
        "contributor": Bundle(("projects.contributor",)),
        "reader": Bundle(("projects.reader",)),
        "visitor": Bundle(()),
    },
    policies={
        "projects.contributor": ("create-project", "move-project", "get-project"),
        "projects.reader": ("get-project",),
    },
    guests=("log-in", "refresh-session"),
)
ROOT, EU, FRANCE, US = ("root",), ("root", "eu"), ("root", "eu", "france"), ("root", "us")

Make = Callable[[Rulebook, Report], Policies]


@pytest.fixture(
    scope="module",
    params=[
        "memory",
        pytest.param("regorus", marks=pytest.mark.needs(module="regorus")),
        pytest.param("wasm", marks=pytest.mark.needs(module="wasmtime")),
    ],
)
def make(request: pytest.FixtureRequest) -> Make:
    """How to make the adapter under test."""
    if request.param == "memory":
        return MemoryPolicies
    machine = regorus() if request.param == "regorus" else wasm()
    return lambda rulebook, report: RegoPolicies(rulebook, report, machine)


@pytest.fixture
def policies(make: Make) -> Policies:
    """The adapter under test, in which any fault fails the test."""
    return make(RULEBOOK, unexpected)


def test_lets_everyone_do_what_guests_may(policies: Policies) -> None:
    allowed = Ruling(allowed=True, reason="guest")

    assert policies.decide(Question("log-in", (), ROOT, guest=True)) == allowed
    assert policies.decide(Question("refresh-session", held("reader", "us"), EU)) == allowed


def test_lets_guests_do_nothing_else(policies: Policies) -> None:
    question = Question("create-project", held("administrator", "root"), ROOT, guest=True)

    assert policies.decide(question) == refused("guests-not-allowed")


@pytest.mark.parametrize("guest", [True, False])
def test_refuses_a_type_that_nobody_mentions(policies: Policies, guest: bool) -> None:
    question = Question("drop-everything", held("administrator", "root"), ROOT, guest=guest)

    assert policies.decide(question) == refused("unknown-type")


@pytest.mark.parametrize("scope", FRANCE)
def test_a_role_reaches_its_scope_and_below(policies: Policies, scope: str) -> None:
    question = Question("create-project", held("contributor", scope), FRANCE)

    assert policies.decide(question) == granted("contributor")


@pytest.mark.parametrize("path", [ROOT, EU, US, ("root", "eu", "spain"), ()])
def test_a_role_reaches_nothing_beside_or_above(policies: Policies, path: tuple[str, ...]) -> None:
    question = Question("create-project", held("contributor", "france"), path)

    assert policies.decide(question) == refused("no-role-here")


@pytest.mark.parametrize("role", ["reader", "visitor", "abolished"])
def test_refuses_what_no_active_role_grants(policies: Policies, role: str) -> None:
    question = Question("create-project", held(role, "root"), FRANCE)

    assert policies.decide(question) == refused("not-granted")


def test_names_the_first_of_several_granting_roles(policies: Policies) -> None:
    roles = (
        *held("reader", "root"),
        *held("contributor", "eu"),
        *held("administrator", "us"),
        *held("visitor", "root"),
    )

    assert policies.decide(Question("get-project", roles, FRANCE)) == granted("contributor")
    assert policies.decide(Question("get-project", roles, US)) == granted("administrator")
    assert policies.decide(Question("get-project", roles, ROOT)) == granted("reader")


def test_a_move_is_granted_in_both_scopes(policies: Policies) -> None:
    above = Question("move-project", held("contributor", "root"), FRANCE, also=US)
    apart = Question("move-project", (*held("contributor", "eu"), *held("administrator", "us")), FRANCE, also=US)

    assert policies.decide(above) == granted("contributor")
    assert policies.decide(apart) == granted("contributor")


@pytest.mark.parametrize("also", [US, ROOT, ()])
def test_a_move_needs_a_role_there(policies: Policies, also: tuple[str, ...]) -> None:
    question = Question("move-project", held("contributor", "eu"), FRANCE, also=also)

    assert policies.decide(question) == refused("no-role-there")


def test_a_move_needs_a_granting_role_there(policies: Policies) -> None:
    question = Question("move-project", (*held("contributor", "eu"), *held("reader", "us")), FRANCE, also=US)

    assert policies.decide(question) == refused("not-granted-there")


def test_a_move_needs_its_own_scope_first(policies: Policies) -> None:
    nowhere = Question("move-project", held("contributor", "us"), FRANCE, also=US)
    reading = Question("move-project", (*held("reader", "eu"), *held("contributor", "us")), FRANCE, also=US)

    assert policies.decide(nowhere) == refused("no-role-here")
    assert policies.decide(reading) == refused("not-granted")


@pytest.mark.parametrize("name", ["<undefined>", "", "null", "false", '"}]', "\\", "\x00", "ß→😀", "policies"])
def test_odd_names_are_only_names(make: Make, name: str) -> None:
    rulebook = Rulebook(roles={name: Bundle((name,))}, policies={name: (name,)})
    policies = make(rulebook, unexpected)

    assert policies.decide(Question(name, held(name, name), (name,))) == granted(name)
    assert policies.decide(Question(name, held(name, name), ("elsewhere",))) == refused("no-role-here")
    assert policies.decide(Question(name, held("elsewhere", name), (name,))) == refused("not-granted")


def test_an_empty_rulebook_refuses_everything(make: Make) -> None:
    policies = make(Rulebook(roles={}, policies={}), unexpected)

    assert policies.decide(Question("log-in", held("administrator", "root"), ROOT)) == refused("unknown-type")


def test_a_long_question_is_answered(policies: Policies) -> None:
    roles = tuple(RoleHeld("contributor", f"scope-{number:06}") for number in range(5_000))

    assert policies.decide(Question("create-project", roles, ("root", "scope-004999"))) == granted("contributor")
    assert policies.decide(Question("create-project", roles, ("root", "scope-005000"))) == refused("no-role-here")


def test_refuses_and_reports_a_broken_question(make: Make) -> None:
    reported: list[Question] = []
    policies = make(RULEBOOK, lambda question, _fault: reported.append(question))
    broken = cast("Question", object())

    assert policies.decide(broken) == FAILED
    assert reported == [broken]


def test_a_fault_leaves_later_answers_alone(make: Make) -> None:
    policies = make(RULEBOOK, lambda _question, _fault: None)
    policies.decide(cast("Question", object()))

    assert policies.decide(Question("create-project", held("contributor", "root"), ROOT)) == granted("contributor")


def test_a_failing_report_changes_no_ruling(make: Make) -> None:
    policies = make(RULEBOOK, unexpected)

    assert policies.decide(cast("Question", object())) == FAILED


def test_answers_several_threads_at_once(policies: Policies) -> None:
    barrier = Barrier(4)

    def ask(number: int) -> list[Ruling]:
        barrier.wait(timeout=10)
        scope = f"scope-{number}"
        return [policies.decide(Question("create-project", held("contributor", scope), (scope,))) for _ in range(50)]

    with ThreadPoolExecutor(4) as threads:
        rulings = [ruling for answers in threads.map(ask, range(4)) for ruling in answers]

    assert rulings == [granted("contributor")] * 200


def test_a_role_with_a_missing_policy_is_misdeclared() -> None:
    with pytest.raises(Misdeclared, match=r"'reader' bundles the policy 'projects\.raeder'"):
        Rulebook(roles={"reader": Bundle(("projects.raeder",))}, policies={"projects.reader": ("get-project",)})


def held(role: str, scope: str) -> tuple[RoleHeld, ...]:
    return (RoleHeld(role, scope),)


def granted(role: str) -> Ruling:
    return Ruling(allowed=True, reason="granted", role=role)


def refused(reason: Reason) -> Ruling:
    return Ruling(allowed=False, reason=reason)


def unexpected(question: Question, fault: BaseException) -> None:
    raise AssertionError(question) from fault


def regorus() -> PolicyMachine:
    from osteon.adapters.rego.engine import RegorusMachine  # noqa: PLC0415  # only where it is installed

    return RegorusMachine()


def wasm() -> PolicyMachine:
    from osteon.adapters.rego.wasm import WasmMachine  # noqa: PLC0415  # only where it is installed

    return WasmMachine()
