"""Places: how far a tenant's views must be, as clients carry it.

A command's reply has the position of its entry. A query's reply has a count, `n<entries>`: the views held that many entries of the
tenant, so a later query `after` it sees at least as much.
"""

from osteon.messages import Position
from osteon.model import Refused

__all__ = ["Place", "count_token", "read_places"]

Place = Position | int


def count_token(entries: int) -> str:
    """The token of a count of entries."""
    return f"n{entries:x}"


def read_places(after: str) -> list[Place]:
    """The places that a header or item names, comma-separated.

    Raises:
        Refused: With `invalid-position`, when one is not ours.
    """
    try:
        return [_read(token.strip()) for token in after.split(",")]
    except ValueError:
        raise Refused("invalid-position", position=after) from None


def _read(token: str) -> Place:
    if token.startswith("n"):
        return int(token[1:], 16)
    if len(token) != 14:
        raise ValueError(token)
    return Position.of(token)
