"""Sensitive values: masked wherever somebody could look, and kept out of where they must not go."""

import traceback

import pytest

from osteon.model import Leak, Personal, Sealed, Secret, Value, answer_json, decoder, plain, record_json

MARK = "xyzzy-plugh"


class Everything(Value):
    """One of each."""

    name: Personal[str]
    note: str = "seen"


class Kept(Value):
    """What a tenant keeps."""

    seed: Sealed[str]


class Never(Value):
    """What is kept nowhere."""

    password: Secret[str]


@pytest.mark.parametrize("value", [Personal(MARK), Sealed(MARK), Secret(MARK)])
def test_sensitive_values_are_masked_everywhere(value: Personal[str] | Sealed[str] | Secret[str]) -> None:
    for shown in (repr(value), str(value), f"{value}", f"{value!r:>40}", repr([value]), repr({"a": value})):
        assert MARK not in shown
    assert value.reveal() == plain(value) == MARK


def test_a_traceback_does_not_show_them() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _divide(Everything(name=Personal(MARK)))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "Everything" in shown
    assert MARK not in shown


def test_wrapped_values_compare_by_kind_and_value() -> None:
    assert Personal("a") == Personal("a")
    assert Personal("a") != Sealed("a")
    assert len({Personal("a"), Personal("a"), Secret("a")}) == 2


def test_a_record_takes_personal_and_sealed_values() -> None:
    assert record_json(Everything(name=Personal("Ada"))) == b'{"name":"Ada","note":"seen"}'
    assert record_json(Kept(seed=Sealed("s"))) == b'{"seed":"s"}'
    with pytest.raises(Leak, match="'Secret' value must not be written to a record"):
        record_json(Never(password=Secret(MARK)))


def test_an_answer_takes_personal_values_only() -> None:
    assert answer_json(Everything(name=Personal("Ada"))) == b'{"name":"Ada","note":"seen"}'
    for value in (Kept(seed=Sealed(MARK)), Never(password=Secret(MARK))):
        with pytest.raises(Leak):
            answer_json(value)


def test_what_is_read_arrives_wrapped() -> None:
    read = decoder(Everything).decode(b'{"name":"Ada"}')
    assert isinstance(read.name, Personal)
    assert read == Everything(name=Personal("Ada"))


def _divide(value: Everything) -> float:
    return len(value.note) / 0
