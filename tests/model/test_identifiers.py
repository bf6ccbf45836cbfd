"""Identifiers: ULIDs that never go back."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from osteon.model import Identifiers, is_identifier, milliseconds, named


def zeros(length: int) -> bytes:
    return bytes(length)


def test_identifiers_grow_within_a_millisecond() -> None:
    generator = Identifiers(lambda: 1_700_000_000_000, zeros)
    made = [generator.next() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert all(is_identifier(each) for each in made)


def test_a_block_used_up_borrows_the_next_millisecond() -> None:
    generator = Identifiers(lambda: 7, zeros)
    made = [generator.next() for _ in range((1 << 20) + 2)]
    assert made[-1] > made[-2] > made[-3]
    assert milliseconds(made[0]) == 7
    assert milliseconds(made[-1]) == 8


@given(st.lists(st.integers(min_value=0, max_value=2**40), min_size=2, max_size=50))
def test_a_clock_that_jumps_back_does_no_harm(times: list[int]) -> None:
    clock = iter(times)
    generator = Identifiers(lambda: next(clock), zeros)
    made = [generator.next() for _ in times]
    assert made == sorted(set(made))


def test_an_identifier_carries_its_time() -> None:
    numbers = count(1_700_000_000_000)
    generator = Identifiers(lambda: next(numbers), zeros)
    assert [milliseconds(generator.next()) for _ in range(3)] == [
        1_700_000_000_000,
        1_700_000_000_001,
        1_700_000_000_002,
    ]


def test_the_same_names_give_the_same_identifier() -> None:
    since = "01HF7YAT00AAAAAAAAAAAAAAAA"
    assert named(since, "tenant", "root") == named(since, "tenant", "root")
    assert named(since, "tenant", "root") != named(since, "tenantroot")
    assert milliseconds(named(since, "a")) == milliseconds(since)
    assert milliseconds(named("no identifier", "a")) == 0


def test_only_canonical_text_is_an_identifier() -> None:
    assert is_identifier("01HF7YAT00AAAAAAAAAAAAAAAA")
    for wrong in (
        "",
        "01hf7yat00aaaaaaaaaaaaaaaa",
        "81HF7YAT00AAAAAAAAAAAAAAAA",
        "01HF7YAT00AAAAAAAAAAAAAAAU",
        "01HF7YAT00" * 3,
    ):
        assert not is_identifier(wrong), wrong
