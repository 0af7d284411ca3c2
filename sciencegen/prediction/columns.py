"""Standardization of feature columns: missing values filled, heavy tails compressed, centred, scaled and clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError, ShapeError

# How the columns of a feature table are scaled, and which models use them.


@dataclass(frozen=True)
class FeatureBlock:
    """Neighbouring columns of one kind.

    scaled: whether each column is transformed, centred and scaled by itself. Otherwise the columns have a meaningful
        common scale near 1 and are used unchanged.
    sparse: whether the distance over sparse columns uses them (else the one over dense columns); None: columns that are
        mostly zero count as sparse.
    near: whether distances and kernels use them; sums and products of other columns add nothing to these.
    grown: whether trees use them. emphasis: the penalty on their coefficients is divided by its square.
    """

    size: int
    scaled: bool = True
    sparse: bool | None = None
    near: bool = True
    grown: bool = True
    emphasis: float = 1.0


@dataclass(frozen=True)
class BlockRoles:
    """The same-named fields of `Block`, for each kept column."""

    near: Bool[np.ndarray, " column"]
    grown: Bool[np.ndarray, " column"]
    emphasis: Float[np.ndarray, " column"]


def blocks_of(size: int, blocks: Sequence[FeatureBlock]) -> Sequence[FeatureBlock]:
    """The blocks, checked to cover all columns; by default one block of all columns."""
    blocks = blocks or [FeatureBlock(size)]
    if sum(block.size for block in blocks) != size:
        raise ShapeError(f"Expected blocks that fill {size} columns, got {[block.size for block in blocks]}.")
    return blocks


def of_columns(blocks: Sequence[FeatureBlock], name: str) -> np.ndarray:
    """One field of the blocks, repeated for each column."""
    return np.repeat([getattr(block, name) for block in blocks], [block.size for block in blocks])


def roles_of(blocks: Sequence[FeatureBlock], kept: Int[np.ndarray, " kept"]) -> BlockRoles:
    """Roles of the kept columns. kept: their places in the table that the blocks fill."""
    near, grown, emphasis = (of_columns(blocks, name)[kept] for name in ("near", "grown", "emphasis"))
    return BlockRoles(near, grown, emphasis.astype(float))


def joined_roles(parts: Sequence[BlockRoles]) -> BlockRoles:
    """Roles of several tables whose columns are concatenated in this order."""
    near, grown, emphasis = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("near", "grown", "emphasis")
    )
    return BlockRoles(near, grown, emphasis)


CLIP = 5.0
"""Columns are clipped at this many standard deviations, so that one column cannot dominate a linear model."""
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 8192, 64
"""Bound the memory of intermediate tables."""
LARGEST = 1e12
"""Larger magnitudes (overflowed descriptors) count as missing."""


@dataclass(frozen=True)
class FeatureColumns:
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
        kept = len(self.kept)
        if len(features) > ROWS_AT_ONCE and features.ndim == 2:
            found = np.empty((len(features), kept))
            for start in range(0, len(features), ROWS_AT_ONCE):
                found[start : start + ROWS_AT_ONCE] = self.transform(features[start : start + ROWS_AT_ONCE])
            return found
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
    parts = [features[start : start + ROWS_AT_ONCE] for start in range(0, max(len(features), 1), ROWS_AT_ONCE)]
    return np.concatenate([np.isnan(usable(part)).mean(axis=1) > 0.5 for part in parts])


def fit_columns(features: Float[np.ndarray, "item feature"], blocks: Sequence[FeatureBlock] = ()) -> FeatureColumns:
    """Columns of training features.

    Constant and empty columns are left out. Constant ones are kept in near blocks that are not scaled: an item that
    differs from all training items in such a column is farther from them.
    """
    blocks = blocks_of(features.shape[1], blocks)
    settings = {name: of_columns(blocks, name) for name in ("scaled", "near", "sparse")}
    places = np.array_split(np.arange(features.shape[1]), max(1, features.shape[1] // COLUMNS_AT_ONCE))
    parts = [_fit_part(features, own, *(one[own] for one in settings.values())) for own in places]
    if not any([part.pop("varies").any() for part in parts]):
        raise DataError("Expected features that vary, found constant columns only. Check how they were computed.")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    near = settings["near"][joined["kept"]]
    return FeatureColumns(features.shape[1], **joined, near=None if near.all() else near.astype(bool))


def _fit_part(
    features: np.ndarray, places: np.ndarray, scaled: np.ndarray, near: np.ndarray, sparse_setting: np.ndarray
) -> dict[str, np.ndarray]:
    """The fields of `FeatureColumns` for some of the columns, and whether each of these varies."""
    values = usable(features[:, places])
    varies = _varies(values)
    measures = ~scaled & near & ~np.isnan(values).all(axis=0)
    kept = np.flatnonzero(varies | measures)
    scaled, sparse_setting = scaled[kept], sparse_setting[kept]
    values = values[:, kept]
    if not len(kept):
        nothing, never = np.empty(0), np.empty(0, bool)
        fields = {"fill": nothing, "bent": never, "typical": nothing, "centre": nothing, "scale": nothing}
        return {"varies": varies, "kept": places[kept], **fields, "sparse": never}
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
    fields = {"fill": fill, "bent": bent, "typical": typical, "centre": centre, "scale": scale, "sparse": sparse}
    return {"varies": varies, "kept": places[kept], **fields}


def _varies(values: np.ndarray) -> Bool[np.ndarray, " feature"]:
    """Columns with two different numbers, farther apart than rounding, in at least two rows."""
    present = ~np.isnan(values)
    largest = np.where(present, values, -np.inf).max(axis=0)
    smallest = np.where(present, values, np.inf).min(axis=0)
    enough = present.sum(axis=0) >= max(2, len(values) // 2)
    with np.errstate(invalid="ignore"):
        return enough & (largest - smallest > 1e-9 * np.maximum(np.abs(largest), np.abs(smallest)))


# A linear baseline by the composition of an item, so that a network learns only the residual, scaled to size one.
#
# With n_e the number of points of type e,
#
#     y = sum_e w_e n_e + w_0 + scale * readout,
#
# w by least squares. If composition without w_0 explains more than EXTENSIVE of a property's variance, the property is
# extensive: w_0 is 0 and the readout is a sum over points. Otherwise w_0 is fitted, and the readout is a mean. A
# readout may also be given by name; those that are neither sum nor mean (a dipole's length) have no baseline.

EXTENSIVE = 0.9


@dataclass(frozen=True)
class Baseline:
    """weights: of each type, and the constant last. readouts: the name of each target's readout."""

    weights: Float[np.ndarray, "target type_and_one"]
    scale: Float[np.ndarray, " target"]
    readouts: tuple[str, ...]

    def of(self, counts: Float[np.ndarray, "item type"]) -> Float[np.ndarray, "item target"]:
        return np.column_stack([counts, np.ones(len(counts))]) @ self.weights.T

    def standardized(self, counts: np.ndarray, values: Float[np.ndarray, "item target"]) -> np.ndarray:
        return (values - self.of(counts)) / self.scale

    def restored(self, counts: np.ndarray, answers: Float[np.ndarray, "... item target"]) -> np.ndarray:
        return self.of(counts) + self.scale * answers


