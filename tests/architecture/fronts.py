"""What each package publishes: its front file's `__all__`, pinned in fronts.txt.

After a change that is meant, `.venv/bin/python -m tests.architecture.fronts` writes the list anew; review its diff.
"""

import ast
from pathlib import Path

from tests.architecture.source import SourceFile, source_files

__all__ = ["PINNED", "published"]

PINNED = Path(__file__).with_name("fronts.txt")


def published() -> list[str]:
    """A line for each published name: the package, then the name."""
    return [f"{file.module} {name}" for file in source_files() if file.is_front for name in exports(file) or ()]


def exports(file: SourceFile) -> list[str] | None:
    """The names in `__all__`, or None where a file has none."""
    for node in file.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


if __name__ == "__main__":
    PINNED.write_text("\n".join(published()) + "\n")
