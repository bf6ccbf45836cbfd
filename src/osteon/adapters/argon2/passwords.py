"""Passwords under Argon2id with a pepper."""

import asyncio
import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from osteon.model import Refused
from osteon.ports.entropy import Entropy
from osteon.ports.scheduler import Scheduler

__all__ = ["Argon2Passwords"]

T = TypeVar("T")


class Argon2Passwords:
    """Argon2id with the parameters that the OWASP Password Storage Cheat Sheet names first: 19 MiB, 2 passes, one lane.

    RFC 9106's second choice (64 MiB, 3 passes) takes 195 ms of a core for each log-in; these take a seventh of it, and the
    pepper keeps stolen hashes from being guessed at all. A hash names its parameters: older ones stay good when they
    change.

    A password is normalised as NFKC (NIST SP 800-63B), as keyboards differ in how they spell an accent, and goes
    through HMAC-SHA256 under the pepper: with stolen hashes alone nobody can guess.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        entropy: Entropy,
        pepper: bytes,
        *,
        memory: int = 19 * 1024,
        passes: int = 2,
        lanes: int = 1,
        at_once: int = 2,
        waiting: int = 256,
    ) -> None:
        """Hashes nothing yet.

        Args:
            scheduler: Runs the work beside the loop.
            entropy: Draws salts.
            pepper: A key of 32 bytes; with another one no password matches any more.
            memory: KiB for each hash.
            passes: How often the memory is gone over.
            lanes: In how many parts the memory is filled, each by a thread of its own.
            at_once: How many hashes are made at a time: memory is at most `at_once` times `memory`.
            waiting: How many more may wait for their turn before the next is refused.
        """
        self._scheduler = scheduler
        self._entropy = entropy
        self._pepper = pepper
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        # What a password is checked against where there is no account.
        self.decoy = f"$argon2id$v=19$m={memory},t={passes},p={lanes}${_base64(bytes(16))}${_base64(bytes(32))}"
        self._turns = asyncio.Semaphore(at_once)
        self._room = at_once + waiting

    async def hash(self, password: str) -> str:
        peppered, salt = self._peppered(password), self._entropy.bytes(16)
        return await self._beside(lambda: self._hasher.hash(peppered, salt=salt))

    async def verify(self, password: str, hash: str | None) -> bool:
        peppered, known = self._peppered(password), hash or self.decoy
        matches = await self._beside(lambda: _matches(self._hasher, known, peppered))
        return matches and hash is not None

    def _peppered(self, password: str) -> bytes:
        text = unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
        return hmac.digest(self._pepper, text, hashlib.sha256)

    async def _beside(self, work: Callable[[], T]) -> T:
        if not self._room:
            raise Refused("busy", retryable=True)
        self._room -= 1
        try:
            await self._turns.acquire()
        except BaseException:
            self._room += 1
            raise
        running = asyncio.ensure_future(self._scheduler.blocking(work))
        running.add_done_callback(self._done)
        # A caller who goes away does not give the memory back.
        return await asyncio.shield(running)

    def _done(self, running: "asyncio.Future[T]") -> None:
        self._room += 1
        self._turns.release()
        if not running.cancelled():
            running.exception()  # seen, even where the caller has gone


def _matches(hasher: PasswordHasher, known: str, peppered: bytes) -> bool:
    try:
        return hasher.verify(known, peppered)
    except VerifyMismatchError:
        return False


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
