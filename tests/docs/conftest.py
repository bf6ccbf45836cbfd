"""What the tests of the documentation share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Server, running


@pytest.fixture(scope="module")
def serving(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the demo's world for one page: its lists show what a reader sees, and nothing of other tests."""
    data = tmp_path_factory.mktemp("page") / "data"
    with running(Path(shutil.copytree(world, data))) as server:
        yield server
        assert server.stop() in {0, 143}
