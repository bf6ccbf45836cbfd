"""The contract of Passwords, on Argon2id with cheap parameters and on the fast fake."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

from osteon.adapters.argon2.passwords import Argon2Passwords
from osteon.adapters.memory.entropy import MemoryEntropy
from osteon.adapters.memory.passwords import MemoryPasswords
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.model import Refused
from osteon.ports.passwords import Passwords
from osteon.ports.scheduler import Scheduler

T = TypeVar("T")


@pytest.fixture(params=["memory", "argon2"])
def passwords(request: pytest.FixtureRequest) -> Passwords:
    """The adapter under test."""
    return MemoryPasswords() if request.param == "memory" else cheap()


def test_knows_the_password_of_a_hash(passwords: Passwords) -> None:
    async def main() -> list[bool]:
        known = await passwords.hash("correct horse")
        tries = ("correct horse", "correct horsE", "correct horse ", "", known)
        return [await passwords.verify(password, known) for password in tries]

    assert asyncio.run(main()) == [True, False, False, False, False]


def test_without_a_hash_the_answer_is_no(passwords: Passwords) -> None:
    async def main() -> list[bool]:
        return [await passwords.verify(password, None) for password in ("correct horse", "")]

    assert asyncio.run(main()) == [False, False]


def test_salts_each_hash(passwords: Passwords) -> None:
    async def main() -> list[str]:
        return [await passwords.hash("correct horse") for _ in range(3)]

    assert len(set(asyncio.run(main()))) == 3


def test_a_hash_names_its_algorithm(passwords: Passwords) -> None:
    async def main() -> str:
        return await passwords.hash("correct horse")

    known = asyncio.run(main())
    assert known.startswith(("$argon2id$v=19$m=64,t=1,p=1$", "$fast-fake$"))


@pytest.mark.parametrize("password", ["", "p\0q", "пароль", "😀" * 100, "\ud800", "x" * 100_000])
def test_takes_any_text_whole(passwords: Passwords, password: str) -> None:
    async def main() -> tuple[bool, bool]:
        known = await passwords.hash(password)
        return await passwords.verify(password, known), await passwords.verify(password + "!", known)

    assert asyncio.run(main()) == (True, False)


def test_takes_one_accent_however_it_is_typed() -> None:
    async def main() -> bool:
        passwords = cheap()
        return await passwords.verify("cafe\u0301", await passwords.hash("caf\u00e9"))

    assert asyncio.run(main())


def test_another_pepper_knows_no_password() -> None:
    async def main() -> bool:
        known = await cheap(pepper=bytes(32)).hash("correct horse")
        return await cheap(pepper=b"\1" * 32).verify("correct horse", known)

    assert not asyncio.run(main())


def test_knows_hashes_of_other_parameters() -> None:
    async def main() -> list[bool]:
        old = await cheap(memory=32).hash("correct horse")
        return [await cheap().verify(password, old) for password in ("correct horse", "wrong")]

    assert asyncio.run(main()) == [True, False]


def test_hashes_with_the_parameters_it_names() -> None:
    async def main() -> str:
        scheduler = SystemScheduler(unexpected, threads=1)
        return await Argon2Passwords(scheduler, MemoryEntropy(), bytes(32)).hash("correct horse")

    assert asyncio.run(main()).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_decoy_costs_what_a_hash_costs() -> None:
    async def main() -> None:
        passwords = cheap()
        assert extract_parameters(passwords.decoy) == extract_parameters(await passwords.hash("correct horse"))

    asyncio.run(main())


def test_hashes_only_so_many_at_once() -> None:
    scheduler = HeldScheduler()

    async def main() -> None:
        passwords = cheap(scheduler, at_once=2, waiting=1)
        asked = [asyncio.ensure_future(passwords.verify("x", None)) for _ in range(3)]
        await settled()
        assert scheduler.held == 2
        with pytest.raises(Refused) as caught:
            await passwords.hash("x")
        assert caught.value.problem.key == "busy"
        assert caught.value.problem.retryable
        scheduler.go()
        await settled()
        assert scheduler.held == 1
        scheduler.go()
        assert await asyncio.gather(*asked) == [False] * 3
        scheduler.free()
        assert await passwords.hash("x")

    asyncio.run(main())


def test_a_caller_who_leaves_frees_no_memory() -> None:
    scheduler = HeldScheduler()

    async def main() -> None:
        passwords = cheap(scheduler, at_once=1, waiting=2)
        gone, bored, patient = (asyncio.ensure_future(passwords.verify("x", None)) for _ in range(3))
        await settled()
        gone.cancel()
        bored.cancel()
        await settled()
        assert scheduler.held == 1
        scheduler.go()
        await settled()
        assert scheduler.held == 1
        scheduler.go()
        assert await patient is False
        assert [asked.cancelled() for asked in (gone, bored)] == [True, True]
        scheduler.free()
        assert await asyncio.gather(*(passwords.verify("x", None) for _ in range(3))) == [False] * 3

    asyncio.run(main())


def test_a_fault_frees_its_turn() -> None:
    async def main() -> None:
        passwords = cheap(at_once=1, waiting=0)
        for _ in range(3):
            with pytest.raises(InvalidHashError):
                await passwords.verify("x", "no hash")
        assert await passwords.hash("x")

    asyncio.run(main())


class HeldScheduler(MemoryScheduler):
    """Holds blocking work back until it is let go."""

    def __init__(self) -> None:
        super().__init__(unexpected)
        self._gate = asyncio.Event()
        self.held = 0
        self._freed = False

    def go(self) -> None:
        """Lets go what is held now."""
        gate, self._gate = self._gate, asyncio.Event()
        gate.set()

    def free(self) -> None:
        """Holds nothing any more."""
        self._freed = True

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        return self._hold(self._gate, work)

    async def _hold(self, gate: asyncio.Event, work: Callable[[], T]) -> T:
        self.held += 1
        if not self._freed:
            await gate.wait()
        self.held -= 1
        return work()


def cheap(
    scheduler: Scheduler | None = None,
    pepper: bytes = b"pepper" * 6,
    memory: int = 64,
    at_once: int = 2,
    waiting: int = 256,
) -> Argon2Passwords:
    return Argon2Passwords(
        scheduler or MemoryScheduler(unexpected),
        MemoryEntropy(),
        pepper,
        memory=memory,
        passes=1,
        lanes=1,
        at_once=at_once,
        waiting=waiting,
    )


async def settled() -> None:
    """Lets everything on the loop go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def unexpected(name: str, fault: BaseException) -> None:
    raise AssertionError(name) from fault
