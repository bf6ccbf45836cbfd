"""Within a tenant: a project is reached through its own scope and those above it, and by roles held there.

The scopes of `acme`: Global > EU > France, Global > US. Karim contributes in EU, Chiara in France, Ren in US and reads everywhere, Uma
reads in US, Alice administers all.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.isolation.places import Place, likeness, project_in, scopes_of
from tests.serving import PASSWORD, Answer, Client, Server, new_key

Person = Callable[[str], Client]
"""Somebody of `acme` by first name, logged in."""

CHANGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("rename-project", {"name": "Taken"}),
    ("archive-project", {}),
    ("restore-project", {}),
)


@pytest.fixture(scope="module")
def person(serving: Server) -> Iterator[Person]:
    known: dict[str, Client] = {}

    def get(name: str) -> Client:
        if name not in known:
            known[name] = serving.client("acme", f"{name}@acme.example")
        return known[name]

    yield get
    for client in known.values():
        client.close()


@pytest.fixture(scope="module")
def scopes(person: Person) -> dict[str, str]:
    return scopes_of(person("alice"))


@pytest.fixture
def european(person: Person) -> Place:
    """A project in EU."""
    return project_in(person("alice"), "EU")


@pytest.mark.parametrize(("type", "fields"), CHANGES)
@pytest.mark.parametrize("scope", ["US", "France", "Global"])
def test_a_project_changes_through_its_own_scope_alone(
    person: Person, scopes: dict[str, str], european: Place, type: str, fields: dict[str, str], scope: str
) -> None:
    alice = person("alice")
    elsewhere = alice.command(type, within=scopes[scope], project=european.project, **fields)
    missing = alice.command(type, within=scopes[scope], project=new_key(), **fields)
    assert elsewhere.refusal == (404, "projects.not-found")
    assert likeness(elsewhere) == likeness(missing)
    assert alice.query("get-project", project=european.project).answer == european.row


def test_no_scope_means_the_root(person: Person, european: Place) -> None:
    refused = person("alice").command("rename-project", project=european.project, name="Taken")
    assert refused.refusal == (404, "projects.not-found")


@pytest.mark.parametrize("type", ["get-project", "list-project-history"])
def test_a_project_is_read_from_its_scope_and_above(
    person: Person, scopes: dict[str, str], european: Place, type: str
) -> None:
    alice = person("alice")
    for scope in ("EU", "Global"):
        assert alice.query(type, within=scopes[scope], project=european.project).status == 200
    for scope in ("US", "France"):
        elsewhere = alice.query(type, within=scopes[scope], project=european.project)
        assert elsewhere.refusal == (404, "projects.not-found")
        assert likeness(elsewhere) == likeness(alice.query(type, within=scopes[scope], project=new_key()))


def test_a_list_shows_the_scope_and_all_below(person: Person, scopes: dict[str, str]) -> None:
    alice = person("alice")
    made = {scope: project_in(alice, scope) for scope in ("Global", "EU", "France", "US")}
    after = ",".join(place.position for place in made.values())
    shown = {
        scope: {row["project"] for row in alice.every("list-projects", after=after, within=scopes[scope])}
        for scope in made
    }
    seen = {scope: {name for name, place in made.items() if place.project in shown[scope]} for scope in made}
    assert seen == {
        "Global": {"Global", "EU", "France", "US"},
        "EU": {"EU", "France"},
        "France": {"France"},
        "US": {"US"},
    }


def test_a_role_reaches_down_and_nowhere_else(person: Person, scopes: dict[str, str]) -> None:
    allowed = {
        (name, scope): person(name).command("create-project", within=scopes[scope], name="New").status == 200
        for name in ("alice", "karim", "chiara", "ren", "uma")
        for scope in scopes
    }
    assert {pair for pair, may in allowed.items() if may} == {
        *(("alice", scope) for scope in scopes),
        *(("karim", scope) for scope in ("EU", "France")),
        ("chiara", "France"),
        ("ren", "US"),
    }


def test_reading_reaches_as_far_as_the_role(person: Person, scopes: dict[str, str]) -> None:
    allowed = {
        (name, scope): person(name).query("list-projects", within=scopes[scope]).status == 200
        for name in ("karim", "chiara", "ren", "uma")
        for scope in scopes
    }
    assert {pair for pair, may in allowed.items() if may} == {
        *(("karim", scope) for scope in ("EU", "France")),
        ("chiara", "France"),
        *(("ren", scope) for scope in scopes),
        ("uma", "US"),
    }


@pytest.mark.parametrize(("type", "fields"), [*CHANGES, ("create-project", {"name": "New"})])
def test_a_reader_writes_nothing(person: Person, scopes: dict[str, str], type: str, fields: dict[str, str]) -> None:
    american = project_in(person("alice"), "US")
    target = new_key() if type == "create-project" else american.project
    refused = person("uma").command(type, within=scopes["US"], project=target, **fields)
    assert refused.refusal == (403, "not-permitted")
    assert person("uma").query("get-project", within=scopes["US"], project=american.project).answer == american.row


def test_a_refusal_is_the_same_whether_or_not_it_exists(
    person: Person, scopes: dict[str, str], european: Place
) -> None:
    def renamed(project: str) -> Answer:
        return person("uma").command("rename-project", within=scopes["EU"], project=project, name="Taken")

    assert renamed(european.project).refusal == (403, "not-permitted")
    assert likeness(renamed(european.project)) == likeness(renamed(new_key()))


@pytest.mark.parametrize(
    ("name", "origin", "destination", "status"),
    [
        ("karim", "EU", "France", 200),
        ("karim", "France", "EU", 200),
        ("karim", "EU", "US", 403),
        ("karim", "EU", "Global", 403),
        ("chiara", "France", "EU", 403),
        ("ren", "US", "EU", 403),
        ("uma", "US", "US", 403),
        ("alice", "EU", "US", 200),
    ],
)
def test_a_move_needs_both_scopes(
    person: Person, scopes: dict[str, str], name: str, origin: str, destination: str, status: int
) -> None:
    place = project_in(person("alice"), origin)
    fields = {"project": place.project, "destination": scopes[destination]}
    moved = person(name).command("move-project", within=scopes[origin], **fields)
    assert moved.status == status
    row = person("alice").query("get-project", after=place.position, project=place.project).answer
    if status == 403:
        assert row == place.row
        assert moved.refusal == (403, "not-permitted")
    else:
        row = person("alice").query("get-project", after=moved.position, project=place.project).answer
        assert row["scope"] == scopes[destination]


def test_a_moved_project_has_left_its_scope(person: Person, scopes: dict[str, str], european: Place) -> None:
    alice, key = person("alice"), new_key()
    fields = {"project": european.project, "destination": scopes["US"]}
    moved = alice.command("move-project", key=key, within=scopes["EU"], **fields)
    assert moved.status == 200
    assert alice.command("rename-project", within=scopes["EU"], project=european.project, name="Late").refusal == (
        404,
        "projects.not-found",
    )
    assert person("karim").query(
        "get-project", after=moved.position, within=scopes["EU"], project=european.project
    ).refusal == (404, "projects.not-found")
    # A retry is looked up before the scope is checked: else it would say that nothing was there to move.
    again = alice.command("move-project", key=key, within=scopes["EU"], **fields)
    assert (again.raw, again.replayed) == (moved.raw, True)


def test_a_key_of_one_person_is_not_the_others(person: Person, scopes: dict[str, str], european: Place) -> None:
    key, fields = new_key(), {"project": european.project, "name": "Once"}
    first = person("alice").command("rename-project", key=key, within=scopes["EU"], **fields)
    other = person("karim").command("rename-project", key=key, within=scopes["EU"], **fields)
    assert not other.replayed
    assert first.body["invocation"] != other.body["invocation"]


def test_a_trail_holds_nobody_elses_steps(person: Person, european: Place, scopes: dict[str, str]) -> None:
    person("alice").command("rename-project", within=scopes["EU"], project=european.project, name="Seen")
    trail = person("uma").query("list-my-invocations", limit=100).answer["items"]
    accounts = {each["context"]["access"]["actor"]["account"]["account"] for each in trail if each["type"] != "log-in"}
    assert len(accounts) <= 1
    assert european.project not in str(trail)


def test_a_bulk_decides_each_item_in_its_own_scope(person: Person, scopes: dict[str, str], european: Place) -> None:
    items = [
        {"type": "rename-project", "key": new_key(), "scope": scope, "body": {"project": european.project, "name": "B"}}
        for scope in (scopes["US"], scopes["EU"])
    ]
    outcomes = person("karim").post("/commands", {"items": items}).body["items"]
    assert [outcome["status"] for outcome in outcomes] == [403, 200]


def test_an_administrator_below_the_root_sees_nobody(serving: Server, person: Person, scopes: dict[str, str]) -> None:
    """What is the whole tenant's lives in the root: a role held below does not reach it."""
    ed, account = administrator_of(scopes["EU"], serving, person("alice"))
    assert ed.query("list-people").refusal == (403, "not-permitted")
    assert ed.every("list-people", within=scopes["EU"]) == []
    refused = ed.query("get-person", within=scopes["EU"], account=account)
    assert refused.refusal == (404, "identity.not-found")
    holdings = ed.every("list-holdings", within=scopes["EU"])
    assert {row["scope"] for row in holdings} == {scopes["EU"], scopes["France"]}


def test_a_role_held_above_is_not_revoked_from_below(serving: Server, person: Person, scopes: dict[str, str]) -> None:
    fay, _ = administrator_of(scopes["France"], serving, person("alice"))
    above = next(row for row in person("alice").every("list-holdings") if row["scope"] == scopes["EU"])
    refused = fay.command("revoke-role", within=scopes["France"], holding=above["holding"])
    assert refused.refusal == (404, "access.not-found")
    assert fay.command("revoke-role", within=scopes["EU"], holding=above["holding"]).refusal == (403, "not-permitted")


def administrator_of(scope: str, serving: Server, alice: Client) -> tuple[Client, str]:
    """Somebody new who administers a scope and what is below it, logged in; and their account."""
    email = f"ed-{new_key()[-6:].lower()}@acme.example"
    account: str = alice.command("add-person", email=email, person="Ed Eden", password=PASSWORD).answer
    granted = alice.command("grant-role", within=scope, account=account, role="administrator")
    client = serving.client("acme", email)
    client.query("list-scopes", after=granted.position, within=scope)
    return client, account
