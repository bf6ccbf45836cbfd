"""Places: how far a tenant's views must be, as clients carry it.

A command's reply has the position of its entry. A query's reply has a count, `n<entries>`: the views held that many entries of the
tenant, so a later query `after` it sees at least as much.
"""

import re

from osteon.messages import Position
from osteon.model import Refused

__all__ = ["Place", "count_token", "read_places"]

Place = Position | int

# Python reads more as a number than we write: signs, underscores, spaces, other scripts' digits.
_TOKEN = re.compile("n[0-9a-f]{1,12}|[0-9a-f]{14}")


def count_token(entries: int) -> str:
    """The token of a count of entries."""
    return f"n{entries:x}"


def read_places(after: str) -> list[Place]:
    """The places that a header or item names, comma-separated.

    Raises:
        Refused: With `invalid-position`, when one is not ours.
    """
    tokens = [token.strip() for token in after.split(",")]
    if not all(map(_TOKEN.fullmatch, tokens)):
        raise Refused("invalid-position", position=after[:100])
    return [_read(token) for token in tokens]


def _read(token: str) -> Place:
    return int(token[1:], 16) if token.startswith("n") else Position.of(token)
