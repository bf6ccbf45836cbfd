"""With what belongs to one tenant nothing of another one is reached: tokens, keys and identifiers are worth nothing next door.

`alice` administers `acme`, `gina` administers `globex`; both have a project. What alice is told about gina's is what she is told about
one that never was.
"""

from collections.abc import Iterator

import pytest

from tests.isolation.places import Place, likeness, project_in
from tests.serving import PASSWORD, Answer, Client, Server, new_key


@pytest.fixture(scope="module")
def alice(serving: Server) -> Iterator[Client]:
    client = serving.client("acme", "alice@acme.example")
    yield client
    client.close()


@pytest.fixture(scope="module")
def gina(serving: Server) -> Iterator[Client]:
    client = serving.client("globex", "gina@globex.example")
    yield client
    client.close()


@pytest.fixture(scope="module")
def foreign(gina: Client) -> Place:
    """A project of globex, in its scope EU."""
    return project_in(gina, "EU")


@pytest.fixture(scope="module")
def own(alice: Client) -> Place:
    """A project of acme, in its scope EU."""
    return project_in(alice, "EU")


def test_a_token_is_worth_nothing_at_another_host(alice: Client, gina: Client) -> None:
    there = {"Host": gina.host, "Idempotency-Key": new_key()}
    for path in ("/queries/list-projects", "/queries/list-my-invocations", "/queries/list-scopes", "/queries"):
        assert alice.post(path, {}, there).refusal == (401, "invalid-token")
    assert alice.post("/commands/create-project", {"name": "Mine"}, there).refusal == (401, "invalid-token")


@pytest.mark.parametrize("spelling", ["GLOBEX.localhost", "globex.localhost", "Globex.LOCALHOST:80"])
def test_no_spelling_of_a_host_helps_a_token(alice: Client, spelling: str) -> None:
    assert alice.post("/queries/list-projects", {}, {"Host": spelling}).refusal == (401, "invalid-token")


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Tenant", "Osteon-Tenant", "X-Original-Host"])
def test_no_header_names_another_tenant(alice: Client, gina: Client, foreign: Place, header: str) -> None:
    value = f"host={gina.host}" if header == "Forwarded" else gina.host
    answer = alice.post("/queries/list-projects", {"limit": 100, "archived": None}, {header: value})
    assert foreign.project not in answer.raw.decode()
    assert answer.status == 200


def test_an_absolute_target_reaches_no_other_tenant(alice: Client, gina: Client, foreign: Place) -> None:
    for host in (gina.host, alice.host):
        answer = alice.ask("POST", f"http://{gina.host}/queries/list-projects", b'{"limit":100}', {"Host": host})
        assert answer.status != 200 or host == alice.host
        assert foreign.project not in answer.raw.decode()


def test_a_foreign_scope_is_as_unknown_as_none(alice: Client, foreign: Place) -> None:
    unknown = alice.query("list-projects", within=new_key())
    assert unknown.refusal == (404, "scope-not-found")
    assert likeness(alice.query("list-projects", within=foreign.scope)) == likeness(unknown)
    assert likeness(alice.command("create-project", within=foreign.scope, name="Mine")) == likeness(unknown)


def test_a_foreign_destination_is_as_unknown_as_none(alice: Client, own: Place, foreign: Place) -> None:
    def moved_to(destination: str) -> Answer:
        return alice.command("move-project", within=own.scope, project=own.project, destination=destination)

    assert moved_to(new_key()).refusal == (404, "scope-not-found")
    assert likeness(moved_to(foreign.scope)) == likeness(moved_to(new_key()))


@pytest.mark.parametrize("type", ["get-project", "list-project-history"])
def test_a_foreign_identifier_finds_nothing(alice: Client, own: Place, foreign: Place, type: str) -> None:
    missing = alice.query(type, within=own.scope, project=new_key())
    assert missing.refusal == (404, "projects.not-found")
    for scope in (None, own.scope):
        assert likeness(alice.query(type, within=scope, project=foreign.project)) == likeness(missing)


@pytest.mark.parametrize("type", ["rename-project", "archive-project", "restore-project", "move-project"])
def test_a_foreign_identifier_changes_nothing(
    alice: Client, gina: Client, own: Place, foreign: Place, type: str
) -> None:
    more = {"rename-project": {"name": "Taken"}, "move-project": {"destination": own.scope}}.get(type, {})
    missing = alice.command(type, within=own.scope, project=new_key(), **more)
    assert missing.refusal == (404, "projects.not-found")
    assert likeness(alice.command(type, within=own.scope, project=foreign.project, **more)) == likeness(missing)
    assert gina.query("get-project", project=foreign.project).answer == foreign.row


def test_the_same_identifier_is_another_entity(alice: Client, gina: Client) -> None:
    foreign = project_in(gina, "EU")
    created = alice.command("create-project", project=foreign.project, name="Alice's own")
    assert created.status == 200
    mine = alice.query("get-project", after=created.position, project=foreign.project).answer
    assert mine["name"] == "Alice's own"
    assert gina.query("get-project", project=foreign.project).answer == foreign.row
    history = gina.query("list-project-history", project=foreign.project)
    assert "Alice" not in history.raw.decode()


