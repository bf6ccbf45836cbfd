"""JSON Schema (2020-12) of messages: the fields of each, and what it is answered with, read from the types.

Identifiers, structs and answers become definitions of their own, so that a reader meets each name once. A sensitive
value has the schema of what it holds and says what it is in `x-sensitivity`.
"""

import inspect
import re
import types
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.inspect import is_struct_type

from osteon.messages.catalogue import MessageType
from osteon.model import Identifier, Misdeclared, Personal, Sealed, Secret

__all__ = ["DIALECT", "Definitions", "JsonSchema", "described", "message_schema"]

JsonSchema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
_PLAIN = (str, int, float, bool, bytes, datetime, date, time, timedelta)
_SENSITIVITY = {Personal: "personal", Sealed: "sealed", Secret: "secret"}
_DERIVED = "Left out, it is derived from the idempotency key."


def message_schema(message: MessageType, derived: Collection[str] = ()) -> JsonSchema:
    """The whole schema of one message, as a document that needs no other.

    Args:
        message: The message.
        derived: Wire names of fields that may be left out although the type has no default: the platform makes them.
    """
    definitions = Definitions("#/$defs/")
    fields = definitions.message(message, derived)
    about: JsonSchema = {"kind": message.kind, "module": message.module}
    if message.kind != "event":
        about |= {"public": message.public, "answer": definitions.answer(message)}
    if message.also_in is not None:
        about["alsoIn"] = message.fields[message.also_in]
    document = {"$schema": DIALECT, "$id": f"{message.name}.json", **fields, "x-osteon": about}
    return {**document, "$defs": definitions.found} if definitions.found else document


def described(type: type[Any]) -> str:
    """What a docstring says about a type, without its sections, in words of JSON; empty where it has none."""
    text = inspect.cleandoc(type.__dict__.get("__doc__") or "").partition("\n\nAttributes:")[0]
    text = re.sub(r"`[a-z]+(?:_[a-z]+)+`", lambda found: _camel(found[0]), re.sub(r"\bNone\b", "null", text))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


