"""The walks through the code: every function that they name is in the file that they name."""

import ast
import re
from pathlib import Path

from tests.docs.pages import DOCS

PAGE = DOCS / "architecture.md"

STEP = re.compile(r"^\| \d+ \| \[[^\]]+\]\(([^)]+\.py)\) ([^|]*)\|", re.MULTILINE)
NAMED = re.compile(r"\(([^()\s]+\.py)\) (`\w+`(?:, `\w+`)*)")
NAME = re.compile(r"`(\w+)`")


def test_names_functions_that_are_in_their_files() -> None:
    steps = NAMED.findall(PAGE.read_text("utf-8"))
    missing = [f"{path}: {name}" for path, names in steps for name in NAME.findall(names) if not _defines(path, name)]
    assert not missing


def test_names_a_function_in_each_step() -> None:
    steps = STEP.findall(PAGE.read_text("utf-8"))
    assert len(steps) > 25
    assert all(NAME.search(names) for _, names in steps)


def _defines(path: str, name: str) -> bool:
    tree = ast.parse((PAGE.parent / Path(path)).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}
