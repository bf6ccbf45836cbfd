"""The client's queries see what its commands did."""

import pytest

from osteon_sdk import Client, NotFound, Request, Response, call
from sdk.tests.stand_in import Script, accepted, bulk, item, problem, refused

pytestmark = pytest.mark.anyio


async def test_waits_for_what_it_did() -> None:
    script = Script(accepted(position="p1"), accepted(position="p2"), accepted([]))
    client = Client(script)
    await client.command("create")
    await client.command("create")
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, None, "p1,p2"]


async def test_waits_once_for_each_type_of_query() -> None:
    script = Script(
        accepted(position="p1"), accepted([]), accepted([]), accepted([]), accepted(position="p2"), accepted()
    )
    client = Client(script)
    await client.command("create")
    for type in ("list-projects", "list-projects", "get-project"):
        await client.query(type)
    await client.command("create")
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, "p1", None, "p1", None, "p2"]


async def test_waits_again_after_a_failed_query() -> None:
    script = Script(accepted(position="p1"), refused(404, "projects.not-found"), accepted())
    client = Client(script)
    await client.command("create")
    with pytest.raises(NotFound):
        await client.query("get-project")
    await client.query("get-project")
    assert script.headers("Osteon-After") == [None, "p1", "p1"]


async def test_shares_its_memory_across_terms() -> None:
    script = Script(accepted(position="p1"), accepted([]))
    client = Client(script)
    await client.using(scope="EU").command("create")
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, "p1"]


async def test_waits_for_nothing_when_told_so() -> None:
    script = Script(accepted(position="p1"), accepted([]))
    client = Client(script)
    await client.command("create")
    await client.using(after=()).query("list-projects")
    await client.query(call("list-projects").using(after=()))
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, None, None, "p1"]


async def test_waits_for_the_positions_it_is_given() -> None:
    script = Script(accepted(position="p1"), accepted([]))
    client = Client(script)
    await client.command("create")
    await client.using(after="q1").query("list-projects")
    await client.using(after="q1").query(call("list-projects").using(after=["q2", "q3"]))
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, "q1", "q2,q3", "p1"]


async def test_remembers_a_bounded_number_of_positions() -> None:
    script = Script(accepted(position="p"))
    client = Client(script)
    for _ in range(200):
        await client.command("create")
    await client.query("list-projects")
    assert script.headers("Osteon-After")[-1] == ",".join(["p"] * 128)


async def test_waits_for_what_it_did_in_bulk() -> None:
    done = bulk(item(position="p1"), problem(409, "no"), item(position="p2"))
    script = Script(done, bulk(item([]), item([])), bulk(item([]), item([])))
    client = Client(script)
    await client.commands([call("create"), call("create"), call("create")])
    await client.queries([call("list-projects"), call("get-project").using(after="q")])
    await client.queries([call("list-projects"), call("get-project")])
    after = [[each.get("after") for each in body["items"]] for body in script.bodies()]
    assert after == [[None] * 3, ["p1,p2", "q"], [None, "p1,p2"]]


async def test_keeps_a_command_that_comes_between() -> None:
    async def create_while_asked() -> None:
        await client.command("create")

    class Between(Script):
        async def exchange(self, request: Request) -> Response:
            response = await super().exchange(request)
            if request.path.startswith("/queries") and len(self.asked) == 1:
                await create_while_asked()
            return response

    script = Between(accepted([]), accepted(position="p1"), accepted([]))
    client = Client(script)
    await client.query("list-projects")
    await client.query("list-projects")
    assert script.headers("Osteon-After") == [None, None, "p1"]
