"""Distances between two sets of numbers, vectors or counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from sciencegen.errors import DataError, ShapeError


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
    root = _symmetric_root(first.covariance)
    cross = np.linalg.eigvalsh(root @ second.covariance @ root)
    shift = first.mean - second.mean
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * np.sqrt(np.clip(cross, 0, None)).sum()
    return max(0.0, float(shift @ shift + spread))


def _symmetric_root(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


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
