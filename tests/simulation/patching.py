"""Something else in the place of an attribute, for a while."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ["Patch", "patched"]


class Patch(NamedTuple):
    """What is put in the place of an attribute of a module or a class."""

    target: Any
    name: str
    value: Any


@contextmanager
def patched(patches: Sequence[Patch]) -> Generator[None]:
    """Has the patches in place until the end of the block."""
    real = [(patch, patch.target.__dict__[patch.name]) for patch in patches]
    for patch in patches:
        setattr(patch.target, patch.name, patch.value)
    try:
        yield
    finally:
        for patch, value in real:
            setattr(patch.target, patch.name, value)
