"""Maintenance: what an operator asks of a view is recorded, with the reason."""

from osteon.domain.testing import given
from osteon.model import named
from osteon.modules.operations.maintenance import (
    Maintenance,
    MaintenanceId,
    RebuildView,
    StartView,
    ViewRebuildAsked,
    ViewStartAsked,
    begin,
    maintenance,
)

ACT = MaintenanceId(named("", "an act"))


def test_a_start_is_recorded_with_its_reason() -> None:
    asked = StartView(maintenance=ACT, view="project", reason="mended")
    given(maintenance).when(asked).then(ViewStartAsked(maintenance=ACT, view="project", reason="mended"))


def test_a_rebuild_is_recorded_with_its_reason() -> None:
    asked = RebuildView(maintenance=ACT, view="project", reason="changed by hand")
    given(maintenance).when(asked).then(ViewRebuildAsked(maintenance=ACT, view="project", reason="changed by hand"))


def test_an_act_is_remembered() -> None:
    assert begin(ViewStartAsked(maintenance=ACT, view="project", reason="")) == Maintenance(maintenance=ACT)
