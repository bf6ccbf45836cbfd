"""What the suite's tests share."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests run on asyncio: the client is written for it."""
    return "asyncio"
