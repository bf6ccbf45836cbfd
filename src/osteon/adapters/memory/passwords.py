"""Passwords hashed fast: a fake for tests, from which the passwords are soon guessed."""

import hashlib
import hmac
from itertools import count

__all__ = ["MemoryPasswords"]


class MemoryPasswords:
    """Salts with a number and hashes once."""

    def __init__(self) -> None:
        """Begins to count at 1."""
        self._salts = count(1)

    async def hash(self, password: str) -> str:
        return _hashed(password, str(next(self._salts)))

    async def verify(self, password: str, hash: str | None) -> bool:
        if hash is None:
            return False
        salt = hash.split("$")[2]
        return hmac.compare_digest(_hashed(password, salt), hash)


def _hashed(password: str, salt: str) -> str:
    digest = hashlib.blake2b(password.encode(errors="surrogatepass"), salt=salt.encode(), digest_size=16)
    return f"$fast-fake${salt}${digest.hexdigest()}"
