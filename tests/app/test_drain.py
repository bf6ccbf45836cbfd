"""What a drain does with each line, and what it remembers of views for the next start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osteon.adapters.commitlog import CommitLog
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling, SqliteSnapshots
from osteon.adapters.system.disk import SystemDisk
from osteon.app.drain import DrainWork
from osteon.domain import Product
from osteon.engine import DeclaredViews, Projection, tables
from osteon.messages import ENTRY
from osteon.model import record_json
from osteon.ports.views import Standing
from tests.contracts.filed import ACME, keyring, sealed
from tests.engine.test_renewal import broken, entry, revised, with_names, without


class Place:
    """A data folder in which some entries are filed, and the drains that are begun there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._works: list[DrainWork] = []
        self.said: list[dict[str, Any]] = []
        CommitLog.recover(SystemDisk(folder), "log", segment_size=1 << 16).close()
        filing = self._filing(without)
        ring = keyring()
        records = [sealed(ring, ENTRY, each.position, record_json(each)) for each in map(entry, range(1, 21))]
        Projection(without, filing, ring).apply([(1, records)])
        filing.close()

    def begin(self, product: Product) -> DrainWork:
        """Begins a drain of a product."""
        self.said.clear()
        disk, snapshots = SystemDisk(self._folder), SqliteSnapshots(self._connections())
        work = DrainWork(product, disk, self._filing(product), snapshots, keyring(), self.said.append, lambda: 0.0)
        self._works.append(work)
        work.begin()
        return work

    def remembers(self, product: Product) -> bool:
        """Whether all views of a product are remembered to follow."""
        return DeclaredViews(SystemDisk(self._folder), tables(product)).are_remembered()

    def standings(self) -> list[Standing]:
        """What was said of views since the last drain was begun."""
        return [each["standing"] for each in self.said if "standing" in each]

    def close(self) -> None:
        """Lets all files go."""
        for work in self._works:
            work.close()

    def _filing(self, product: Product) -> SqliteFiling:
        return SqliteFiling(self._connections(), tables(product))

    def _connections(self) -> Connections:
        return Connections(SystemDisk(self._folder), str(self._folder), keyring(), Settings(writable=True))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with entries."""
    made = Place(tmp_path)
    yield made
    made.close()


def test_remembers_views_only_once_they_follow(place: Place) -> None:
    work = place.begin(with_names)
    assert [list(each) for each in place.said] == [["standing"], ["revised"]]
    assert not place.remembers(with_names)

    work.hear({"settle": True})
    assert not place.remembers(with_names)
    work.hear({"step": True})

    assert place.said[-1] == {"stepped": False}
    assert place.remembers(with_names)
    place.begin(with_names)
    assert place.said == [{"revised": True}]


def test_never_remembers_what_stopped(place: Place) -> None:
    work = place.begin(broken)
    work.hear({"step": True})
    work.hear({"settle": True})

    assert place.standings()[-1].state == "stopped"
    assert not place.remembers(broken)
    place.begin(broken)
    assert not place.remembers(broken)
    assert [each.state for each in place.standings()] == ["stopped"]


def test_tries_a_stopped_view_again_when_told(place: Place) -> None:
    work = place.begin(broken)
    work.hear({"step": True})
    place.said.clear()

    work.hear({"start": "names", "tenant": None})
    work.hear({"step": True})

    assert place.said[1] == {"taken": 1}
    assert [each.state for each in place.standings()] == ["rebuilding", "stopped"]
    assert place.said[-1] == {"stepped": False}


def test_forgets_before_rows_are_made_again(place: Place) -> None:
    work = place.begin(without)
    assert place.remembers(without)

    work.hear({"rebuild": "project", "tenant": ACME})

    assert place.said[-1] == {"taken": 1}
    assert not place.remembers(without)
    work.hear({"step": True})
    assert place.remembers(without)


def test_tells_what_is_behind_before_anything_else(place: Place) -> None:
    place.begin(with_names).hear({"step": True})

    place.begin(revised)

    assert [(each.view, each.place, each.made) for each in place.standings()] == [("names", 20, 0)]
    assert place.said[-1] == {"revised": True}
