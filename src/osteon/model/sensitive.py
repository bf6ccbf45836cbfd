"""Sensitive values: what must not be seen, said in the type.

| type | what it is for | at rest | who reads it |
|---|---|---|---|
| `Secret` | a password, a token | nowhere | prepare and present, in memory |
| `Sealed` | a hash of a password, a client's secret | under the tenant's key | prepare, present, sinks |
| `Personal` | a name, an address | under the key of the person it is about | deciders and queries |

All three are masked in `repr`, and so in logs and tracebacks. `reveal` is the one way to the value, and easy to search for.
"""

from typing import Any, Generic, TypeVar

__all__ = ["Personal", "Sealed", "Secret", "Sensitive", "plain"]

T = TypeVar("T")


class Sensitive(Generic[T]):
    """A value that no log, `repr` or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        """Wraps `value`."""
        self._value = value

    def reveal(self) -> T:
        """The value itself: hand it on, do not keep it."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return other.__class__ is self.__class__ and plain(other) == self._value

    def __hash__(self) -> int:
        return hash((type(self), self._value))


class Personal(Sensitive[T]):
    """Data about a person, encrypted at rest under the key of that person."""

    __slots__ = ()


class Sealed(Sensitive[T]):
    """What a tenant keeps for itself, encrypted at rest under the tenant's key and never answered to a client."""

    __slots__ = ()


class Secret(Sensitive[T]):
    """What never leaves memory: recording it is an error."""

    __slots__ = ()


def plain(value: Any) -> Any:
    """The value itself, whether it is wrapped or not."""
    return value.reveal() if isinstance(value, Sensitive) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
