"""The contract of Replies."""

import asyncio
from collections.abc import Awaitable

import pytest

from osteon.adapters.memory.replies import MemoryReplies
from osteon.model import Identifier, InvocationId
from osteon.ports.inbox import Reply

ONE, TWO = (InvocationId(Identifier(f"01J0000000000000000000000{number}")) for number in (1, 2))


@pytest.fixture
def replies() -> MemoryReplies:
    """The adapter under test."""
    return MemoryReplies()


def test_brings_a_reply_to_who_waits(replies: MemoryReplies) -> None:
    async def main() -> Reply:
        expected = replies.expect(ONE)
        asyncio.get_running_loop().call_soon(replies.deliver, ONE, reply(ONE))
        return await expected

    assert asyncio.run(main()) == reply(ONE)
    assert replies.expected() == 0


def test_keeps_a_reply_until_it_is_awaited(replies: MemoryReplies) -> None:
    async def main() -> Reply:
        expected = replies.expect(ONE)
        replies.deliver(ONE, reply(ONE))
        replies.deliver(ONE, reply(TWO))
        await asyncio.sleep(0)
        return await expected

    assert asyncio.run(main()) == reply(ONE)


def test_brings_each_reply_to_its_own(replies: MemoryReplies) -> None:
    async def main() -> list[Reply]:
        expected = [replies.expect(ONE), replies.expect(TWO)]
        replies.deliver(TWO, reply(TWO))
        replies.deliver(ONE, reply(ONE))
        return [await one for one in expected]

    assert asyncio.run(main()) == [reply(ONE), reply(TWO)]


def test_drops_a_reply_that_nobody_expects(replies: MemoryReplies) -> None:
    async def main() -> None:
        replies.deliver(ONE, reply(ONE))
        expected = replies.expect(ONE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(expected, 0.01)

    asyncio.run(main())
    assert replies.expected() == 1


def test_drops_the_reply_to_who_was_cancelled(replies: MemoryReplies) -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(awaited(replies.expect(ONE)))
        await asyncio.sleep(0)
        waiting.cancel()
        replies.deliver(ONE, reply(ONE))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        replies.deliver(ONE, reply(ONE))

    asyncio.run(main())
    assert replies.expected() == 0


def test_keeps_a_place_until_the_reply_comes(replies: MemoryReplies) -> None:
    async def main() -> list[int]:
        replies.expect(ONE)
        before = replies.expected()
        replies.deliver(ONE, reply(ONE))
        return [before, replies.expected()]

    assert asyncio.run(main()) == [1, 0]


def test_refuses_to_expect_the_same_twice(replies: MemoryReplies) -> None:
    async def main() -> Reply:
        expected = replies.expect(ONE)
        with pytest.raises(RuntimeError, match="expected already"):
            replies.expect(ONE)
        replies.deliver(ONE, reply(ONE))
        return await expected

    assert asyncio.run(main()) == reply(ONE)


async def awaited(expected: Awaitable[Reply]) -> Reply:
    return await expected


def reply(invocation: InvocationId) -> Reply:
    return Reply(verdict=None, problem=None, answer=b"null", invocation=invocation, position=None)
