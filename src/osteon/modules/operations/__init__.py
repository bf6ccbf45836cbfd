"""Operations: what the operator of an installation does, asked at the machine itself and recorded in the tenant that it is about."""

from osteon.domain import ADMINISTRATOR, Module
from osteon.modules.operations.dead_letter import DeadLetterId, ReplayDeadLetter, SkipDeadLetter, dead_letter
from osteon.modules.operations.dead_letters import (
    DeadLetterRow,
    GetDeadLetter,
    ListDeadLetters,
    ParkedLetters,
    dead_letters,
)
from osteon.modules.operations.maintenance import (
    RebuildView,
    StartView,
    ViewRebuildAsked,
    ViewStartAsked,
    maintenance,
)
from osteon.modules.operations.sink_place import GetSinkPlace, ListSinkPlaces, sink_place, sink_places

__all__ = [
    "DeadLetterId",
    "DeadLetterRow",
    "ParkedLetters",
    "RebuildView",
    "ReplayDeadLetter",
    "SkipDeadLetter",
    "StartView",
    "ViewRebuildAsked",
    "ViewStartAsked",
    "dead_letter",
    "dead_letters",
    "operations",
]

operations = Module(
    "operations",
    parts=[dead_letter, dead_letters, sink_place, sink_places, maintenance],
    grants={ADMINISTRATOR: [GetDeadLetter, ListDeadLetters, GetSinkPlace, ListSinkPlaces]},
    operators=[StartView, RebuildView, ReplayDeadLetter, SkipDeadLetter],
)
