"""The Merkle tree of RFC 9162, section 2.1: its root, and the two proofs that need only some of its hashes.

A leaf is hashed behind a zero byte, a node behind a one, so neither can stand for the other. A tree of n leaves has as
its left half the largest power of two below n; nothing is ever doubled to fill it up. Hashes are SHA-256.
"""

import hashlib
from collections.abc import Iterable, Sequence

__all__ = [
    "EMPTY",
    "Frontier",
    "consistency_path",
    "inclusion_path",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "node_hash",
    "root_hash",
]

EMPTY = hashlib.sha256().digest()
"""The root of a tree without leaves."""


class Frontier:
    """As much of a tree as is needed to let it grow: the roots of its full subtrees, at most one of each height.

    Attributes:
        size: How many leaves the tree has.
        peaks: The roots of its full subtrees, largest first.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Goes on from what `size` and `peaks` were.

        Raises:
            ValueError: A tree of that size has another number of full subtrees.
        """
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != size.bit_count():
            message = f"A tree of {size} leaves has {size.bit_count()} full subtrees, not {len(self.peaks)}."
            raise ValueError(message)

    def append(self, leaf: bytes) -> None:
        """Adds a leaf's hash on the right."""
        above = self.size
        while above & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            above >>= 1
        self.peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of the tree as it is."""
        if not self.peaks:
            return EMPTY
        *higher, root = self.peaks
        for peak in reversed(higher):
            root = node_hash(peak, root)
        return root


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over those of its halves."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """The root over the hashes of leaves."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from a leaf up to the root (section 2.1.3.1).

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        message = f"A tree of {len(leaves)} leaves has none with the index {index}."
        raise IndexError(message)
    path: list[bytes] = []
    start, end = 0, len(leaves)
    while end - start > 1:
        middle = start + _half(end - start)
        if index < middle:
            path.append(root_hash(leaves[middle:end]))
            end = middle
        else:
            path.append(root_hash(leaves[start:middle]))
            start = middle
    return path[::-1]


def consistency_path(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """The hashes by which the first `earlier` leaves are seen to begin the tree (section 2.1.4.1).

    Raises:
        IndexError: The tree has fewer leaves, or `earlier` is none.
    """
    if not 0 < earlier <= len(leaves):
        message = f"A tree of {len(leaves)} leaves did not grow from one of {earlier}."
        raise IndexError(message)
    path: list[bytes] = []
    start, end = 0, len(leaves)
    while earlier != end:
        middle = start + _half(end - start)
        if earlier <= middle:
            path.append(root_hash(leaves[middle:end]))
            end = middle
        else:
            path.append(root_hash(leaves[start:middle]))
            start = middle
    # Whoever has the earlier root knows the last subtree if it is the whole earlier tree.
    return [*([root_hash(leaves[start:end])] if start else []), *path[::-1]]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf has that index in the tree of that size and root (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, hash = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            hash = node_hash(beside, hash)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            hash = node_hash(hash, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and hash == root


def is_consistent(earlier: int, earlier_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves begins with the one of `earlier` (section 2.1.4.2).

    Every tree begins with the empty one, and with itself, both without a path.
    """
    if earlier in (0, size):
        return not path and earlier_root == (root if earlier else EMPTY)
    if not 0 < earlier < size or not path:
        return False
    # A full earlier tree is a node of the later one, and is left out of the path.
    whole = earlier & (earlier - 1) == 0
    first, *rest = [earlier_root, *path] if whole else path
    at, last = earlier - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = first
    for beside in rest:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        at, last = at >> 1, last >> 1
    return last == 0 and (before, after) == (earlier_root, root)


def _half(size: int) -> int:
    """The largest power of two below `size`, which is two at least."""
    return 1 << (size - 1).bit_length() - 1
