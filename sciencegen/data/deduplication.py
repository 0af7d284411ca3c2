"""First occurrences of keys, with 16 bytes per key: a growing set of 64-bit hashes in sorted arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt64

Hashes = UInt64[np.ndarray, " key"]


def hash_keys(keys: Sequence[str]) -> Hashes:
    """64-bit hashes. Two of n different keys collide with probability n^2 / 2^65: 7e-8 for 1.6 million.

    Examples
    --------
    >>> one, other, again = hash_keys(["CCO", "CCN", "CCO"])
    >>> bool(one == again), bool(one == other)
    (True, False)
    """
    digests = b"".join(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype="<u8")


def mixed(hashes: Hashes, lines: Int[np.ndarray, " key"]) -> Hashes:
    """Hashes of (key, line): those of equal keys differ, and are spread evenly. The last steps of splitmix64 (Steele
    et al. 2014).

    Examples
    --------
    >>> one, other = mixed(hash_keys(["a", "a"]), np.array([1, 2]))
    >>> bool(one == other)
    False
    """
    with np.errstate(over="ignore"):
        mix = hashes + lines.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mix = (mix ^ (mix >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mix = (mix ^ (mix >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mix ^ (mix >> np.uint64(31))


class FirstOccurrences:
    """The line on which each hash occurred first, in sorted arrays that double in size, so there are only log2(n).

    Examples
    --------
    >>> first = FirstOccurrences()
    >>> first.first_lines(hash_keys(["a", "b", "a"]), np.array([0, 1, 2]))
    array([-1, -1,  0])
    >>> first.first_lines(hash_keys(["b", "c"]), np.array([3, 4]))
    array([ 1, -1])
    """

    def __init__(self) -> None:
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def first_lines(self, hashes: Hashes, lines: Int[np.ndarray, " key"]) -> Int[np.ndarray, " key"]:
        """Line of an earlier equal hash, or -1 for a new one; new hashes are added."""
        found = np.full(len(hashes), -1, dtype=np.int64)
        if not len(hashes):
            return found
        for run, run_lines in self._runs:
            place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            match = run[place] == hashes
            found[match] = run_lines[place[match]]
        # Within this batch, a stable sort puts the first occurrence before equal hashes.
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        leader = np.repeat(order[starts], np.diff(np.r_[starts, len(order)]))
        repeated = (leader != order) & (found[order] < 0)
        new = order[starts][found[order[starts]] < 0]
        found[order[repeated]] = lines[leader[repeated]]
        self._add(hashes[new], lines[new])
        return found

    def _add(self, hashes: np.ndarray, lines: np.ndarray) -> None:
        if not len(hashes):
            return
        order = np.argsort(hashes)
        self._runs.append((hashes[order], lines[order].astype(np.int64)))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            (first, first_lines), (second, second_lines) = self._runs.pop(), self._runs.pop()
            joined, joined_lines = np.concatenate([first, second]), np.concatenate([first_lines, second_lines])
            order = np.argsort(joined, kind="stable")
            self._runs.append((joined[order], joined_lines[order]))
