"""Planted bugs: each by its name, with the property that must break, and within how many schedules.

A planted bug is a patch of a function or method, in place only while it is looked for. It shows that the simulation
would find the bug if somebody made it.
"""

from tests.simulation.mutants.drain import DRAIN
from tests.simulation.mutants.engine import ENGINE
from tests.simulation.mutants.log import LOG
from tests.simulation.mutants.planting import Mutant, Patch, planted
from tests.simulation.mutants.renewing import RENEWING
from tests.simulation.mutants.sagas import SAGAS
from tests.simulation.mutants.storage import STORAGE

__all__ = ["FIRST", "MUTANTS", "Mutant", "Patch", "planted"]

FIRST = {
    "retired-under-a-reaction": 84,
    "sync-tried-again": 3,
    "sync-failure-passed-over": 3,
    "recovery-trusts-the-cache": 19,
    "damage-cut-off": 19,
    "known-place-passed-over": 19,
    "known-place-not-synced": 11,
    "key-believed-synced": 403,
    "rows-apart-from-progress": 11,
    "state-kept-after-a-failed-batch": 15,
    "verdict-kept-after-a-failed-batch": 4,
    "queue-kept-after-a-failed-batch": 15,
    "duplicate-decided-twice": 11,
    "fault-final": 12,
    "reaction-lost": 44,
    "reaction-doubled": 5,
    "snapshot-taken-for-the-whole": 42,
    "wait-skipped": 2,
    "rows-forgotten-in-a-batch": 11,
    "saga-not-resumed": 15,
    "saga-asks-and-forgets": 48,
    "rebuild-passed-over": 17,
    "rebuild-remembered-early": 21,
    "rebuild-ends-early": 3,
    "backup-log-not-followed": 5,
    "backup-of-the-newest-segment": 5,
}
"""The first seed of a hunt in the tests, which are to be quick, where it is not 0; other hunts begin anywhere."""

MUTANTS = {
    mutant.name: mutant._replace(first=FIRST.get(mutant.name, 0))
    for mutant in (*LOG, *STORAGE, *ENGINE, *DRAIN, *SAGAS, *RENEWING)
}
"""All of them, by name."""
