"""Bugs of the history and of the keys: transactions, checkpoints, what is believed to be on the platter."""

from typing import Any

from osteon.adapters.keyfile import keyring
from osteon.adapters.sqlite import connections, filing
from osteon.adapters.sqlite.chains import Chains
from osteon.adapters.sqlite.filing import SqliteFiling
from osteon.ports.filing import Batch, Progress
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["STORAGE"]


def _file_in_two(self: Any, connection: Any, batch: Batch, last: Any) -> Any:
    """Rows in one transaction, entries and how far they are in the next."""
    module: Any = filing
    chains = Chains(connection, last)
    with connection:
        for view, rows in batch.rows.items():
            module.put_rows(connection, self._views[view], rows)
    with connection:
        progress: Progress = module._progress(connection)
        module._file_entries(connection, batch.entries, progress, chains)
        module._file_accesses(connection, batch.accesses, progress)
        chains.keep()
    return chains.last()


def _say_synced(connection: Any) -> bool:
    """Believes that it is on the platter."""
    return True


def _without_syncs(connection: Any, text: str) -> None:
    """Opens every file without syncs."""
    connection.execute("PRAGMA " + text.replace("synchronous=normal", "synchronous=off")).fetchall()


def _write_key_hastily(disk: Any, path: str, data: bytes) -> None:
    """Neither the content nor the name of a key is synced."""
    file = disk.create(path)
    file.write(0, data)


STORAGE = (
    Mutant("key-believed-synced", ("whole", "exactly-once"), 1_500, [Patch(keyring, "_UNSYNCED", b"")]),
    Mutant("rows-apart-from-progress", ("view",), 150, [Patch(SqliteFiling, "_file", _file_in_two)]),
    Mutant(
        "retired-before-synced",
        ("exactly-once", "journal", "whole", "no-fault", "finishes", "reactions"),
        250,
        [Patch(filing, "_is_synced", _say_synced)],
    ),
    Mutant(
        "history-without-syncs",
        ("whole", "view", "exactly-once", "journal", "no-fault", "reactions", "finishes"),
        40,
        [Patch(connections, "pragma", _without_syncs)],
    ),
    Mutant(
        "key-not-synced",
        ("whole", "no-fault", "exactly-once", "finishes"),
        40,
        [Patch(keyring, "put_file", _write_key_hastily)],
    ),
)
