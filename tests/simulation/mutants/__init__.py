"""Planted bugs: each by its name, with the property that must break, and within how many schedules.

A planted bug is a patch of a function or method, in place only while it is looked for. It shows that the simulation
would find the bug if somebody made it.
"""

from tests.simulation.mutants.drain import DRAIN
from tests.simulation.mutants.engine import ENGINE
from tests.simulation.mutants.log import LOG
from tests.simulation.mutants.planting import Mutant, Patch, planted
from tests.simulation.mutants.storage import STORAGE

__all__ = ["MUTANTS", "Mutant", "Patch", "planted"]

MUTANTS = {mutant.name: mutant for mutant in (*LOG, *STORAGE, *ENGINE, *DRAIN)}
"""All of them, by name."""