class Definitions:
    """Schemas of types; whatever has a name is collected in `found`, sorted by name, and referred to.

    What is given may leave out the fields that have a default; what is answered has them all.
    """

    def __init__(self, place: str) -> None:
        """Nothing found yet; references begin with `place`."""
        self._place = place
        self._found: dict[str, JsonSchema] = {}
        self._owners: dict[str, Any] = {}

    @property
    def found(self) -> dict[str, JsonSchema]:
        """All definitions by name."""
        return dict(sorted(self._found.items()))

    def message(self, message: MessageType, derived: Collection[str] = ()) -> JsonSchema:
        """The fields of a message: an event may have others in a later release, all else is taken without."""
        schema = self._struct(message.type, given=True)
        schema["required"] = [name for name in schema["required"] if name not in derived]
        for name in derived:
            schema["properties"][name] = {**schema["properties"][name], "description": _DERIVED}
        return schema if message.kind == "event" else {**schema, "additionalProperties": False}

    def answer(self, message: MessageType) -> JsonSchema:
        """What a command or query is answered with."""
        return self.schema(message.answer, given=False)

    def schema(self, kind: Any, *, given: bool) -> JsonSchema:
        """The schema of a type, or a reference to it."""
        if kind is None or kind is types.NoneType:
            return {"type": "null"}
        if kind is Any:
            return {}
        if kind is datetime:
            return {"type": "string", "format": "date-time"}
        if isinstance(kind, NewType):
            return self._new_type(kind, given)
        if kind is msgspec.Raw:
            return {"description": "Any JSON: a message that is told apart by its type."}
        origin = get_origin(kind)
        if origin is None and kind not in _PLAIN and not _is_container(kind):
            return self._named(kind, given)
        return self._generic(kind, origin, get_args(kind), given)

    def _generic(self, kind: Any, origin: Any, of: tuple[Any, ...], given: bool) -> JsonSchema:
        if origin is Annotated:
            return self._annotated(of[0], of[1:], given)
        if origin in (Union, types.UnionType):
            return self._union(of, given)
        if origin in _SENSITIVITY:
            return self._sensitive(origin, of[0], given)
        if origin is not None and is_struct_type(origin):
            return self._named(kind, given)
        if origin in (list, tuple, set, frozenset) and of:
            return self._array(of, given)
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.schema(of[1], given=given)}
        return msgspec.json.schema(kind)

    def _new_type(self, kind: NewType, given: bool) -> JsonSchema:
        if not _is_identifier(kind):
            return self.schema(kind.__supertype__, given=given)
        name = kind.__name__
        return self._define(name, kind, lambda: {"title": name, "type": "string", "pattern": _ULID})

    def _annotated(self, kind: Any, notes: tuple[Any, ...], given: bool) -> JsonSchema:
        schema = self.schema(kind, given=given)
        for note in notes:
            if isinstance(note, msgspec.Meta):
                schema = {**_constraints(kind, note), **schema}
            elif text := getattr(note, "description", None):
                schema = {**schema, "description": text}
        return schema

    def _union(self, kinds: tuple[Any, ...], given: bool) -> JsonSchema:
        schema: JsonSchema = {"anyOf": [self.schema(kind, given=given) for kind in kinds]}
        tags = {_tag(kind): self._refer(kind.__name__) for kind in kinds if _tag(kind) is not None}
        if len(tags) == len(kinds):
            schema["discriminator"] = {"propertyName": _tag_field(kinds[0]), "mapping": tags}
        return schema

    def _sensitive(self, wrapper: Any, kind: Any, given: bool) -> JsonSchema:
        schema = {**self.schema(kind, given=given), "x-sensitivity": _SENSITIVITY[wrapper]}
        return {**schema, "format": "password", "writeOnly": True} if wrapper is Secret else schema

    def _array(self, of: tuple[Any, ...], given: bool) -> JsonSchema:
        if len(of) == 1 or of[1] is ...:
            return {"type": "array", "items": self.schema(of[0], given=given)}
        each = [self.schema(kind, given=given) for kind in of]
        return {"type": "array", "prefixItems": each, "items": False, "minItems": len(each)}

    def _named(self, kind: Any, given: bool) -> JsonSchema:
        struct = get_origin(kind) or kind
        if not is_struct_type(struct):
            return self._define(kind.__name__, kind, lambda: _enumeration(kind))
        name = "".join(argument.__name__ for argument in get_args(kind)) + struct.__name__
        if given and any(not field.required for field in msgspec.structs.fields(struct)):
            name += "Given"
        return self._define(name, kind, lambda: {**self._struct(kind, given=given), "title": name})

    def _struct(self, kind: Any, *, given: bool) -> JsonSchema:
        struct = get_origin(kind) or kind
        hints = get_type_hints(struct, include_extras=True)
        arguments = dict(zip(getattr(struct, "__parameters__", ()), get_args(kind), strict=False))
        properties: JsonSchema = {}
        required: list[str] = []
        if (tag := _tag(kind)) is not None:
            properties[_tag_field(kind)] = {"const": tag}
            required.append(_tag_field(kind))
        for field in msgspec.structs.fields(struct):
            schema = self.schema(_substituted(hints[field.name], arguments), given=given)
            if given and field.default is not msgspec.NODEFAULT:
                schema = {**schema, "default": msgspec.json.decode(msgspec.json.encode(field.default))}
            properties[field.encode_name] = schema
            if field.required or not given:
                required.append(field.encode_name)
        document: JsonSchema = {"title": struct.__name__}
        if text := described(struct):
            document["description"] = text
        return {**document, "type": "object", "properties": properties, "required": required}

    def _define(self, name: str, kind: Any, make: Any) -> JsonSchema:
        owner = self._owners.setdefault(name, kind)
        if owner is not kind and owner != kind:
            raise Misdeclared(f"Two types are called '{name}' in the contract, '{owner}' and '{kind}'; rename one.")
        if name not in self._found:
            self._found[name] = {}  # a type that holds itself finds its name taken
            self._found[name] = make()
        return {"$ref": self._refer(name)}

    def _refer(self, name: str) -> str:
        return self._place + name


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _is_identifier(kind: Any) -> bool:
    while kind is not Identifier and isinstance(kind, NewType):
        kind = kind.__supertype__
    return kind is Identifier


def _is_container(kind: Any) -> bool:
    return kind in (list, tuple, set, frozenset, dict)


def _enumeration(kind: Any) -> JsonSchema:
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        raise Misdeclared(f"'{kind}' has no JSON form; use a Value, a number, a text or a list of them.")
    return {"title": kind.__name__, "enum": [each.value for each in kind]}


def _constraints(kind: Any, meta: msgspec.Meta) -> JsonSchema:
    constraints = msgspec.json.schema(cast("Any", Annotated)[_bare(kind), meta])
    if "pattern" in constraints:
        # In Python `$` also stands before a line break at the end, in JSON Schema it never does.
        constraints["pattern"] = re.sub(r"\\Z$", "$", constraints["pattern"])
    return constraints


def _bare(kind: Any) -> Any:
    """The plain type that a constraint is about: `str` for an identifier, `list` for anything in order."""
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _bare(next(each for each in get_args(kind) if each is not types.NoneType))
    if origin in _SENSITIVITY:
        return _bare(get_args(kind)[0])
    return list[Any] if origin in (list, tuple, set, frozenset) else kind


def _tag(kind: Any) -> str | int | None:
    struct = get_origin(kind) or kind
    return struct.__struct_config__.tag if is_struct_type(struct) else None


def _tag_field(kind: Any) -> str:
    field: str = (get_origin(kind) or kind).__struct_config__.tag_field
    return field


def _substituted(kind: Any, arguments: Mapping[Any, Any]) -> Any:
    if isinstance(kind, TypeVar):
        return arguments.get(kind, Any)
    parameters: tuple[Any, ...] = getattr(kind, "__parameters__", ())
    return kind[tuple(arguments.get(each, Any) for each in parameters)] if parameters else kind
