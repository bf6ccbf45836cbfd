"""The command line says what there is to choose from."""

import pytest

from benchmarks.__main__ import main


def test_an_unknown_figure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--figures", "creates,speed"])
    assert "unknown figures: speed; there are creates, spread," in capsys.readouterr().err


def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "E,Z"])
    assert "unknown peers: Z" in capsys.readouterr().err


def test_too_few_entries_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--entries", "10"])
    assert "fewer than 1000" in capsys.readouterr().err
