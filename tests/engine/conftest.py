"""What the engine's tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio: the engine is written for it."""
    return "asyncio"
