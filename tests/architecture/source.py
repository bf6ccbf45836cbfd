"""The source as the architecture's tests read it: parsed, never imported."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "SourceFile", "imported", "source_files"]

ROOT = Path(__file__).resolve().parents[2]
BASES = ("src", "sdk/src", "demo")


class SourceFile(NamedTuple):
    """One Python file of the product, tests excepted."""

    path: Path
    module: str
    tree: ast.Module

    @property
    def package(self) -> tuple[str, ...]:
        """The module's name in parts."""
        return tuple(self.module.split("."))

    @property
    def is_front(self) -> bool:
        """Whether it is a package's front file."""
        return self.path.name == "__init__.py"

    def at(self, node: ast.stmt | ast.expr) -> str:
        """A place in it, as a person would look it up."""
        return f"{self.path.relative_to(ROOT)}:{node.lineno}"


def source_files() -> Iterator[SourceFile]:
    """Every file of the library, the modules, the SDK and the demo, in order of their names."""
    for base in BASES:
        folder = ROOT / base
        above = folder.parent if base == "demo" else folder
        for path in sorted(folder.rglob("*.py")):
            if "tests" not in path.relative_to(folder).parts:
                yield SourceFile(path, name_of(path.relative_to(above)), ast.parse(path.read_text()))


def imported(file: SourceFile) -> Iterator[tuple[ast.stmt, str]]:
    """Each import with the full name that it asks for: 'time', 'osteon.ports.Journal'."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def name_of(path: Path) -> str:
    """A file's module: 'osteon/model/__init__.py' is 'osteon.model'."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
