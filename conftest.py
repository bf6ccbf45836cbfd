"""What every test folder shares."""

from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["pytester", "tests.tools", "tests.serving"]


@pytest.fixture(autouse=True)
def fresh_logs() -> Iterator[None]:
    """Leaves no test the logging of another: a command run in process writes where that test was captured."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
