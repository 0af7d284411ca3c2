"""Metrics of sets of items: distances of distributions, coverage, diversity, copies of training items."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Float, Real, UInt8

from sciencegen.errors import DataError, ShapeError

# Distances between two sets of numbers, vectors or counts.


@dataclass(frozen=True)
class Moments:
    """Mean [feature], unbiased covariance [feature feature] and number of vectors of a set."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @classmethod
    def of(cls, vectors: Real[np.ndarray, "item feature"]) -> Moments:
        return cls.accumulate([vectors])

    @classmethod
    def accumulate(cls, batches: Iterable[np.ndarray]) -> Moments:
        """The moments of all batches [item feature] together, in float64, with one batch in memory at a time.

        Pairwise update of Chan, Golub & LeVeque 1983, eq. 1.5: no cancellation when the mean is large.
        """
        count, mean, scatter = 0, np.zeros(()), np.zeros(())
        for batch in batches:
            batch = np.asarray(batch, np.float64)
            if len(batch) == 0:
                continue
            batch_mean = batch.mean(0)
            centred, shift, both = batch - batch_mean, batch_mean - mean, count + len(batch)
            scatter = scatter + centred.T @ centred + np.outer(shift, shift) * (count * len(batch) / both)
            mean = mean + shift * (len(batch) / both)
            count = both
        if count < 2:
            raise DataError(f"Expected at least 2 vectors for a covariance, got {count}. Give more items.")
        return cls(np.asarray(mean), np.asarray(scatter) / (count - 1), count)


def frechet_distance(first: Moments, second: Moments) -> float:
    """Squared 2-Wasserstein distance of two Gaussians with these moments (Dowson & Landau 1982, eq. 4; Heusel 2017).

        d² = |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½)

    In the symmetric form all eigenvalues are real, whereas sqrtm(Σ₁Σ₂) of near-singular covariances can be complex.
    """
    if first.mean.shape != second.mean.shape:
        raise ShapeError(f"Expected moments of one size, got {first.mean.shape} and {second.mean.shape}.")
    values, vectors = np.linalg.eigh(first.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ second.covariance @ root)
    shift = first.mean - second.mean
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * np.sqrt(np.clip(cross, 0, None)).sum()
    return max(0.0, float(shift @ shift + spread))


def wasserstein_1d(first: Real[np.ndarray, " item"], second: Real[np.ndarray, " other"]) -> float:
    """Earth mover's distance between two samples of one number: ∫ |F₁(x) − F₂(x)| dx, in the number's unit."""
    from scipy.stats import wasserstein_distance  # half a second to import

    return float(wasserstein_distance(first, second))