def fit_baseline(
    counts: Float[np.ndarray, "item type"], values: Float[np.ndarray, "item target"], named: Sequence[str | None]
) -> Baseline:
    """values: NaN where unknown. named: the readout of each target, or None to choose it by the data."""
    parts = [_fit_one(counts, column, name) for column, name in zip(values.T, named, strict=True)]
    weights, scales, readouts = zip(*parts, strict=True)
    return Baseline(np.stack(weights), np.array(scales), tuple(readouts))


def _fit_one(counts: np.ndarray, values: np.ndarray, named: str | None) -> tuple[np.ndarray, float, str]:
    present = np.isfinite(values)
    counts, values = counts[present], values[present]
    if len(values) < 2 or values.std() == 0:
        raise DataError(f"Expected two or more different values to learn from, found {len(values)} values.")
    if named not in (None, "sum", "mean"):
        return np.zeros(counts.shape[1] + 1), float(np.sqrt((values**2).mean())), str(named)
    weights = np.append(np.linalg.lstsq(counts, values, rcond=None)[0], 0.0)
    design = np.column_stack([counts, np.ones(len(counts))])
    explains = ((values - design @ weights) ** 2).mean() < (1 - EXTENSIVE) * values.var()
    readout = named or ("sum" if explains else "mean")
    if readout == "mean":
        weights = np.linalg.lstsq(design, values, rcond=None)[0]
    residual = float((values - design @ weights).std())
    return weights, residual if residual > 1e-9 * values.std() else float(values.std()), readout
