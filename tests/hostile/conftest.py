"""A server that hostile tests have for themselves: they grant roles and open tenants as they please."""

from collections.abc import Iterator

import pytest

from tests.hostile.people import Place
from tests.serving import running


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server and its data folder."""
    data = tmp_path_factory.mktemp("hostile") / "data"
    with running(data) as server:
        yield Place(server, data)
