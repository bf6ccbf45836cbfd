"""Entries and records: what stands in the journal, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from osteon.engine import partition_of
from osteon.messages import ENTRY, GENESIS, MalformedRecord, Position, Record, header, record_hash


@given(st.integers(0, 2**15), st.integers(0, 2**48 - 1))
def test_a_position_survives_its_token(partition: int, sequence: int) -> None:
    assert Position.of(Position(partition, sequence).token) == Position(partition, sequence)


def test_a_record_is_taken_apart_as_it_was_put_together() -> None:
    tenant = ULID.from_str("01HF7YAT00AAAAAAAAAAAAAAAA")
    place = header(ENTRY, tenant.bytes, Position(3, 9), GENESIS)
    record = Record.of(place + b"sealed")
    assert record == Record(ENTRY, record.tenant, Position(3, 9), GENESIS, place, b"sealed")
    assert record.tenant == str(tenant)
    assert len(record_hash(place)) == len(GENESIS)


@pytest.mark.parametrize("stored", [b"", b"\x01short", b"\x02" + bytes(100)])
def test_what_is_no_record_is_refused(stored: bytes) -> None:
    with pytest.raises(MalformedRecord):
        Record.of(stored)


def test_partitions_are_pinned_for_ever() -> None:
    names = [
        ("project", "01HF7YAT00AAAAAAAAAAAAAAAA"),
        ("project", "01HF7YAT00AAAAAAAAAAAAAAAB"),
        ("note", "01HF7YAT00AAAAAAAAAAAAAAAA"),
    ]
    assert [partition_of(*each) for each in names] == PINNED


PINNED = [6, 4, 3]
