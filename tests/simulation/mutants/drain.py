"""Bugs of the drain: how far it reads, what it passes over, what it says."""

from typing import Any

from osteon.app.drain_process import DrainProcess
from osteon.engine import projection
from osteon.engine.folding import Rows
from osteon.messages import Record
from osteon.ports.filing import Progress
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["DRAIN"]


async def _at_once(self: DrainProcess, batch: int, within: float) -> bool:
    """Whoever waits for a place is told that it is reached."""
    return True


def _file_again(record: Record, progress: Progress) -> bool:
    """Passes over nothing."""
    return False


def _pass_over_one(record: Record, progress: Progress) -> bool:
    """Takes the next entry for filed, if it is behind others."""
    return record.position.sequence <= progress.sequences.get(record.position.partition, 0) + (
        record.position.sequence > 3
    )


class _ForgetfulRows(Rows):
    """Rows of which each event of a batch sees those that were filed, not those that the batch has changed."""

    def get(self, folding: Any, key: str) -> Any:
        """See `Rows.get`."""
        return self._filed(folding.name, key) or super().get(folding, key)


DRAIN = (
    Mutant("wait-skipped", ("read-your-writes",), 60, [Patch(DrainProcess, "reached", _at_once)]),
    Mutant("entries-filed-again", ("whole", "finishes"), 10, [Patch(projection, "_is_filed", _file_again)]),
    Mutant(
        "entry-passed-over",
        ("whole", "view", "journal", "read-your-writes", "index"),
        30,
        [Patch(projection, "_is_filed", _pass_over_one)],
    ),
    Mutant("rows-forgotten-in-a-batch", ("view", "index"), 30, [Patch(projection, "Rows", _ForgetfulRows)]),
)
