"""The catalogue: every message type of a product by its wire name, checked against the naming rules."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import msgspec

from osteon.messages.message import Command, Event, Message, Query, wire_name
from osteon.model import Decoder, Identifier, Misdeclared, decoder

__all__ = ["Catalogue", "Kind", "MessageType"]

Kind = Literal["command", "query", "event"]


class MessageType:
    """One message type: its names, its fields, its decoder.

    Attributes:
        name: The wire name.
        type: The Python type.
        kind: Command, query or event.
        module: The name of the module that declares it.
        public: Whether a client may send it.
        also_in: The field that names the second scope of a command that touches two.
        answer: The type of the answer; None for an event.
        fields: The wire names of its fields, by their Python names.
        identifiers: The Python names of the fields that hold an identifier, or None.
    """

    def __init__(self, type: type[Message], module: str) -> None:
        """Reads `type` once; it belongs to `module`."""
        self.name = wire_name(type)
        self.type = type
        self.module = module
        self.kind = _kind(type)
        self.public = self.kind != "event" and not type.internal
        self.also_in: str | None = getattr(type, "also_in", None)
        self.answer = _answer(type)
        infos = msgspec.structs.fields(cast("Any", type))
        self.fields = {info.name: info.encode_name for info in infos}
        self.wire_fields = frozenset(info.encode_name for info in infos)
        hints = get_type_hints(type)
        self.identifiers = tuple(name for name in self.fields if _identifies(hints[name]))
        self.decoder: Decoder[Message] = decoder(type)

    def __repr__(self) -> str:
        return f"MessageType({self.name!r})"


class Catalogue:
    """All message types of a product; names are unique over all kinds and modules."""

    def __init__(self, types: Iterable[MessageType]) -> None:
        """Collects `types`.

        Raises:
            Misdeclared: Two types share a wire name, or one breaks the naming rules.
        """
        self._types: dict[str, MessageType] = {}
        for each in types:
            known = self._types.setdefault(each.name, each)
            if known.type is not each.type:
                raise Misdeclared(
                    f"'{each.name}' is declared twice, in '{known.module}' and '{each.module}'; rename one."
                )
            for fault in _faults(each):
                raise Misdeclared(fault)

    def __iter__(self) -> Iterator[MessageType]:
        return iter(sorted(self._types.values(), key=lambda each: (each.kind, each.name)))

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def get(self, name: str) -> MessageType | None:
        """The type with that wire name, or None."""
        return self._types.get(name)

    def __getitem__(self, name: str) -> MessageType:
        return self._types[name]


def _faults(message: MessageType) -> Iterator[str]:
    """What breaks the naming rules, each as a sentence."""
    name = message.type.__name__
    if not re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", name):
        yield f"'{name}' must be in PascalCase."
    words = message.name.split("-")
    if len(words) < 2:
        yield f"'{name}' must be a whole phrase, such as 'CreateProject' or 'ProjectCreated'."
    if message.kind == "event" and not _past(words):
        yield f"The event '{name}' must be in the past tense, such as 'ProjectCreated'."
    if not (message.type.__doc__ or "").strip():
        yield f"'{name}' needs a docstring: one sentence on what it asks or tells."
    for field in message.fields:
        if not re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", field):
            yield f"The field '{field}' of '{name}' must be in snake_case."


def _kind(type: Any) -> Kind:
    if issubclass(type, Command):
        return "command"
    return "query" if issubclass(type, Query) else "event"


def _past(words: list[str]) -> bool:
    return any(word.endswith("ed") or word in _IRREGULAR for word in words)


def _identifies(hint: Any) -> bool:
    kind: Any = hint
    while hasattr(kind, "__supertype__"):
        if kind is Identifier:
            return True
        kind = kind.__supertype__
    return (
        any(_identifies(each) for each in get_args(hint)) if get_origin(hint) is not None or get_args(hint) else False
    )


def _answer(type: type[Message]) -> Any:
    """The `A` of `Command[A]` or `Query[A]`, through whatever generic class stands between."""
    if issubclass(type, Event):
        return None
    return _argument(type, Command if issubclass(type, Command) else Query)


def _argument(type: Any, target: Any) -> Any:
    for base in getattr(type, "__orig_bases__", ()):
        origin = get_origin(base) or base
        if origin is target:
            return get_args(base)[0]
        found = _argument(origin, target)
        parameters = getattr(origin, "__parameters__", ())
        if found is not None:
            return _substitute(found, dict(zip(parameters, get_args(base), strict=False)))
    return None


def _substitute(kind: Any, known: dict[Any, Any]) -> Any:
    if kind in known:
        return known[kind]
    parameters = getattr(kind, "__parameters__", ())
    return kind[tuple(known.get(each, each) for each in parameters)] if parameters else kind


_IRREGULAR = frozenset(
    {
        "begun",
        "bought",
        "bound",
        "broken",
        "brought",
        "built",
        "chosen",
        "cut",
        "dealt",
        "drawn",
        "driven",
        "fallen",
        "fed",
        "felt",
        "forgotten",
        "found",
        "frozen",
        "given",
        "got",
        "grown",
        "held",
        "hidden",
        "kept",
        "known",
        "learnt",
        "left",
        "lent",
        "lost",
        "made",
        "meant",
        "met",
        "paid",
        "put",
        "read",
        "seen",
        "sent",
        "set",
        "shown",
        "shut",
        "slept",
        "sold",
        "spent",
        "spoken",
        "stolen",
        "stood",
        "taken",
        "taught",
        "thought",
        "told",
        "torn",
        "understood",
        "withdrawn",
        "woken",
        "won",
        "worn",
        "written",
    }
)
