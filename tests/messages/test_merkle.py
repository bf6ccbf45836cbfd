"""The Merkle tree: the vectors of the reference implementation of RFC 6962, and the RFC's recursions as a second opinion."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.messages.merkle import (
    EMPTY,
    Frontier,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_hash,
)

DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = """
    6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
    aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
    d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
    4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
    76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
    ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
    5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".split()
SECOND = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"  # pragma: allowlist secret
THIRD_AND_FOURTH = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"  # pragma: allowlist secret
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"  # pragma: allowlist secret
FIFTH_AND_SIXTH = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"  # pragma: allowlist secret
LAST_TWO = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"  # pragma: allowlist secret
LAST_FOUR = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"  # pragma: allowlist secret

LEAVES = [leaf_hash(bytes.fromhex(each)) for each in DATA]

sizes = st.integers(1, 70)


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_hash([]).hex() == EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert root_hash(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
        (5, 8, [FIFTH, LAST_TWO, ROOTS[3]]),
        (2, 3, [ROOTS[1]]),
        (1, 5, [ROOTS[0], THIRD_AND_FOURTH, FIFTH]),
    ],
)
def test_inclusion_paths_are_those_of_the_reference(index: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in inclusion_path(LEAVES[:size], index)] == path


@pytest.mark.parametrize(
    ("earlier", "size", "path"),
    [
        (1, 1, []),
        (1, 8, [SECOND, THIRD_AND_FOURTH, LAST_FOUR]),
        (6, 8, [FIFTH_AND_SIXTH, LAST_TWO, ROOTS[3]]),
        (2, 5, [THIRD_AND_FOURTH, FIFTH]),
    ],
)
def test_consistency_paths_are_those_of_the_reference(earlier: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in consistency_path(LEAVES[:size], earlier)] == path


@given(sizes)
def test_a_root_is_the_one_that_the_recursion_gives(size: int) -> None:
    assert root_hash(leaves(size)) == naive_root(leaves(size))


@given(sizes, st.data())
def test_a_tree_goes_on_from_its_frontier(size: int, data: st.DataObject) -> None:
    before = Frontier()
    for leaf in leaves(data.draw(st.integers(0, size))):
        before.append(leaf)
    after = Frontier(before.size, before.peaks)
    for leaf in leaves(size)[before.size :]:
        after.append(leaf)
    assert (after.size, after.root) == (size, naive_root(leaves(size)))


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="2 full subtrees"):
        Frontier(5, [EMPTY])


@given(sizes, st.data())
def test_every_leaf_is_shown_to_be_included(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(leaves(size), index)
    assert path == naive_path(index, leaves(size))
    assert is_included(leaves(size)[index], index, size, path, naive_root(leaves(size)))


@given(sizes, st.data())
def test_a_path_shows_one_leaf_at_one_place(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size + 3).filter(lambda each: each != index))
    root, path, leaf = naive_root(leaves(size)), inclusion_path(leaves(size), index), leaves(size)[index]
    assert not is_included(leaf, other, size, path, root)
    assert not is_included(leaf_hash(b"another"), index, size, path, root)
    assert not is_included(leaf, index, size, [*path, EMPTY], root)
    assert not is_included(leaf, index, size, path, EMPTY)
    for changed in without_one(path):
        assert not is_included(leaf, index, size, changed, root)


@given(sizes, st.data())
def test_every_earlier_tree_is_shown_to_begin_the_later(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    before, after = naive_root(leaves(earlier)), naive_root(leaves(size))
    path = consistency_path(leaves(size), earlier)
    assert path == naive_proof(earlier, leaves(size), whole=True)
    assert is_consistent(earlier, before, size, after, path)


@given(sizes, st.data())
def test_a_tree_that_was_changed_is_not_shown_to_begin_another(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    changed = leaves(earlier)
    changed[data.draw(st.integers(0, earlier - 1))] = leaf_hash(b"changed")
    path, after = consistency_path(leaves(size), earlier), naive_root(leaves(size))
    assert not is_consistent(earlier, naive_root(changed), size, after, path)
    assert not is_consistent(earlier, naive_root(leaves(earlier)), size, naive_root(changed), path)
    assert not is_consistent(earlier, naive_root(leaves(earlier)), size, after, [*path, EMPTY])
    # A path of this length leads to the root of no tree that is two levels higher.
    assert not is_consistent(earlier, naive_root(leaves(earlier)), 4 * size + 1, after, path)
    for shorter in without_one(path):
        assert not is_consistent(earlier, naive_root(leaves(earlier)), size, after, shorter)


def test_every_tree_begins_with_the_empty_one() -> None:
    assert is_consistent(0, EMPTY, 3, root_hash(LEAVES[:3]), [])
    assert not is_consistent(0, LEAVES[0], 3, root_hash(LEAVES[:3]), [])
    assert not is_consistent(4, root_hash(LEAVES[:4]), 3, root_hash(LEAVES[:3]), [])


def test_what_is_not_there_has_no_path() -> None:
    with pytest.raises(IndexError, match="none with the index 8"):
        inclusion_path(LEAVES, 8)
    with pytest.raises(IndexError, match="did not grow from one of 9"):
        consistency_path(LEAVES, 9)


def leaves(size: int) -> list[bytes]:
    """Leaves that are all different."""
    return [leaf_hash(hashlib.sha256(bytes([number])).digest()) for number in range(size)]


def without_one(path: list[bytes]) -> list[list[bytes]]:
    """The path with one hash left out, and with one changed, at each place."""
    shorter = [path[:at] + path[at + 1 :] for at in range(len(path))]
    changed = [[*path[:at], leaf_hash(path[at]), *path[at + 1 :]] for at in range(len(path))]
    return shorter + changed


def half(size: int) -> int:
    """The largest power of two below a size, found by looking."""
    return max(power for power in (1 << each for each in range(8)) if power < size)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162, 2.1.1, defines it."""
    if len(leaves) == 1:
        return leaves[0]
    k = half(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH as RFC 9162, 2.1.3.1, defines it."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF as RFC 9162, 2.1.4.1, defines it."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*naive_proof(m, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], whole=False), naive_root(leaves[:k])]
