"""What every test folder shares."""

from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["pytester", "tests.tools", "tests.serving"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what './dev soak' takes."""
    parser.addoption("--kills", type=int, default=100, metavar="N", help="how often the soak kills the server")


@pytest.fixture(autouse=True)
def fresh_logs() -> Iterator[None]:
    """Leaves no test the logging of another: a command run in process writes where that test was captured."""
    structlog.reset_defaults()
    # Drawn tracebacks take longer than most tests.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    yield
    structlog.reset_defaults()
