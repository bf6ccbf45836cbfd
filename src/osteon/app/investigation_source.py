"""Values as Python source: what a test needs to make them again, formatted as ruff formats it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, NamedTuple, NewType, TypeGuard, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from osteon.model import Identifier, OsteonError, Sensitive, plain

__all__ = ["Call", "Expression", "NotExpressible", "Source", "assigned", "flat", "rendered"]

WIDTH = 120
INDENT = "    "


class NotExpressible(OsteonError):
    """Raised when a value cannot be written down so that a test can make it again."""


class Call(NamedTuple):
    """Something between brackets: a call, a tuple, a list; each item with what stands before it, such as `name=`."""

    opening: str
    items: "Sequence[tuple[str, Expression]]"
    closing: str

    @property
    def flat(self) -> str:
        """All in one line."""
        inner = ", ".join(f"{before}{flat(item)}" for before, item in self.items)
        comma = "," if self.opening == "(" and len(self.items) == 1 else ""
        return f"{self.opening}{inner}{comma}{self.closing}"


Expression = str | Call


class Source:
    """Writes values, and remembers what they need: imports, and names for identifiers."""

    def __init__(self, reserved: Iterable[str]) -> None:
        """Nothing is written yet; `reserved` names are the test's own."""
        self._taken: dict[str, tuple[str, str] | None] = dict.fromkeys(reserved)
        self._imports: dict[tuple[str, str], str] = {}
        self._modules: set[str] = set()
        self._constants: dict[tuple[str, str], tuple[str, Expression]] = {}

    def value(self, value: Any, hint: Any = None, name: str = "") -> Expression:
        """A value as an expression; `hint` is the type that is declared for it, `name` the field that it stands in.

        Raises:
            NotExpressible: It holds something that no expression makes.
        """
        kind = _identifier(hint, value)
        if kind is not None:
            return self._constant(kind, value, name if kind is Identifier else "")
        if value is None or isinstance(value, (bool, int, float)):
            return self._number(value)
        if isinstance(value, Enum):
            return f"{self.named(type(value))}.{value.name}"
        if isinstance(value, (str, bytes)):
            return _quoted(value)
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        return self._collection(value, hint)

    def named(self, thing: Any) -> str:
        """The name of a class, a function or a new type, imported.

        Raises:
            NotExpressible: It has no name in its module.
        """
        module, name = thing.__module__, getattr(thing, "__qualname__", thing.__name__)
        if getattr(sys.modules.get(module), name, None) is not thing:
            raise NotExpressible(f"'{name}' is no name in '{module}', so no test can import it.")
        return self.imported(_public(module, name), name)

    def imported(self, module: str, name: str) -> str:
        """A name of a module, imported under itself, or under another one where that is taken."""
        if module == "builtins":
            return name
        local = self._imports.get((module, name)) or self._free(name, (module, name))
        self._imports[module, name] = local
        return local

    def module(self, module: str) -> None:
        """Imports a module as a whole."""
        self._modules.add(module)

    def identifier(self, kind: Any, value: str, name: str) -> str:
        """An identifier of a kind, as a constant whose name is made of `name`."""
        return flat(self._constant(kind, value, name))

    def constants(self) -> list[str]:
        """The lines that make the identifiers."""
        return [line for name, made in self._constants.values() for line in assigned(name, made)]

    def imports(self, first_party: Sequence[str]) -> list[str]:
        """The lines that import: the standard library's, those of others, and those of `first_party` packages."""

        def group(module: str) -> int:
            package = module.partition(".")[0]
            return 0 if package in sys.stdlib_module_names else 2 if package in first_party else 1

        modules: dict[str, list[tuple[str, str]]] = {}
        for (module, name), local in self._imports.items():
            modules.setdefault(module, []).append((name, name if local == name else f"{name} as {local}"))
        groups = [[f"import {each}" for each in sorted(self._modules) if group(each) == number] for number in range(3)]
        for module in sorted(modules, key=str.casefold):
            names = [("", each) for _, each in sorted(modules[module], key=_import_order)]
            groups[group(module)] += rendered(Call("(", names, ")"), f"from {module} import ", bare=True)
        return [line for number, each in enumerate(filter(None, groups)) for line in _apart(number, each)]

    def _constant(self, kind: Any, value: str, name: str) -> Expression:
        key = (kind.__name__, value)
        known = self._constants.get(key)
        if known is None and kind is Identifier:
            # Where a kind of its own is known for it, that one says more.
            known = next((each for (_, same), each in self._constants.items() if same == value), None)
        if known is None:
            made: Expression = _quoted(value)
            for each in reversed(_line_of(kind)):
                made = Call(f"{self.named(each)}(", [("", made)], ")")
            stem = name or kind.__name__.removesuffix("Id") or kind.__name__
            known = self._constants[key] = (self._free(_upper(stem), None), made)
        return known[0]

    def _number(self, value: Any) -> str:
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
            return f'float("{value}")'
        return repr(value)

    def _struct(self, value: msgspec.Struct) -> Expression:
        hints = get_type_hints(type(value), include_extras=True)
        items: list[tuple[str, Expression]] = []
        for field in msgspec.structs.fields(value):
            held = getattr(value, field.name)
            if not _is_default(field, held):
                items.append((f"{field.name}=", self.value(held, hints[field.name], field.name)))
        return Call(f"{self.named(type(value))}(", items, ")")

    def _collection(self, value: Any, hint: Any) -> Expression:
        inner = _inner(hint)
        match value:
            case Sensitive():
                return Call(f"{self.named(type(value))}(", [("", self.value(plain(value), inner[0]))], ")")  # pyright: ignore[reportUnknownArgumentType]
            case list() | tuple():
                brackets = "[]" if isinstance(value, list) else "()"
                items = [("", self.value(each, inner[0])) for each in cast("Sequence[Any]", value)]
                return Call(brackets[0], items, brackets[1])
            case set() | frozenset():
                ordered = sorted(cast("Iterable[Any]", value), key=repr)
                whole: Expression = Call("{", [("", self.value(each, inner[0])) for each in ordered], "}")
                return Call("frozenset(", [("", whole)], ")") if isinstance(value, frozenset) else whole
            case _ if _is_mapping(value):
                pairs = [
                    (f"{flat(self.value(key, inner[0]))}: ", self.value(held, inner[-1])) for key, held in value.items()
                ]
                return Call("{", pairs, "}")
            case _:
                return self._leaf(value)

    def _leaf(self, value: Any) -> Expression:
        match value:
            case msgspec.Raw():
                return Call(f"{self.imported('msgspec', 'Raw')}(", [("", _quoted(bytes(value)))], ")")
            case datetime():
                return self._datetime(value)
            case date() | time():
                parts = value.isoformat()
                return Call(
                    f"{self.imported('datetime', type(value).__name__)}.fromisoformat(", [("", _quoted(parts))], ")"
                )
            case timedelta():
                numbers = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
                items = [(f"{name}=", repr(number)) for name, number in numbers.items() if number]
                return Call(f"{self.imported('datetime', 'timedelta')}(", items, ")")
            case Decimal():
                return Call(f"{self.imported('decimal', 'Decimal')}(", [("", _quoted(str(value)))], ")")
            case _:
                raise NotExpressible(f"A '{type(value).__name__}' cannot be written into a test.")

    def _datetime(self, value: datetime) -> Expression:
        name = self.imported("datetime", "datetime")
        if value.utcoffset() != timedelta(0):
            return Call(f"{name}.fromisoformat(", [("", _quoted(value.isoformat()))], ")")
        at = value.astimezone(UTC)
        numbers = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
        while len(numbers) > 3 and not numbers[-1]:
            numbers.pop()
        zone = self.imported("datetime", "UTC")
        return Call(f"{name}(", [*(("", repr(number)) for number in numbers), ("tzinfo=", zone)], ")")

    def _free(self, name: str, owner: tuple[str, str] | None) -> str:
        """The name, or one like it, that nothing else has."""
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken[free] = owner
        return free