def test_an_item_of_a_bulk_reaches_no_further(alice: Client, own: Place, foreign: Place) -> None:
    items: list[dict[str, object]] = [
        {"type": "get-project", "body": {"project": foreign.project}},
        {"type": "list-projects", "scope": foreign.scope, "body": {}},
        {"type": "get-project", "scope": own.scope, "body": {"project": own.project}},
    ]
    answered = alice.post("/queries", {"items": items})
    keys = [(item["status"], item.get("key")) for item in answered.body["items"]]
    assert keys == [(404, "projects.not-found"), (404, "scope-not-found"), (200, None)]
    renamed = {"project": foreign.project, "name": "Taken"}
    items = [
        {"type": "rename-project", "key": new_key(), "scope": scope, "body": renamed}
        for scope in (own.scope, foreign.scope)
    ]
    keys = [(item["status"], item["key"]) for item in alice.post("/commands", {"items": items}).body["items"]]
    assert keys == [(404, "projects.not-found"), (404, "scope-not-found")]


def test_a_foreign_position_tells_nothing(alice: Client, gina: Client, foreign: Place) -> None:
    for after in (foreign.position, gina.query("list-projects").position, f"{foreign.position},{foreign.position}"):
        answer = alice.query("list-projects", after=after, archived=None, limit=100)
        assert answer.status == 200 or answer.refusal == (422, "invalid-position")
        assert foreign.project not in rows_of(answer) - {own["project"] for own in alice.every("list-projects")}


def test_a_foreign_cursor_tells_nothing(alice: Client, gina: Client) -> None:
    last = [project_in(gina, "US") for _ in range(2)][-1]
    cursor = gina.query("list-projects", after=last.position, limit=1).answer["next"]
    assert cursor is not None
    answer = alice.query("list-projects", limit=100, cursor=cursor)
    assert answer.status == 200 or answer.refusal == (422, "invalid-cursor")
    assert rows_of(answer) <= {row["project"] for row in alice.every("list-projects")}


def test_a_refresh_token_is_worth_nothing_at_another_host(serving: Server, alice: Client) -> None:
    refresh = serving.client("acme").log_in("alice@acme.example")["refreshToken"]
    nobody = serving.client("globex")
    assert nobody.command("refresh-session", refreshToken=refresh).refusal == (401, "invalid-token")
    nobody.headers["authorization"] = f"Bearer {refresh}"
    assert nobody.query("list-projects").refusal == (401, "invalid-token")
    # It was not used up by that, and is good where it belongs.
    assert serving.client("acme").command("refresh-session", refreshToken=refresh).status == 200


def test_an_account_is_known_to_its_own_tenant_alone(serving: Server) -> None:
    nobody = serving.client("globex")
    strange = nobody.command("log-in", email="alice@acme.example", password=PASSWORD)
    unknown = nobody.command("log-in", email="nobody@globex.example", password=PASSWORD)
    assert strange.refusal == (401, "identity.not-recognised")
    assert likeness(strange) == likeness(unknown)


def test_a_role_for_a_foreign_account_lets_nobody_in(alice: Client, gina: Client) -> None:
    person = next(row for row in gina.every("list-people") if row["email"] == "gina@globex.example")
    alice.command("grant-role", account=person["account"], role="administrator")
    assert gina.post("/queries/list-projects", {}, {"Host": alice.host}).refusal == (401, "invalid-token")


def test_a_guest_gets_no_answer_of_another_tenant(serving: Server) -> None:
    guest, key = "a1" * 16, new_key()
    answers: list[Answer] = []
    for tenant, email in (("acme", "alice@acme.example"), ("globex", "gina@globex.example")):
        client = serving.client(tenant)
        client.headers["osteon-guest"] = guest
        answers += [client.command("log-in", key=key, email=email, password=PASSWORD) for _ in range(2)]
    assert [answer.replayed for answer in answers] == [False, True, False, True]
    assert answers[0].raw == answers[1].raw
    assert answers[2].raw == answers[3].raw
    assert answers[0].answer["accessToken"] != answers[2].answer["accessToken"]


def test_a_key_alone_fetches_no_guest_an_answer(serving: Server) -> None:
    key, first = new_key(), serving.client("acme")
    first.headers["osteon-guest"] = "b2" * 16
    tokens = first.command("log-in", key=key, email="alice@acme.example", password=PASSWORD).answer
    for guest in ("c3" * 16, None):
        other = serving.client("acme")
        if guest is not None:
            other.headers["osteon-guest"] = guest
        wrong = other.command("log-in", key=key, email="alice@acme.example", password="wrong")
        right = other.command("log-in", key=key, email="alice@acme.example", password=PASSWORD)
        assert wrong.refusal == (401, "identity.not-recognised")
        assert not right.replayed
        # The wrong password may have used this guest's key up; what was answered to the other guest stays there.
        assert tokens["refreshToken"] not in right.raw.decode()


def test_a_recorded_log_in_needs_its_password_again(serving: Server) -> None:
    key, guest = new_key(), serving.client("acme")
    guest.headers["osteon-guest"] = "d4" * 16
    assert guest.command("log-in", key=key, email="alice@acme.example", password=PASSWORD).status == 200
    again = guest.command("log-in", key=key, email="alice@acme.example", password="wrong")
    assert again.status in {401, 422}
    assert b"accessToken" not in again.raw


def test_only_the_house_opens_and_lists_tenants(alice: Client) -> None:
    fields = {"type": "customer", "email": "eve@acme.example", "person": "Eve", "password": "correct horse"}
    assert alice.command("open-tenant", name="annex", **fields).refusal == (409, "tenancy.only-in-house")
    assert alice.every("list-tenants") == []


def test_an_unknown_host_is_nobody(alice: Client) -> None:
    for host in ("initech.localhost", "localhost", "acme.localhost.example", "127.0.0.1", "acme.globex.localhost"):
        assert alice.post("/queries/list-projects", {}, {"Host": host}).refusal == (404, "unknown-host")


def rows_of(answer: Answer) -> set[str]:
    """The projects that a list names; none for a refusal."""
    return {row["project"] for row in answer.answer["items"]} if answer.status == 200 else set()
