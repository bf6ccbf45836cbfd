"""A package's front file is its whole API, and changes only knowingly."""

import ast

from tests.architecture.fronts import PINNED, exports, published
from tests.architecture.source import ROOT, SourceFile, imported, source_files


def test_published_names_are_the_pinned_ones() -> None:
    hint = f"Meant? Run 'python -m tests.architecture.fronts' and review the diff of {PINNED.name}."
    assert published() == PINNED.read_text().splitlines(), hint


def test_fronts_that_bring_names_list_them() -> None:
    fronts = [file for file in source_files() if file.is_front]
    assert [place(file) for file in fronts if exports(file) is None and list(imported(file))] == []


def test_front_files_define_no_other_names() -> None:
    found = [
        f"{place(file)} leaves out '{name}'"
        for file in source_files()
        if file.is_front and exports(file) is not None
        for name in sorted(own_names(file.tree) - set(exports(file) or ()))
    ]
    assert found == []


def own_names(tree: ast.Module) -> set[str]:
    """The public functions and classes that a file defines."""
    defined = [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return {name for name in defined if not name.startswith("_")}


def place(file: SourceFile) -> str:
    """The file as a person would look it up."""
    return str(file.path.relative_to(ROOT))
