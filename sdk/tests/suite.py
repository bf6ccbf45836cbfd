"""What every way to the platform must give: one suite, run over HTTP, in process, and on the stand-in.

Each case takes a client of the demo's tenant that nobody has logged in with, and a person of the demo. Cases share one
tenant, in any order and again and again: what they make carries a name of its own.

    @pytest.mark.parametrize("case", CASES)
    async def test_works_over_http(case: Case, client: Client, person: Person) -> None:
        await case(client, person)
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from msgspec import Struct

from osteon_sdk import (
    Client,
    Invalid,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotRun,
    Rejected,
    Reply,
    Tokens,
    call,
    new_id,
)

__all__ = ["CASES", "Case", "Person"]


class Person(Struct, frozen=True, kw_only=True):
    """A person of the demo who works with projects in two scopes."""

    email: str
    password: str
    home: str
    """A scope in which the person may do everything with projects."""
    destination: str
    """Another one, neither above nor below it."""
    beyond: str
    """A scope of the same tenant in which the person may do nothing."""


Case = Callable[[Client, Person], Awaitable[None]]


async def shows_a_created_project_at_once(client: Client, person: Person) -> None:
    """Read your own writes: get and list."""
    home = await _at_home(client, person)
    project, name = await _create(home)
    row = {"project": project, "scope": person.home, "name": name, "archived": False, "reason": None}
    assert (await home.query("get-project", project=project)).answer == row
    assert await _listed(home, name=name) == [row]


async def shows_it_to_another_who_waits(client: Client, person: Person) -> None:
    """A position given from hand to hand."""
    home = await _at_home(client, person)
    name = _a_name()
    reply = await home.command("create-project", project=new_id(), name=name)
    other = home.using(after=reply.position)
    assert [row["name"] for row in await _listed(other, name=name)] == [name]


async def gives_a_retry_the_same_reply(client: Client, person: Person) -> None:
    """One key, one verdict."""
    home = await _at_home(client, person)
    create = call("create-project", project=new_id(), name=_a_name())
    first = await home.command(create)
    again = await home.command(create)
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.answer, again.invocation, again.position) == (first.answer, first.invocation, first.position)
    assert len(await _listed(home, name=create.fields["name"])) == 1


async def gives_a_retry_the_same_refusal(client: Client, person: Person) -> None:
    """A rejection is as final as an acceptance."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    await home.command("archive-project", project=project)
    rename = call("rename-project", project=project, name=_a_name())
    with pytest.raises(Rejected) as first:
        await home.command(rename)
    await home.command("restore-project", project=project)
    with pytest.raises(Rejected) as again:
        await home.command(rename)
    assert first.value.key == again.value.key == "projects.archived"
    assert first.value.invocation == again.value.invocation


async def refuses_a_key_for_something_else(client: Client, person: Person) -> None:
    """A key belongs to one payload."""
    home = await _at_home(client, person)
    create = call("create-project", project=new_id(), name=_a_name())
    await home.command(create)
    other = call("create-project", project=create.fields["project"], name=_a_name()).using(key=create.key)
    with pytest.raises(Invalid) as caught:
        await home.command(other)
    assert caught.value.key == "reused-key"


async def rejects_what_the_rules_forbid(client: Client, person: Person) -> None:
    """An archived project keeps its name, a restored one does not."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    await home.command("archive-project", project=project)
    with pytest.raises(Rejected) as caught:
        await home.command("rename-project", project=project, name=_a_name())
    assert caught.value.key == "projects.archived"
    assert not caught.value.retryable
    await home.command("restore-project", project=project)
    name = _a_name()
    await home.command("rename-project", project=project, name=name)
    assert (await home.query("get-project", project=project)).answer["name"] == name


async def refuses_to_create_a_project_twice(client: Client, person: Person) -> None:
    """Another key, the same entity."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    with pytest.raises(Rejected) as caught:
        await home.command("create-project", project=project, name=_a_name())
    assert caught.value.key == "projects.already-exists"


async def does_not_find_what_is_not_there(client: Client, person: Person) -> None:
    """Missing, for a command and for a query."""
    home = await _at_home(client, person)
    with pytest.raises(NotFound) as caught:
        await home.command("rename-project", project=new_id(), name=_a_name())
    assert caught.value.key == "projects.not-found"
    with pytest.raises(NotFound):
        await home.query("get-project", project=new_id())


