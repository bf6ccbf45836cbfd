"""The corpus: cases in which something once broke, kept to be run again.

A seed tells its story only as long as the code draws the same, so each of them is kept with its story, and what matters is
kept as a test with a name too: here in `test_found.py`, or with the contract of what was mended.
"""

from typing import NamedTuple

from tests.simulation.faults import Profile, profile_of

__all__ = ["CORPUS", "Found"]


class Found(NamedTuple):
    """A seed that once broke a property, and by what."""

    seed: int
    broke: str
    story: str

    @property
    def profile(self) -> Profile:
        """What goes wrong."""
        return profile_of(self.seed)


CORPUS = (
    Found(119, "reactions", "Segments were retired while a reaction to an entry in them had not come through."),
    Found(164, "whole", "An old known place, back after a power cut, named a segment that was retired since."),
    Found(372, "no-fault", "A disk that failed while a row was read was taken for a mistake of the view."),
    Found(1603, "timers", "The clock was set back after a look at it, and a saga was woken before its time."),
    Found(1049, "whole", "A sync of the keys' names failed, a later one was believed, and the power cut took the key."),
    Found(
        389,
        "sagas",
        "The place of reactions moved past a batch whose events were still handed out; a restore lost a step.",
    ),
)
