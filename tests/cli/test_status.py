"""`osteon tenants` and `osteon views status`: what is there, whether it is filed or not."""

from tests.cli.installation import Left, Osteon


def test_lists_tenants_with_scopes_people_and_entries(osteon: Osteon, left: Left) -> None:
    ran = osteon("tenants", "--json", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    acme = ran.value[1]
    assert (acme["name"], acme["id"], acme["type"]) == ("acme", left.tenant, "customer")
    assert (acme["scopes"], acme["people"]) == (4, 5)
    shown = osteon("journal", "show", "--json", "--tenant", "acme", "--data", left.data).lines
    assert acme["entries"] == len(shown)
    assert [each["name"] for each in ran.value] == ["house", "acme", "globex", "atelier", "lab", "bench"]


def test_tells_how_far_the_views_are_behind(osteon: Osteon, left: Left) -> None:
    acme, *others = sorted(
        osteon("views", "status", "--json", "--data", left.data).value, key=lambda each: -each["lag"]
    )
    assert (acme["tenant"], acme["lag"]) == ("acme", 5)
    assert acme["entries"] == acme["filed"] + 5
    assert {each["lag"] for each in others} == {0}
    assert acme["accessBlocks"] >= acme["accessBlocksFiled"] >= 3
    assert acme["bytes"] == sum(each.stat().st_size for each in (left.data / "tenants" / left.tenant).iterdir())
    assert acme["newest"].endswith("Z")


def test_prints_tables_for_people(osteon: Osteon, left: Left) -> None:
    for command in (["tenants"], ["views", "status"]):
        heading, *rows = osteon(*command, "--data", left.data).said.splitlines()
        assert heading.startswith(("name", "tenant"))
        assert [each.split()[0] for each in rows] == ["house", "acme", "globex", "atelier", "lab", "bench"]
