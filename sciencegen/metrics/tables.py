"""Distances between two tables of statistics [item statistic]; a number that couldn't be measured is NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics.distances import wasserstein_1d

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
