"""What the tests of the documentation share: the demo as a reader starts it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DEMO
from tests.serving import Server, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the demo's world, filled by one start."""
    data = tmp_path_factory.mktemp("demo") / "data"
    with running(data, product=DEMO) as server:
        assert server.stop() in {0, 143}
    return data


@pytest.fixture(scope="module")
def serving(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the demo's world for one page: its lists show what a reader sees, and nothing of other tests."""
    data = tmp_path_factory.mktemp("page") / "data"
    with running(Path(shutil.copytree(world, data)), product=DEMO) as server:
        yield server
        assert server.stop() in {0, 143}