async def does_not_find_it_in_another_scope(client: Client, person: Person) -> None:
    """Elsewhere looks like missing."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    with pytest.raises(NotFound) as caught:
        await home.using(scope=person.destination).command("rename-project", project=project, name=_a_name())
    assert caught.value.key == "projects.not-found"


async def moves_a_project_to_another_scope(client: Client, person: Person) -> None:
    """The project lives there from then on, and a retry of the move is still answered."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    move = call("move-project", project=project, destination=person.destination)
    await home.command(move)
    assert (await home.command(move)).replayed
    there, name = home.using(scope=person.destination), _a_name()
    await there.command("rename-project", project=project, name=name)
    assert [row["scope"] for row in await _listed(there, name=name)] == [person.destination]
    assert await _listed(home, name=name) == []


async def filters_lists_by_what_is_asked(client: Client, person: Person) -> None:
    """By part of the name; without the archived, with them alone, with both."""
    home = await _at_home(client, person)
    mark = _a_name()
    kept, archived = (await _create(home, f"{mark} kept"))[0], (await _create(home, f"{mark} archived"))[0]
    await home.command("archive-project", project=archived)
    assert await _projects(home, name=mark) == [kept]
    assert await _projects(home, name=mark, archived=True) == [archived]
    assert await _projects(home, name=mark, archived=None) == [kept, archived]


async def browses_page_after_page(client: Client, person: Person) -> None:
    """In the order of creation, each row once."""
    home = await _at_home(client, person)
    mark = _a_name()
    made = [(await _create(home, f"{mark} {number}"))[0] for number in range(5)]
    page = (await home.query("list-projects", name=mark, limit=2)).answer
    assert len(page["items"]) == 2
    assert page["next"] is not None
    assert await _projects(home, name=mark, limit=2) == made


async def tells_the_history_of_a_project(client: Client, person: Person) -> None:
    """One row for each accepted command."""
    home = await _at_home(client, person)
    project, _ = await _create(home)
    await home.command("rename-project", project=project, name=_a_name())
    assert len([row async for row in home.browse("list-project-history", project=project)]) == 2


async def runs_a_bulk_item_by_item(client: Client, person: Person) -> None:
    """A problem in the middle stops nothing, a retry of the whole replays it."""
    home = await _at_home(client, person)
    project, name = new_id(), _a_name()
    calls = [
        call("create-project", project=project, name=_a_name()),
        call("rename-project", project=new_id(), name=_a_name()),
        call("rename-project", project=project, name=name),
    ]
    first, missing, last = await home.commands(calls)
    assert isinstance(first, Reply)
    assert isinstance(missing, NotFound)
    assert isinstance(last, Reply)
    assert await _projects(home, name=name) == [project]
    again = await home.commands(calls)
    assert [outcome.replayed for outcome in again if isinstance(outcome, Reply)] == [True, True]
    assert [outcome.invocation for outcome in again] == [first.invocation, missing.invocation, last.invocation]


async def stops_a_bulk_where_it_is_told(client: Client, person: Person) -> None:
    """What follows the first problem is not run."""
    home = await _at_home(client, person)
    mark = _a_name()
    calls = [
        call("create-project", project=new_id(), name=f"{mark} first"),
        call("rename-project", project=new_id(), name=mark),
        call("create-project", project=new_id(), name=f"{mark} last"),
    ]
    first, missing, last = await home.commands(calls, stop=True)
    assert isinstance(first, Reply)
    assert isinstance(missing, NotFound)
    assert isinstance(last, NotRun)
    assert [row["name"] for row in await _listed(home, name=mark)] == [f"{mark} first"]


async def creates_more_than_one_request_holds(client: Client, person: Person) -> None:
    """120 projects at once, all in the list."""
    home = await _at_home(client, person)
    mark = _a_name()
    made = [new_id() for _ in range(120)]
    outcomes = await home.commands(call("create-project", project=each, name=mark) for each in made)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert sorted(await _projects(home, name=mark)) == made


async def asks_many_queries_in_one_request(client: Client, person: Person) -> None:
    """Each with what was done before it, a problem in its place."""
    home = await _at_home(client, person)
    project, name = await _create(home)
    asked = [call("get-project", project=project), call("get-project", project=new_id())]
    found, missing, listed = await home.queries([*asked, call("list-projects", name=name)])
    assert isinstance(found, Reply)
    assert found.answer["name"] == name
    assert isinstance(missing, NotFound)
    assert isinstance(listed, Reply)
    assert [row["project"] for row in listed.answer["items"]] == [project]