def quantile_means(values: Real[np.ndarray, " item"], bins: int) -> Float[np.ndarray, " bin"]:
    """A sample of `bins` numbers as near as possible to `values` in `wasserstein_1d`, up to the split of ties.

    Each is the mean of one of `bins` equal slices of the sorted sample, so the overall mean is exact. An item at a
    border between slices is divided between both.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    cumulative = np.concatenate([[0.0], np.cumsum(ordered)])
    at_border = np.interp(np.linspace(0, len(ordered), bins + 1), np.arange(len(ordered) + 1), cumulative)
    return np.diff(at_border) * bins / len(ordered)


def jensen_shannon_distance(first: Real[np.ndarray, " kind"], second: Real[np.ndarray, " kind"]) -> float:
    """√(½ KL(p‖m) + ½ KL(q‖m)), m = ½ (p + q), in base 2, of counts or shares; 0 to 1 (Endres & Schindelin 2003)."""
    from scipy.special import rel_entr

    p, q = (np.asarray(counts, np.float64) / np.sum(counts, dtype=np.float64) for counts in (first, second))
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / (2 * np.log(2))
    return float(np.sqrt(max(0.0, divergence)))


def count_cosine(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    """Cosine of the angle between two count vectors, ⟨a, b⟩ / |a||b|; a missing name counts 0; NaN if one is empty.

    Polykovskiy et al. 2020, eq. 1 (fragment and scaffold similarity).
    """
    norms = [float(np.sqrt(sum(float(n) ** 2 for n in counts.values()))) for counts in (first, second)]
    if min(norms) == 0:
        return float("nan")
    small, large = sorted((first, second), key=len)
    return sum(float(n) * large.get(name, 0) for name, n in small.items()) / (norms[0] * norms[1])


# How much of a reference a set of items covers, and which share of the items is new.


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


# Diversity of the items of one set.

BLOCK = 4096
"""Rows and columns of a block of the similarity matrix: 4096 x 4096 float32 are 64 MB."""


def unique_fraction(keys: Sequence[Hashable], first: int | None = None) -> float:
    """Distinct keys / keys, over the first `first` of them (all if None)."""
    keys = keys[:first]
    return len(set(keys)) / len(keys) if keys else float("nan")


def jaccard_similarity(
    items: UInt8[np.ndarray, "item byte"], references: UInt8[np.ndarray, "reference byte"]
) -> Float[np.ndarray, "item reference"]:
    """|a ∧ b| / |a ∨ b| of bit vectors packed by `np.packbits`, also called Tanimoto; two empty vectors are equal."""
    first, second = (np.unpackbits(bits, axis=1).astype(np.float32) for bits in (items, references))
    similarity = first @ second.T
    first_size, second_size = first.sum(1), second.sum(1)
    union = first_size[:, None] + second_size
    union -= similarity
    similarity /= np.maximum(union, 1, out=union)
    similarity[np.ix_(first_size == 0, second_size == 0)] = 1
    return similarity


def _blocks(bits: np.ndarray) -> Iterator[np.ndarray]:
    return (bits[start : start + BLOCK] for start in range(0, len(bits), BLOCK))


def internal_diversities(bits: UInt8[np.ndarray, "item byte"], powers: Sequence[int] = (1, 2)) -> list[float]:
    """For each power p: 1 − mean over items x of (mean over items y of T(x, y)^p)^(1/p), x with itself included.

    Polykovskiy et al. 2020, eq. 4 has the root outside both means; their published results use the order above
    (`moses/metrics/utils.py: average_agg_tanimoto`), and the two agree for p = 1.
    """
    sums = np.zeros((len(powers), len(bits)))
    for start in range(0, len(bits), BLOCK):
        for columns in _blocks(bits):
            similarity = jaccard_similarity(bits[start : start + BLOCK], columns)
            for row, power in enumerate(powers):
                sums[row, start : start + BLOCK] += (similarity**power).sum(1)
    if len(bits) == 0:
        return [float("nan")] * len(powers)
    return [1 - float(np.mean((row / len(bits)) ** (1 / power))) for row, power in zip(sums, powers, strict=True)]


def nearest_similarity(
    items: UInt8[np.ndarray, "item byte"], references: UInt8[np.ndarray, "reference byte"]
) -> Float[np.ndarray, " item"]:
    """[item] greatest Jaccard similarity to any reference."""
    nearest = [
        np.max([jaccard_similarity(rows, columns).max(1) for columns in _blocks(references)], axis=0)
        for rows in _blocks(items)
    ]
    return np.concatenate(nearest) if nearest else np.zeros(0, np.float32)


# Whether generated items are copies of training items.


@dataclass(frozen=True)
class CopyingScores:
    """copied: share of generated items nearer to a training item than 99% of the held-out items are; 0.01 if nothing is
    copied. nearer: probability that a generated item is nearer to the training items than a held-out one: about 1/2
    without copying, well above with copying, well below if items are unlike the data (Meehan et al. 2020)."""

    copied: float
    nearer: float


def copying_scores(
    generated: Real[np.ndarray, " item"], held_out: Real[np.ndarray, " other"], quantile: float = 0.01
) -> CopyingScores:
    """From distances to the nearest training item (`nearest`), of generated items and of held-out ones."""
    from scipy.stats import rankdata  # half a second to import

    if not len(generated) or not len(held_out):
        raise DataError(f"Expected distances of both kinds, got {len(generated)} and {len(held_out)}.")
    ranks = rankdata(np.concatenate([generated, held_out]))[: len(generated)]
    above = (ranks.sum() - len(generated) * (len(generated) + 1) / 2) / (len(generated) * len(held_out))
    return CopyingScores(float((generated < np.quantile(held_out, quantile)).mean()), float(1 - above))


# Distances between two tables of statistics [item statistic]; a number that couldn't be measured is NaN.

Table = Real[np.ndarray, "item statistic"]


@dataclass(frozen=True)
class TableDistance:
    """each: W1 of each statistic in standard deviations of the reference. mean: over these. halves: the mean distance
    between two halves of the reference, which is due to chance alone. missing: difference of the shares of NaN of each
    statistic (not part of the distances)."""

    each: Float[np.ndarray, " statistic"]
    mean: float
    halves: float
    missing: Float[np.ndarray, " statistic"]

    @property
    def ratio(self) -> float:
        """1 means as close to the reference as its two halves are to each other."""
        return self.mean / self.halves


def standardized_wasserstein(items: Table, references: Table) -> Float[np.ndarray, " statistic"]:
    """W1(items, references) / std(references) of each column, over the rows where it is a number.

    NaN for a column without numbers. For a constant reference, std is that of items and references together.
    """
    if items.ndim != 2 or references.ndim != 2 or items.shape[1] != references.shape[1]:
        raise ShapeError(
            f"Expected tables [item statistic] of equal columns, got {list(items.shape)} and {list(references.shape)}."
        )
    return np.array([_distance(*(c[np.isfinite(c)] for c in pair)) for pair in zip(items.T, references.T, strict=True)])


def _distance(items: np.ndarray, references: np.ndarray) -> float:
    if not len(items) or not len(references):
        return float("nan")
    scale = references.std() or np.concatenate([items, references]).std() or 1.0
    return wasserstein_1d(items, references) / float(scale)


def table_distance(items: Table, references: Table, generator: np.random.Generator, splits: int = 10) -> TableDistance:
    """Distances of generated from real items, and between random halves of the real items (mean of `splits` splits).

    The mean is over the statistics for which both sides have numbers.
    """
    if len(references) < 2:
        raise DataError(f"Expected 2 or more reference rows, got {len(references)}.")
    each, half = standardized_wasserstein(items, references), len(references) // 2
    counted, scale = np.isfinite(each), np.nanstd(references, axis=0)
    halves = []
    for _ in range(splits):
        order = generator.permutation(len(references))
        first, second = references[order[:half]], references[order[half:]]
        share = standardized_wasserstein(first, second) * np.nanstd(second, axis=0) / np.where(scale > 0, scale, 1.0)
        halves.append(np.nanmean(share[counted]))
    missing = np.isnan(items).mean(0) - np.isnan(references).mean(0)
    return TableDistance(each, float(np.mean(each[counted])), float(np.mean(halves)), missing)


def classifier_auc(items: Table, references: Table, seed: int, folds: int = 5) -> float:
    """Area under the ROC curve of a classifier that separates items from references: 1/2: not at all, 1: perfectly.

    Gradient-boosted trees; each row is scored by those fitted without its fold. Lopez-Paz & Oquab 2017 (classifier
    two-sample test). NaN is treated as a value. Both sides are sampled to equal numbers of rows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    count = min(len(items), len(references))
    if count < 2 * folds:
        raise DataError(f"Expected {2 * folds} rows or more on each side for {folds} folds, got {count}.")
    generator = np.random.default_rng(seed)
    chosen = [side[generator.permutation(len(side))[:count]] for side in (items, references)]
    features, labels = np.concatenate(chosen), np.repeat([1, 0], count)
    classifier = HistGradientBoostingClassifier(random_state=seed)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_predict(classifier, features, labels, cv=split, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))
