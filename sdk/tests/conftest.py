"""What all tests of the client share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests, marked `anyio`, run on asyncio: the client is written for it."""
    return "asyncio"
