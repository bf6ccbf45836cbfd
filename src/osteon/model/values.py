"""Values: immutable structs with named fields, the shape of everything that is stored or sent.

A `Value` is a frozen msgspec struct whose fields are given by name. In Python its fields are in snake_case, in JSON in camelCase.
"""

from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec

__all__ = ["Shape", "Value", "replace"]

V = TypeVar("V", bound="Value")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Shape(type):
        """What the type checkers see: each subclass of `Value` is a frozen dataclass with keyword-only fields."""

        def __new__(
            mcls,
            name: str,
            bases: tuple[type, ...],
            namespace: dict[str, Any],
            /,
            *,
            tag: str | None = None,
            tag_field: str | None = None,
            also_in: str | None = None,
            internal: bool = False,
        ) -> Any: ...

    class Value(metaclass=Shape):
        """An immutable struct; equality is by fields."""

else:

    class Shape(msgspec.StructMeta):
        """Makes each subclass of `Value` a frozen struct with keyword-only fields, without its author saying so."""

        def __new__(mcls, name, bases, namespace, *, also_in=None, internal=False, **config):
            if also_in is not None:
                namespace["also_in"] = also_in
            if internal:
                namespace["internal"] = True
            # What cannot change cannot come to refer to itself: the garbage collector need not look at it.
            config = {"frozen": True, "kw_only": True, "rename": "camel", "gc": False} | config
            return super().__new__(mcls, name, bases, namespace, **config)

    class Value(msgspec.Struct, metaclass=Shape):
        """An immutable struct; equality is by fields."""


def replace(value: V, /, **changes: object) -> V:
    """A copy of `value` with some fields changed.

    Raises:
        TypeError: `changes` names a field that the value does not have.
    """
    return msgspec.structs.replace(value, **changes)  # type: ignore[type-var]  # a Value is a Struct at run time
