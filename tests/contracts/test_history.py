"""The contract of History, on a shelf in memory and on SQLite."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from osteon.messages import Entry, Position, record_hash
from osteon.model import InvocationId, replace
from osteon.ports.history import Head
from tests.contracts.filed import (
    ACME,
    ANN,
    BOB,
    GLOBEX,
    World,
    an_entry,
    entry_record,
    identifier,
    in_memory,
    on_sqlite,
    run,
)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The adapters under test."""
    made = in_memory() if request.param == "memory" else on_sqlite(tmp_path)
    yield made
    made.filing.close()


def test_knows_nothing_of_a_new_tenant(world: World) -> None:
    assert run(world.history.recorded(ACME, identifier(100), "key")) is None
    assert run(world.history.entity(ACME, identifier(100))) == []
    assert run(world.history.changes(ACME, identifier(100), 0, 10)) == ([], None)
    assert run(world.history.by_account(ACME, ANN, None, 10)) == []
    assert run(world.history.greatest(ACME)) == ("", "")
    assert world.history.heads(ACME) == {}
    assert run(world.history.scan(ACME, Position(0, 0))) == []


def test_finds_an_entry_by_its_key(world: World) -> None:
    entry = an_entry(1, key="ann/1")
    world.file([entry, an_entry(2, key="ann/2"), an_entry(3, entity=101, key="ann/3")])

    assert run(world.history.recorded(ACME, entry.entity, "ann/1")) == entry
    assert run(world.history.recorded(ACME, entry.entity, "ann/3")) is None
    assert run(world.history.recorded(GLOBEX, entry.entity, "ann/1")) is None


def test_overlooks_a_faulted_entry_by_key(world: World) -> None:
    faulted, entry = replace(an_entry(1, key="ann/1"), verdict="faulted"), an_entry(2, key="ann/1")
    world.file([faulted])
    assert run(world.history.recorded(ACME, entry.entity, "ann/1")) is None

    world.file([entry])

    assert run(world.history.recorded(ACME, entry.entity, "ann/1")) == entry
    assert run(world.history.entity(ACME, entry.entity)) == [faulted, entry]


def test_loads_an_entity_oldest_first(world: World) -> None:
    first, second, third = an_entry(1, key="z/9"), an_entry(2, key="a/1"), an_entry(4, key="m/5")
    world.file([first, second, an_entry(3, entity=101)])
    world.file([third])

    assert run(world.history.entity(ACME, identifier(100))) == [first, second, third]


def test_loads_an_entity_with_many_entries(world: World) -> None:
    entries = [an_entry(sequence) for sequence in range(1, 251)]
    world.file(entries)

    assert run(world.history.entity(ACME, identifier(100))) == entries


def test_pages_through_the_changes_of_an_entity(world: World) -> None:
    entries = [an_entry(sequence, partition=2, entity=100 + sequence % 2) for sequence in range(1, 12)]
    mine = [entry for entry in entries if entry.entity == identifier(100)]
    world.file(entries)

    first = run(world.history.changes(ACME, identifier(100), 0, 2))
    assert (first.entries, first.next) == (mine[:2], 2 << 48 | 4)
    second = run(world.history.changes(ACME, identifier(100), first.next or 0, 3))
    assert (second.entries, second.next) == (mine[2:], None)


def test_takes_any_number_to_go_on_after(world: World) -> None:
    world.file([an_entry(1), an_entry(2, entity=101), an_entry(3), an_entry(1, partition=1, entity=101)])

    assert run(world.history.changes(ACME, identifier(100), 2, 10)).entries == [an_entry(3)]
    assert run(world.history.changes(ACME, identifier(100), 3, 10)).entries == []
    assert run(world.history.changes(ACME, identifier(100), 1 << 48 | 1, 10)).entries == []


def test_lists_what_an_account_did(world: World) -> None:
    mine = [an_entry(1), an_entry(3), an_entry(4)]
    world.file([mine[0], an_entry(2, account=BOB), mine[1]])
    world.file([mine[2], an_entry(5, account=None)])

    assert run(world.history.by_account(ACME, ANN, None, 10)) == mine[::-1]
    assert run(world.history.by_account(ACME, ANN, None, 2)) == mine[:0:-1]
    assert run(world.history.by_account(ACME, ANN, mine[2].context.trace.current, 1)) == [mine[1]]
    assert run(world.history.by_account(ACME, ANN, mine[0].context.trace.current, 9)) == []


def test_takes_any_invocation_to_go_on_before(world: World) -> None:
    world.file([an_entry(1, invocation=500), an_entry(2, invocation=600), an_entry(3, account=BOB, invocation=550)])

    found = run(world.history.by_account(ACME, ANN, InvocationId(identifier(550)), 10))

    assert found == [an_entry(1, invocation=500)]


@pytest.mark.parametrize("size", [1, 3, 40])
def test_orders_overtaken_invocations_of_an_account(world: World, size: int) -> None:
    draw = random.Random(size)  # noqa: S311  # a shuffle, the same each time
    numbers = list(range(600, 640))
    draw.shuffle(numbers)
    entries = [
        an_entry(sequence, account=draw.choice((ANN, BOB)), invocation=number)
        for sequence, number in enumerate(numbers, 1)
    ]
    for start in range(0, len(entries), size):
        world.file(entries[start : start + size])

    for account in (ANN, BOB):
        mine = sorted((each for each in entries if each.context.account == account), key=_invocation, reverse=True)
        assert run(world.history.by_account(ACME, account, None, 100)) == mine
        assert run(world.history.by_account(ACME, account, _invocation(mine[4]), 3)) == mine[5:8]


def test_tells_the_greatest_identifiers(world: World) -> None:
    five, six, seven, nine = (identifier(number) for number in (5, 6, 7, 9))
    world.file([an_entry(1, entity=105, key=f"ann/{five}"), an_entry(2, entity=103, key=f"zoe/x/{seven}")])
    assert run(world.history.greatest(ACME)) == (identifier(105), seven)

    world.file([an_entry(3, entity=104, key=f"ann/{six}"), replace(an_entry(4, key=f"ann/{nine}"), verdict="faulted")])
    assert run(world.history.greatest(ACME)) == (identifier(105), seven)


def test_a_key_that_is_no_identifier_is_not_the_greatest(world: World) -> None:
    keys = (f"ann/{identifier(5)}", "ann/f47ac10b-58cc-4372-a567-0e02b2c3d479", "caused/by-reaction/0")
    world.file([an_entry(number, key=key) for number, key in enumerate(keys, 1)])
    assert run(world.history.greatest(ACME)) == (identifier(100), identifier(5))


def test_tells_the_head_of_each_partition(world: World) -> None:
    last, other = an_entry(2), an_entry(1, partition=7)
    world.file([an_entry(1), last, other])

    heads = world.history.heads(ACME)

    assert heads == {0: Head(2, record_hash(_stored(world, last))), 7: Head(1, record_hash(_stored(world, other)))}


def test_scans_a_partition_byte_for_byte(world: World) -> None:
    entries = [an_entry(sequence, partition=1) for sequence in range(1, 701)]
    world.file([*entries, an_entry(1, partition=0), an_entry(1, partition=2)])

    found: list[tuple[Position, bytes]] = []
    after = Position(1, 0)
    while part := run(world.history.scan(ACME, after)):
        found += part
        after = part[-1][0]

    assert found == [(entry.position, _stored(world, entry)) for entry in entries]


def _invocation(entry: Entry) -> InvocationId:
    return entry.context.trace.current


def _stored(world: World, entry: Entry) -> bytes:
    return entry_record(world.keyring, entry).stored