def flat(expression: Expression) -> str:
    """An expression in one line."""
    return expression if isinstance(expression, str) else expression.flat


def assigned(name: str, made: Expression) -> list[str]:
    """The lines that give an expression a name."""
    return rendered(made, f"{name} = ")


def rendered(made: Expression, before: str, after: str = "", indent: str = "", *, bare: bool = False) -> list[str]:
    """An expression in as many lines as it needs; `bare` leaves brackets out where one line is enough."""
    one = flat(made)
    if bare and isinstance(made, Call):
        one = ", ".join(flat(item) for _, item in made.items)
    if isinstance(made, str) or not made.items or len(f"{indent}{before}{one}{after}") <= WIDTH:
        return [f"{indent}{before}{one}{after}"]
    inner = [line for name, item in made.items for line in rendered(item, name, ",", indent + INDENT)]
    return [f"{indent}{before}{made.opening}", *inner, f"{indent}{made.closing}{after}"]


def _apart(number: int, lines: list[str]) -> list[str]:
    return ["", *lines] if number else lines


def _identifier(hint: Any, value: Any) -> Any:
    """The kind of identifier that is declared for a value, if it is one."""
    if not isinstance(value, str) or hint is None:
        return None
    if isinstance(hint, NewType):
        return hint if _line_of(hint)[-1] is Identifier else None
    if get_origin(hint) in (Annotated, Union, UnionType):
        return next((kind for each in get_args(hint) if (kind := _identifier(each, value)) is not None), None)
    return None


def _line_of(kind: Any) -> list[Any]:
    """A new type and what it is made of, down to the last that is one."""
    line = [kind]
    while isinstance(line[-1].__supertype__, NewType):
        line.append(line[-1].__supertype__)
    return line


def _inner(hint: Any) -> tuple[Any, ...]:
    """The types of what a collection holds."""
    if get_origin(hint) in (Annotated, Union, UnionType):
        found = [each for each in get_args(hint) if get_args(each)]
        return _inner(found[0]) if found else (None,)
    return get_args(hint) or (None,)


def _is_default(field: msgspec.structs.FieldInfo, held: Any) -> bool:
    if field.default is not msgspec.NODEFAULT:
        return bool(field.default == held) and type(field.default) is type(held)
    factory: Any = field.default_factory
    return factory is not msgspec.NODEFAULT and bool(factory() == held)


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _public(module: str, name: str) -> str:
    """The outermost package that publishes what a module has; the module itself where none does."""
    parts = module.split(".")
    thing = getattr(sys.modules[module], name)
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        front = sys.modules.get(package)
        if name in getattr(front, "__all__", ()) and getattr(front, name, None) is thing:
            return package
    return module


def _import_order(named: tuple[str, str]) -> tuple[int, str]:
    """Constants, then classes, then all else: as ruff sorts."""
    name = named[0]
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _upper(name: str) -> str:
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in name).strip("_")
    return words.upper()


def _quoted(value: str | bytes) -> str:
    """A text in the quotes that ruff prefers: double ones, unless that takes more escapes."""
    shown = repr(value)
    prefix, quote, inner = ("b", shown[1], shown[2:-1]) if isinstance(value, bytes) else ("", shown[0], shown[1:-1])
    if quote == '"':
        return shown
    plain = value.decode("latin-1") if isinstance(value, bytes) else value
    if plain.count('"') > plain.count("'"):
        return shown
    unescaped = inner.replace("\\'", "'").replace('"', '\\"')
    return f'{prefix}"{unescaped}"'
