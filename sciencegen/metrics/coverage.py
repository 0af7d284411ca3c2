"""How much of a reference a set of items covers, and which share of the items is new."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Float, Real


def novel_fraction(keys: Iterable[Hashable], known: Container[Hashable]) -> float:
    """Share of the distinct keys that are not known."""
    distinct = set(keys)
    return sum(key not in known for key in distinct) / len(distinct) if distinct else float("nan")


@dataclass(frozen=True)
class KeyFilter:
    """A set of strings that may return false positives in membership tests, but no false negatives.

    It stores the sorted hashes of the keys, in [0, 2³¹). A random absent key collides with one of n with probability
    at most n / 2³¹: 7.4e-4 for 1.58 million keys. The differences of sorted hashes are geometric, so they compress
    to about log2(2³¹ e / n) bits per key, within 1.44 bits of the least possible for that rate.
    """

    hashes: np.ndarray

    RANGE = 2**31

    @classmethod
    def of(cls, keys: Iterable[str]) -> KeyFilter:
        return cls(np.unique(np.fromiter(map(_hash, keys), np.uint32)))

    @property
    def false_positive_rate(self) -> float:
        return len(self.hashes) / self.RANGE

    def __contains__(self, key: object) -> bool:
        value = _hash(str(key))
        place = int(np.searchsorted(self.hashes, np.uint32(value)))
        return place < len(self.hashes) and int(self.hashes[place]) == value

    def packed(self) -> dict[str, np.ndarray]:
        """Arrays for a compressed npz: the bytes of the differences, with the (rare) higher bytes stored separately."""
        steps = np.diff(self.hashes, prepend=np.uint32(0))
        large = np.flatnonzero(steps >= 2**16)
        low, high = (steps & 0xFF).astype(np.uint8), ((steps >> 8) & 0xFF).astype(np.uint8)
        return {"low": low, "high": high, "large": large.astype(np.uint32), "large_steps": steps[large] >> 16}

    @classmethod
    def unpacked(cls, arrays: Mapping[str, np.ndarray]) -> KeyFilter:
        steps = arrays["low"].astype(np.uint32) | (arrays["high"].astype(np.uint32) << 8)
        steps[arrays["large"]] |= arrays["large_steps"].astype(np.uint32) << 16
        return cls(np.cumsum(steps, dtype=np.uint32))


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "little") >> 1


@dataclass(frozen=True)
class ManifoldScores:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020); ideal 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    items: Real[np.ndarray, "item feature"], references: Real[np.ndarray, "reference feature"], neighbours: int = 5
) -> ManifoldScores:
    """Scores by the ball of each point, whose radius is the distance to its `neighbours`-th nearest neighbour.

    precision = mean over items of 1[in any reference's ball]       recall = the same with the roles exchanged
    density   = mean over items of #{reference balls it is in} / k  coverage = mean over references of
    1[its ball contains an item]  (Naeem et al. 2020, eqs. 3 to 6)
    """
    reference_radii, item_radii = _radii(references, neighbours), _radii(items, neighbours)
    inside = _inside(items, references, reference_radii)
    return ManifoldScores(
        precision=float(inside.any(1).mean()),
        recall=float(_inside(references, items, item_radii).any(1).mean()),
        density=float(inside.sum(1).mean() / neighbours),
        coverage=float(inside.any(0).mean()),
    )


def _radii(points: np.ndarray, neighbours: int) -> Float[np.ndarray, " point"]:
    from scipy.spatial import cKDTree

    return cKDTree(points).query(points, k=neighbours + 1)[0][:, -1]


def _inside(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> Bool[np.ndarray, "point centre"]:
    from scipy.spatial import cKDTree

    inside = np.zeros((len(points), len(centres)), bool)
    tree = cKDTree(points)
    for column, found in enumerate(tree.query_ball_point(centres, radii)):
        inside[found, column] = True
    return inside
