"""Reads, once and at start, which messages a function takes from the annotations of its parameters."""

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from osteon.model import Misdeclared

__all__ = ["parameter_types", "return_type"]


def parameter_types(function: Callable[..., Any], position: int = 0) -> tuple[type[Any], ...]:
    """The types that a parameter may have: one, or the members of a union.

    Args:
        function: A function whose parameters are annotated.
        position: Which parameter, from 0.

    Raises:
        Misdeclared: The parameter is missing, has no annotation, or names something that is not a class.
    """
    names = list(inspect.signature(function).parameters)
    name = getattr(function, "__qualname__", repr(function))
    if position >= len(names):
        raise Misdeclared(f"'{name}' must take at least {position + 1} parameter(s).")
    hint = get_type_hints(function).get(names[position])
    if hint is None:
        raise Misdeclared(
            f"The parameter '{names[position]}' of '{name}' needs an annotation: it says what '{name}' is given."
        )
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for member in members:
        if not isinstance(member, type):
            raise Misdeclared(f"The parameter '{names[position]}' of '{name}' must name classes, not '{member}'.")
    return members


def return_type(function: Callable[..., Any]) -> type[Any]:
    """The class that a function returns.

    Raises:
        Misdeclared: It does not say so.
    """
    hint = get_type_hints(function).get("return")
    if not isinstance(hint, type):
        raise Misdeclared(f"'{function.__qualname__}' must say in an annotation which class it returns.")
    return hint