async def refuses_fields_it_does_not_know(client: Client, person: Person) -> None:
    """And what lacks some, or has them wrong."""
    home = await _at_home(client, person)
    with pytest.raises(Invalid) as caught:
        await home.command("create-project", project=new_id(), name=_a_name(), colour="red")
    assert caught.value.status == 422
    with pytest.raises(Invalid):
        await home.command("create-project", project=new_id())
    with pytest.raises(Invalid):
        await home.query("list-projects", limit="many")


async def does_not_know_a_type_that_is_not(client: Client, person: Person) -> None:
    """An unknown command, an unknown query."""
    home = await _at_home(client, person)
    with pytest.raises(NotFound):
        await home.command("paint-project", project=new_id())
    with pytest.raises(NotFound):
        await home.query("weigh-project", project=new_id())


async def permits_nothing_where_no_role_is_held(client: Client, person: Person) -> None:
    """The same tenant, another scope."""
    beyond = (await _at_home(client, person)).using(scope=person.beyond)
    with pytest.raises(NotPermitted):
        await beyond.command("create-project", project=new_id(), name=_a_name())
    with pytest.raises(NotPermitted):
        await beyond.query("list-projects")


async def shows_nothing_to_a_guest(client: Client, person: Person) -> None:
    """Commands and queries need somebody."""
    home = client.using(scope=person.home)
    with pytest.raises(NotAuthenticated):
        await home.command("create-project", project=new_id(), name=_a_name())
    with pytest.raises(NotAuthenticated):
        await home.query("list-projects")


async def recognises_nobody_by_a_wrong_password(client: Client, person: Person) -> None:
    """The same refusal for a wrong password and an unknown address."""
    for email, password in ((person.email, "wrong"), (f"{new_id()}@nowhere.example", person.password)):
        with pytest.raises(NotAuthenticated) as caught:
            await client.log_in(email, password)
        assert caught.value.key == "identity.not-recognised"
        assert client.tokens is None


async def renews_a_session_by_itself(client: Client, person: Person) -> None:
    """With an access token that is none, the next call gets another."""
    home = await _at_home(client, person)
    tokens = _tokens(client)
    client.resume(Tokens(access_token="none", refresh_token=tokens.refresh_token, expires_at=tokens.expires_at))
    await home.query("list-projects", limit=1)
    assert _tokens(client).access_token != "none"
    assert _tokens(client).refresh_token != tokens.refresh_token


async def ends_a_session_for_good(client: Client, person: Person) -> None:
    """After log-out neither token is worth anything."""
    home = await _at_home(client, person)
    tokens = _tokens(client)
    await client.log_out()
    client.resume(tokens)
    with pytest.raises(NotAuthenticated):
        await home.query("list-projects")
    assert client.tokens is None


CASES: Final[list[Case]] = [
    shows_a_created_project_at_once,
    shows_it_to_another_who_waits,
    gives_a_retry_the_same_reply,
    gives_a_retry_the_same_refusal,
    refuses_a_key_for_something_else,
    rejects_what_the_rules_forbid,
    refuses_to_create_a_project_twice,
    does_not_find_what_is_not_there,
    does_not_find_it_in_another_scope,
    moves_a_project_to_another_scope,
    filters_lists_by_what_is_asked,
    browses_page_after_page,
    tells_the_history_of_a_project,
    runs_a_bulk_item_by_item,
    stops_a_bulk_where_it_is_told,
    creates_more_than_one_request_holds,
    asks_many_queries_in_one_request,
    refuses_fields_it_does_not_know,
    does_not_know_a_type_that_is_not,
    permits_nothing_where_no_role_is_held,
    shows_nothing_to_a_guest,
    recognises_nobody_by_a_wrong_password,
    renews_a_session_by_itself,
    ends_a_session_for_good,
]


async def _at_home(client: Client, person: Person) -> Client:
    await client.log_in(person.email, person.password)
    return client.using(scope=person.home)


async def _create(home: Client, name: str | None = None) -> tuple[str, str]:
    project, name = new_id(), name or _a_name()
    await home.command("create-project", project=project, name=name)
    return project, name


async def _listed(client: Client, **filters: object) -> list[dict[str, Any]]:
    return [row async for row in client.browse("list-projects", **filters)]


async def _projects(client: Client, **filters: object) -> list[str]:
    return [row["project"] for row in await _listed(client, **filters)]


def _a_name() -> str:
    return f"Bridge {new_id()}"


def _tokens(client: Client) -> Tokens:
    assert client.tokens is not None
    return client.tokens
