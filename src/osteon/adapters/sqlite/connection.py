"""What is used of a connection, with types that the driver's own stubs leave open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

__all__ = ["Connection", "Found", "Value"]

Value = str | int | float | bytes | None


class Found(Protocol):
    """The rows that a statement finds. Until all are fetched, or it is closed, they hold a snapshot."""

    @property
    def get(self) -> Any:
        """The only value of the only row, the only row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows, each a tuple."""
        ...

    def close(self) -> None:
        """Lets the rest go."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """An open file; as a context manager, a transaction."""

    def execute(self, statements: str, bindings: Sequence[Value] | Mapping[str, Value] = (), /) -> Found:
        """Runs a statement up to its first row."""
        ...

    def executemany(self, statements: str, bindings: Iterable[Sequence[Value]], /) -> Found:
        """Runs a statement for each of `bindings`."""
        ...

    def set_progress_handler(self, is_over: Callable[[], bool] | None, nsteps: int = ..., /) -> None:
        """Asks `is_over` every `nsteps` steps whether to interrupt."""
        ...

    def total_changes(self) -> int:
        """How many rows were ever changed through this connection."""
        ...

    def wal_checkpoint(self, dbname: str | None = ..., mode: int = ...) -> tuple[int, int]:
        """Copies the WAL into the file: how many pages it has, and how many of them are copied."""
        ...

    def close(self) -> None:
        """Closes the file."""
        ...

    def __enter__(self) -> Any: ...

    def __exit__(
        self, etype: type[BaseException] | None, evalue: BaseException | None, etraceback: TracebackType | None
    ) -> bool | None: ...
