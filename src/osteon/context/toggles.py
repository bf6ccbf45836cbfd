"""Toggles: typed switches of a single invocation, such as a raised log level or the arm of an experiment."""

from typing import Generic, TypeVar

from osteon.model import Value

__all__ = ["LOG_LEVEL", "Toggle", "Toggles"]

T = TypeVar("T", bound=bool | int | str)


class Toggle(Generic[T]):
    """A switch with a name and a default; the type of the default is the type of its values."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: T) -> None:
        """Declares a toggle; `name` is in kebab-case."""
        self.name = name
        self.default = default


class Toggles(Value):
    """The toggles that an invocation carries; not tiers or settings, which belong to the tenant."""

    values: dict[str, bool | int | str] = {}

    def of(self, toggle: Toggle[T]) -> T:
        """The value of `toggle` in this invocation: its default where it is absent or of another type."""
        value = self.values.get(toggle.name, toggle.default)
        return value if type(value) is type(toggle.default) else toggle.default


LOG_LEVEL = Toggle("log-level", "debug")
"""`info` lets the lines that an invocation logs at debug level out."""
