"""The contract of Entropy, on the machine's and on the repeatable one."""

import pytest

from osteon.adapters.memory.entropy import MemoryEntropy
from osteon.adapters.system.entropy import SystemEntropy
from osteon.ports.entropy import Entropy


@pytest.fixture(params=[MemoryEntropy, SystemEntropy])
def entropy(request: pytest.FixtureRequest) -> Entropy:
    """The adapter under test."""
    made: Entropy = request.param()
    return made


@pytest.mark.parametrize("count", [0, 1, 8, 4096])
def test_gives_as_many_bytes_as_asked(entropy: Entropy, count: int) -> None:
    assert len(entropy.bytes(count)) == count


def test_gives_other_bytes_each_time(entropy: Entropy) -> None:
    assert len({entropy.bytes(16) for _ in range(1000)}) == 1000


def test_repeats_itself_from_the_same_seed() -> None:
    first, second, other = MemoryEntropy("seed"), MemoryEntropy("seed"), MemoryEntropy("other")
    assert [first.bytes(8), first.bytes(3)] == [second.bytes(8), second.bytes(3)]
    assert first.bytes(8) != other.bytes(8)
