"""Every name says a role; a test's name is a sentence."""

import ast
import re

from tests.architecture.source import ROOT, SourceFile, source_files

EMPTY_FILES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
EMPTY_CLASS = re.compile(r"^_?(Base|Abstract|I)(?=[A-Z][a-z])|(Manager|Helper|Utils?|Impl)$")
FILES = list(source_files())


def test_files_are_named_by_their_role() -> None:
    assert [str(file.path.relative_to(ROOT)) for file in FILES if EMPTY_FILES & set(file.package)] == []


def test_classes_are_named_by_their_role() -> None:
    assert [
        f"{file.at(node)} {node.name}" for file in FILES for node in classes(file) if EMPTY_CLASS.search(node.name)
    ] == []


def test_empty_names_of_classes_are_seen() -> None:
    assert all(EMPTY_CLASS.search(name) for name in ("BaseJournal", "AbstractJournal", "IJournal", "KeyManager"))
    assert not any(EMPTY_CLASS.search(name) for name in ("Identity", "InvocationContext", "Journal", "BaselineDrawn"))


def test_names_of_tests_are_sentences() -> None:
    short = [
        f"{name} ({words} words)" for name in names_of_tests() if not 3 <= (words := len(name.split("_")) - 1) <= 12
    ]
    assert short == []


def classes(file: SourceFile) -> list[ast.ClassDef]:
    """The classes of a file."""
    return [node for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)]


def names_of_tests() -> list[str]:
    """The names of all tests of the checkout."""
    folders = [ROOT / name for name in ("tests", "src", "sdk", "demo")]
    found = [path for folder in folders for path in sorted(folder.rglob("test_*.py"))]
    return [
        name for path in found for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    ]
