"""How a bug is planted."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.simulation.patching import Patch, patched

__all__ = ["Mutant", "Patch", "planted"]


class Mutant(NamedTuple):
    """A bug that can be planted.

    Attributes:
        name: What it does, in a few words.
        properties: What breaks by it: one of these must be the first.
        within: In how many schedules it must be found.
        patches: The bug itself.
        first: The first seed of the hunt in the tests, which are to be quick; other hunts begin anywhere.
    """

    name: str
    properties: tuple[str, ...]
    within: int
    patches: Sequence[Patch]
    first: int = 0


@contextmanager
def planted(mutant: Mutant) -> Generator[None]:
    """Has the bug in the code until the end of the block."""
    with patched(mutant.patches):
        yield
