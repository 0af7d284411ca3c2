"""Standardization of feature columns: missing values filled, heavy tails compressed, centred, scaled and clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError, ShapeError
from sciencegen.prediction.blocks import Block, blocks_of, of_columns

CLIP = 5.0
"""Columns are clipped at this many standard deviations, so that one column cannot dominate a linear model."""
LARGEST = 1e12
"""Larger magnitudes (overflowed descriptors) count as missing."""


@dataclass(frozen=True)
class Columns:
    """x -> clip((f(x) - centre) / scale, -5, 5), where f(x) = sign(x) log(1 + |x|/typical) in `bent` columns.

    fill: the median, used for missing values. kept: indices of the columns that vary in the training data.
    sparse: which kept columns are mostly zero (fingerprint bits, counts); they form a separate block.
    near: which of them distances use; None: all.
    """

    size: int
    kept: Int[np.ndarray, " kept"]
    fill: Float[np.ndarray, " kept"]
    bent: Bool[np.ndarray, " kept"]
    typical: Float[np.ndarray, " kept"]
    centre: Float[np.ndarray, " kept"]
    scale: Float[np.ndarray, " kept"]
    sparse: Bool[np.ndarray, " kept"]
    near: Bool[np.ndarray, " kept"] | None = None

    def transform(self, features: np.ndarray) -> Float[np.ndarray, "item kept"]:
        """Rounded to single precision, as in trees and stored files, but returned as doubles."""
        if features.ndim != 2 or features.shape[1] != self.size:
            raise ShapeError(
                f"Expected features of shape (items, {self.size}), as in training, got {features.shape}. "
                "Compute them with the version and the domain that the predictor was trained with."
            )
        values = usable(features[:, self.kept])
        values = np.where(np.isnan(values), self.fill, values)
        values = np.where(self.bent, np.sign(values) * np.log1p(np.abs(values) / self.typical), values)
        scaled = np.clip((values - self.centre) / self.scale, -CLIP, CLIP)
        return scaled.astype(np.float32).astype(np.float64)


def usable(features: np.ndarray) -> Float[np.ndarray, "item feature"]:
    """The features as doubles, with NaN for missing, infinite and too large values."""
    values = np.asarray(features, dtype=np.float64)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def mostly_missing(features: np.ndarray) -> Bool[np.ndarray, " item"]:
    """Rows with more missing values than numbers, for which nothing can be predicted."""
    return np.isnan(usable(features)).mean(axis=1) > 0.5


def fit_columns(features: Float[np.ndarray, "item feature"], blocks: Sequence[Block] = ()) -> Columns:
    """Columns of training features.

    Constant and empty columns are left out. Constant ones are kept in near blocks that are not scaled: an item that
    differs from all training items in such a column is farther from them.
    """
    values = usable(features)
    blocks = blocks_of(values.shape[1], blocks)
    varies = _varies(values)
    if not varies.any():
        raise DataError("Expected features that vary, found constant columns only. Check how they were computed.")
    measures = ~of_columns(blocks, "scaled") & of_columns(blocks, "near") & ~np.isnan(values).all(axis=0)
    kept = np.flatnonzero(varies | measures)
    scaled, near, sparse_setting = (of_columns(blocks, name)[kept] for name in ("scaled", "near", "sparse"))
    values = values[:, kept]
    fill = np.nanmedian(values, axis=0)
    values = np.where(np.isnan(values), fill, values)
    zero = (values == 0).mean(axis=0) >= 0.75
    settings = zip(zero, sparse_setting, strict=True)
    sparse = np.array([mostly_zero if setting is None else setting for mostly_zero, setting in settings], bool)
    deviation = np.abs(values - values.mean(axis=0)).max(axis=0) / np.where(varies[kept], values.std(axis=0), 1.0)
    bent = (deviation > CLIP) & scaled
    typical = np.where(values == 0, np.nan, np.abs(values))
    typical[0, ~(values != 0).any(axis=0)] = 1.0
    typical = np.nanmedian(typical, axis=0)
    values = np.where(bent, np.sign(values) * np.log1p(np.abs(values) / typical), values)
    centre, scale = np.where(scaled, values.mean(axis=0), 0.0), np.where(scaled, values.std(axis=0), 1.0)
    looked_at = None if near.all() else near.astype(bool)
    return Columns(features.shape[1], kept, fill, bent, typical, centre, scale, sparse, looked_at)


def _varies(values: np.ndarray) -> Bool[np.ndarray, " feature"]:
    """Columns with two different numbers, farther apart than rounding, in at least two rows."""
    present = ~np.isnan(values)
    largest = np.where(present, values, -np.inf).max(axis=0)
    smallest = np.where(present, values, np.inf).min(axis=0)
    enough = present.sum(axis=0) >= max(2, len(values) // 2)
    with np.errstate(invalid="ignore"):
        return enough & (largest - smallest > 1e-9 * np.maximum(np.abs(largest), np.abs(smallest)))
