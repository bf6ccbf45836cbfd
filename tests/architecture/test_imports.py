"""What may be imported where, beyond the rooms' order that the import contracts hold."""

import ast
import sys

import pytest

from tests.architecture.source import ROOT, SourceFile, imported, source_files

ROOMS = ["model", "context", "messages", "domain", "ports", "engine", "gateway", "modules"]
# What a room outside adapters and app may use of other people: the structs that messages are, ULIDs, the log's front.
COMMON = {"msgspec", "structlog", "ulid"}
# Time, randomness, threads, processes and files come in through ports, so that all of it runs in simulation.
IMPURE = set(
    "concurrent multiprocessing os random secrets shutil signal socket sqlite3".split()
    + "subprocess tempfile threading time uuid".split()
)
# A client's key may be a UUID, which is read here and never drawn.
HARMLESS = {"uuid.UUID"}
IMPURE_CALLS = set(
    "open input asyncio.run asyncio.to_thread date.today datetime.now datetime.today datetime.utcnow".split()
    + "datetime.datetime.now datetime.date.today ulid.ULID ULID ULID.from_datetime".split()
)
# The commit log is simulated with the engine: its disk is a port.
PURE = ("model", "context", "messages", "domain", "engine", "gateway", "modules", "adapters.commitlog")
PURE_PREFIXES = tuple(f"osteon.{room}." for room in PURE)

FILES = list(source_files())
DEMO_MODULES = {path.parent.name for path in (ROOT / "demo").glob("*/__init__.py")}


def test_finds_the_source_to_look_at() -> None:
    assert len(FILES) > 10


def test_only_adapters_and_app_name_technologies() -> None:
    found = [
        f"{file.at(node)} imports '{name}'"
        for file in FILES
        if in_a_room(file) or is_a_demo_module(file)
        for node, name in imported(file)
        if not is_known(name.split(".")[0])
    ]
    assert found == []


def test_pure_rooms_import_nothing_impure() -> None:
    found = [
        f"{file.at(node)} imports '{name}'"
        for file in FILES
        if is_pure(file)
        for node, name in imported(file)
        if name.split(".")[0] in IMPURE and name not in HARMLESS
    ]
    assert found == []


def test_pure_rooms_call_nothing_impure() -> None:
    found = [
        f"{file.at(call)} calls '{name}'" for file in FILES if is_pure(file) for call, name in impure_calls(file.tree)
    ]
    assert found == []


def test_modules_meet_only_at_front_files() -> None:
    found = [
        f"{file.at(node)} reaches into '{name}'"
        for file in FILES
        if file.package[:2] not in {("osteon", "app"), ("osteon", "cli")}
        for node, name in imported(file)
        if reaches_into_another(file, name)
    ]
    assert found == []


@pytest.mark.parametrize("statement", ["open('x')", "datetime.now()", "datetime.datetime.now(UTC)", "asyncio.run(x)"])
def test_an_impure_call_is_seen(statement: str) -> None:
    assert list(impure_calls(ast.parse(statement)))


def test_a_reach_into_a_module_is_seen() -> None:
    file = SourceFile(FILES[0].path, "osteon.modules.audit.listing", ast.parse(""))
    assert reaches_into_another(file, "osteon.modules.identity.person.Person")
    assert not reaches_into_another(file, "osteon.modules.identity.PersonInvited")
    assert not reaches_into_another(file, "osteon.modules.audit.listing.Row")


def in_a_room(file: SourceFile) -> bool:
    """Whether the file is in a room that names no technology."""
    return file.package[0] == "osteon" and file.package[1:2] != () and file.package[1] in ROOMS


def is_a_demo_module(file: SourceFile) -> bool:
    """Whether the file belongs to a module of the demo, and not to its product, which names both worlds."""
    return file.package[0] == "demo" and len(file.package) > 2


def is_known(package: str) -> bool:
    """Whether a package is of the standard library, ours, or common to all rooms."""
    return package in sys.stdlib_module_names or package in COMMON or package in {"osteon", "demo"}


def is_pure(file: SourceFile) -> bool:
    """Whether the file must get time, randomness and files through ports."""
    return is_a_demo_module(file) or f"{file.module}.".startswith(PURE_PREFIXES)


def impure_calls(tree: ast.Module) -> list[tuple[ast.Call, str]]:
    """The calls that reach for the machine."""
    calls = [(node, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(node, name) for node, name in calls if name in IMPURE_CALLS]


def reaches_into_another(file: SourceFile, name: str) -> bool:
    """Whether an import goes past the front file of another module."""
    home, wanted = module_of(file.package), module_of(tuple(name.split(".")))
    *above, last = name.split(".")
    # A product takes the module itself, which is named in lower case; a module takes events and types, never a file.
    past_the_front = len(above) > len(wanted) or (home != () and last.islower())
    return wanted not in {(), home} and name != ".".join(wanted) and past_the_front


def module_of(package: tuple[str, ...]) -> tuple[str, ...]:
    """The bounded context that a name lies in, or nothing."""
    if package[:2] == ("osteon", "modules") and len(package) > 2:
        return package[:3]
    if len(package) > 1 and package[0] == "demo" and package[1] in DEMO_MODULES:
        return package[:2]
    return ()
