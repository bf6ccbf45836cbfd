"""The contract of Inbox, on the one in front of a processor: order, turns, bounds."""

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.domain.testing import context
from osteon.engine.batches import Batches
from osteon.engine.cold import Cold
from osteon.engine.inbox import FairInbox
from osteon.messages import Command
from osteon.model import Identifier, Refused, TenantId
from osteon.ports.inbox import Delivery

TENANTS = [TenantId(Identifier(f"01J0000000000000000000000{letter}")) for letter in "ABC"]
ACME, GLOBEX, HOUSE = TENANTS


class Room:
    """A processor as an inbox knows it: with room for so many, and a list of what it took."""

    def __init__(self) -> None:
        self.room = 0
        self.taken: list[str] = []
        self._there_is_room: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        """Whether there is room for another one."""
        return self.room > 0

    def take(self, delivery: Delivery) -> None:
        """Takes it."""
        self.room -= 1
        self.taken.append(delivery.key)

    def when_room(self, room: Callable[[], None]) -> None:
        """Calls `room` when there is."""
        self._there_is_room = room

    def make(self, room: int) -> None:
        """Makes room."""
        self.room += room
        self._there_is_room()


@pytest.fixture
def room() -> Room:
    """The processor behind the inbox, with room for none."""
    return Room()


@pytest.fixture
def inbox(room: Room) -> FairInbox:
    """An inbox for three of a tenant, five in all."""
    return FairInbox(room.take, cast("Batches", room), share=3, whole=5)


def test_hands_on_while_there_is_room(inbox: FairInbox, room: Room) -> None:
    room.make(2)
    put(inbox, ACME, "1")
    put(inbox, ACME, "2")
    assert (room.taken, inbox.waiting) == (["1", "2"], 0)


def test_keeps_what_has_no_room_yet(inbox: FairInbox, room: Room) -> None:
    put(inbox, ACME, "1")
    assert (room.taken, inbox.waiting) == ([], 1)
    room.make(1)
    assert (room.taken, inbox.waiting) == (["1"], 0)


def test_nobody_overtakes_those_who_wait(inbox: FairInbox, room: Room) -> None:
    put(inbox, ACME, "1")
    room.room = 1
    put(inbox, ACME, "2")
    assert room.taken == []
    room.make(1)
    assert room.taken == ["1", "2"]


def test_tenants_take_turns(inbox: FairInbox, room: Room) -> None:
    for tenant, key in [(ACME, "a1"), (ACME, "a2"), (ACME, "a3"), (GLOBEX, "g1"), (HOUSE, "h1")]:
        put(inbox, tenant, key)
    for _ in range(5):
        room.make(1)
    assert room.taken == ["a1", "g1", "h1", "a2", "a3"]


def test_refuses_more_than_a_tenants_share(inbox: FairInbox) -> None:
    for key in "123":
        put(inbox, ACME, key)
    expect_refusal(inbox, ACME, "too-many-requests")
    put(inbox, GLOBEX, "1")


def test_refuses_more_than_the_whole(inbox: FairInbox) -> None:
    for tenant, key in [(ACME, "a1"), (ACME, "a2"), (ACME, "a3"), (GLOBEX, "g1"), (GLOBEX, "g2")]:
        put(inbox, tenant, key)
    expect_refusal(inbox, HOUSE, "busy")
    assert inbox.waiting == 5


def test_takes_again_what_it_has_room_for(inbox: FairInbox, room: Room) -> None:
    for key in "123":
        put(inbox, ACME, key)
    room.make(1)
    put(inbox, ACME, "4")
    expect_refusal(inbox, ACME, "too-many-requests")
    room.make(9)
    assert room.taken == ["1", "2", "3", "4"]


def test_counts_what_waits_for_its_entity(room: Room) -> None:
    cold = Cold()
    inbox = FairInbox(room.take, cast("Batches", room), share=3, whole=5, cold=cold)
    room.make(9)
    for number in range(3):
        cold.add((ACME, f"counter/{number}"), a_delivery(ACME, "cold"))
    expect_refusal(inbox, ACME, "too-many-requests")
    put(inbox, GLOBEX, "1")
    cold.pop((ACME, "counter/0"))
    put(inbox, ACME, "2")
    for number in range(3):
        cold.add((GLOBEX, f"counter/{number}"), a_delivery(GLOBEX, "cold"))
    expect_refusal(inbox, HOUSE, "busy")
    assert room.taken == ["1", "2"]


@given(st.lists(st.one_of(st.sampled_from(TENANTS), st.integers(1, 3)), max_size=60))
def test_keeps_the_order_of_each_tenant(steps: list[TenantId | int]) -> None:
    room = Room()
    inbox = FairInbox(room.take, cast("Batches", room), share=4, whole=8)
    accepted: list[str] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            room.make(step)
            continue
        try:
            put(inbox, step, f"{step}/{number}")
        except Refused:
            continue
        accepted.append(f"{step}/{number}")
    room.make(len(steps))
    assert sorted(room.taken) == sorted(accepted)
    for tenant in TENANTS:
        assert [key for key in room.taken if key.startswith(tenant)] == [
            key for key in accepted if key.startswith(tenant)
        ]


def expect_refusal(inbox: FairInbox, tenant: TenantId, key: str) -> None:
    """The tenant's next command is refused, and may be sent again."""
    with pytest.raises(Refused) as caught:
        put(inbox, tenant, "one too many")
    assert (caught.value.problem.key, caught.value.problem.retryable) == (key, True)


def put(inbox: FairInbox, tenant: TenantId, key: str) -> None:
    """Puts a command of a tenant into the inbox."""
    inbox.put(a_delivery(tenant, key))


def a_delivery(tenant: TenantId, key: str) -> Delivery:
    """A command of a tenant."""
    return Delivery(
        context=context(tenant=tenant),
        command=Command[None](),
        entity=Identifier("x"),
        key=key,
        fingerprint="fingerprint",
        expires=0,
    )
