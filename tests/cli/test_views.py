"""`osteon views list`: where each view of each tenant stands."""

from pathlib import Path
from typing import Any

from osteon.adapters.sqlite import Connections, Settings, SqliteFiling
from osteon.adapters.system.disk import SystemDisk
from osteon.domain import Product
from osteon.engine import Projection, tables
from tests.cli.installation import Left, Osteon, copied, keyring_of
from tests.resilience.revised import with_names, with_view


def test_lists_every_view_with_place_and_lag(osteon: Osteon, left: Left) -> None:
    ran = osteon("views", "list", "--json", "--tenant", "acme", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    assert {each["view"] for each in ran.value} > {"project", "scope"}
    # The last five stand in the log alone.
    assert {(each["tenant"], each["state"], each["lag"]) for each in ran.value} == {("acme", "following", 5)}
    rows = osteon("views", "list", "--data", left.data).said.splitlines()
    assert rows[0].split() == ["tenant", "view", "place", "lag", "state"]
    assert all(row.endswith("following") for row in rows[1:])


def test_tells_how_far_a_view_is_that_is_rebuilt(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    projection = Projection(with_view, filing_of(data, with_view), keyring_of(data))
    projection.revise()

    found = names(osteon, data)
    assert (found["state"], found["place"], found["percent"], found["stop"]) == ("rebuilding", 0, 0, None)
    assert names_row(osteon, data).endswith("rebuilding 0 %")
    acme = osteon("views", "status", "--json", "--data", data).value[1]
    assert acme["views"]["rebuilding"] == 1

    projection.renew()
    assert names(osteon, data)["state"] == "following"
    assert osteon("views", "status", "--data", data).said.splitlines()[2].endswith("all follow")


def test_tells_why_a_view_stopped(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    broken = with_names(fail_always)
    Projection(broken, filing_of(data, broken), keyring_of(data)).renew()

    stop = names(osteon, data)["stop"]
    assert stop["event"] == "project-created"
    assert stop["reason"].startswith("LookupError in 'fail_always'")
    assert "stopped at a 'project-created', entry " in names_row(osteon, data)


def fail_always(name: str) -> None:
    """Fails at every name."""
    raise LookupError(name)


def filing_of(data: Path, product: Product) -> SqliteFiling:
    """Files into an installation, as its drain does."""
    connections = Connections(SystemDisk(data), str(data), keyring_of(data), Settings(writable=True))
    return SqliteFiling(connections, tables(product))


def names(osteon: Osteon, data: Path) -> dict[str, Any]:
    """The view of names of `acme`."""
    found = osteon("views", "list", "--json", "--tenant", "acme", "--data", data).value
    return next(each for each in found if each["view"] == "names")


def names_row(osteon: Osteon, data: Path) -> str:
    """The same for a person."""
    rows = osteon("views", "list", "--tenant", "acme", "--data", data).said.splitlines()
    return next(row for row in rows if " names " in row)
