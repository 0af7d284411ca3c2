"""Standardization of feature columns: missing values filled, heavy tails compressed, centred, scaled and clipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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


def blocks_of(size: int, blocks: Sequence[FeatureBlock]) -> Sequence[FeatureBlock]:
    """The blocks, checked to cover all columns; by default one block of all columns."""
    blocks = blocks or [FeatureBlock(size)]
    if sum(block.size for block in blocks) != size:
        raise ShapeError(f"Expected blocks that fill {size} columns, got {[block.size for block in blocks]}.")
    return blocks


def of_columns(blocks: Sequence[FeatureBlock], name: str) -> np.ndarray:
    """One field of the blocks, repeated for each column."""
    return np.repeat([getattr(block, name) for block in blocks], [block.size for block in blocks])


def roles_of(blocks: Sequence[FeatureBlock], kept: Int[np.ndarray, " kept"]) -> dict[str, np.ndarray]:
    """The fields near, grown and emphasis of the blocks for each kept column. kept: their places."""
    return {name: of_columns(blocks, name)[kept] for name in ("near", "grown", "emphasis")}


# A table of features in little memory.

CLIP = 5.0
"""Columns are clipped at this many standard deviations, so that one column cannot dominate a linear model."""
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 8192, 64
"""Bound the memory of intermediate tables."""
PART_ROWS = 512
"""Rows of a large table that are doubles at a time: few enough for the processor's cache."""
LARGEST = 1e12
"""Larger magnitudes (overflowed descriptors) count as missing."""

Places = slice | Int[np.ndarray, " column"]


@dataclass(frozen=True)
class FeatureTable:
    """Rows of numbers as they are kept; what is read of them are doubles.

    parts: (array [row, column], its rows in this order or None for all, its columns, their places in this table); where
        places overlap, the last one counts.
    shape: rows and columns.
    """

    parts: tuple[tuple[np.ndarray, Int[np.ndarray, " row"] | None, Places, Places], ...]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Int[np.ndarray, " row"] | slice) -> Float[np.ndarray, "row column"]:
        asked = range(len(self))[rows] if isinstance(rows, slice) else rows
        found = np.empty((len(asked), self.shape[1]))
        for array, own, columns, places in self.parts:
            found[:, places] = array[rows if own is None else own[rows]][:, columns]
        return found

    def take(self, rows: Int[np.ndarray, " row"]) -> FeatureTable:
        """Some of the rows; nothing is copied."""
        parts = ((array, rows if own is None else own[rows], used, at) for array, own, used, at in self.parts)
        return FeatureTable(tuple(parts), (len(rows), self.shape[1]))

    def columns(self, places: Int[np.ndarray, " column"]) -> Float[np.ndarray, "row column"]:
        """All rows of some columns."""
        found = np.empty((len(self), len(places)))
        for array, own, columns, at in self.parts:
            of_place = np.full(self.shape[1], -1)
            of_place[at] = np.arange(array.shape[1])[columns]
            here = np.flatnonzero(of_place[places] >= 0)
            if len(here):
                picked = of_place[places[here]]
                found[:, here] = array[:, picked] if own is None else array[np.ix_(own, picked)]
        return found

    def with_columns(self, places: Int[np.ndarray, " column"], array: np.ndarray) -> FeatureTable:
        """The table with other numbers in these columns."""
        return FeatureTable((*self.parts, (array, None, slice(None), places)), self.shape)

    @cached_property
    def _dense(self) -> Float[np.ndarray, "row column"]:
        return self[:]

    def in_parts(self) -> Iterator[tuple[slice, Float[np.ndarray, "row column"]]]:
        """All rows, each part with its place. A table of at most `ROWS_AT_ONCE` rows is one part, which is kept."""
        if len(self) <= ROWS_AT_ONCE:
            yield slice(0, len(self)), self._dense
            return
        for start in range(0, len(self), PART_ROWS):
            place = slice(start, min(start + PART_ROWS, len(self)))
            yield place, self[place]

    def times(self, vector: Float[np.ndarray, " column"]) -> Float[np.ndarray, " row"]:
        """The product of the table and a vector."""
        return np.concatenate([part @ vector for _, part in self.in_parts()])

    def summed(self, weight: Float[np.ndarray, " row"]) -> Float[np.ndarray, " column"]:
        """The weighted sum of the rows."""
        return np.add.reduce([part.T @ weight[place] for place, part in self.in_parts()])


def as_table(features: np.ndarray | FeatureTable) -> FeatureTable:
    """An array [row, column] as a table, which refers to it."""
    if isinstance(features, FeatureTable):
        return features
    features = np.asarray(features)
    return FeatureTable(((features, None, slice(None), slice(None)),), features.shape)


def packed(arrays: Iterable[np.ndarray]) -> FeatureTable:
    """A table of arrays [row, column] that are given one after another. Columns of whole numbers from 0 to 255, such as
    the bits and counts of fingerprints or the residues of variants, are kept as bytes."""
    small: np.ndarray | None = None
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for array in arrays:
        with np.errstate(invalid="ignore"):
            own = (array.astype(np.uint8) == array).all(axis=0)
        small = own if small is None else small & own
        kept.append((own, array[:, own].astype(np.uint8), array[:, ~own]))
    if small is None:
        raise DataError("Expected features of one item or more, got none.")
    count, wide = sum(len(one) for _, one, _ in kept), kept[0][2].dtype
    found = np.empty((count, int(small.sum())), np.uint8), np.empty((count, int((~small).sum())), wide)
    end = count
    while kept:  # each part is dropped as soon as it is copied
        own, low, rest = kept.pop()
        place, end = slice(end - len(low), end), end - len(low)
        found[0][place] = low[:, small[own]]
        found[1][place, own[~small]] = low[:, ~small[own]]
        found[1][place, ~own[~small]] = rest
    places = np.flatnonzero(small), np.flatnonzero(~small)
    parts = tuple((array, None, slice(None), as_slice(at)) for array, at in zip(found, places, strict=True))
    return FeatureTable(parts, (count, len(small)))


def as_slice(places: Int[np.ndarray, " column"]) -> Places:
    """Consecutive places as a slice, which is faster."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def side_by_side(tables: Sequence[FeatureTable]) -> FeatureTable:
    """The columns of tables with equal rows in one."""
    parts, start = [], 0
    for table in tables:
        every = np.arange(table.shape[1]) + start
        parts += [(array, own, columns, as_slice(every[places])) for array, own, columns, places in table.parts]
        start += table.shape[1]
    return FeatureTable(tuple(parts), (len(tables[0]), start))


# Standardization.


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
        if features.ndim != 2 or features.shape[1] != self.size:
            raise ShapeError(
                f"Expected features of shape (items, {self.size}), as in training, got {features.shape}. "
                "Compute them with the version and the domain that the predictor was trained with."
            )
        values = usable(features[:, self.kept])
        values = np.where(np.isnan(values), self.fill, values)
        bent = values[:, self.bent]
        values[:, self.bent] = np.sign(bent) * np.log1p(np.abs(bent) / self.typical[self.bent])
        scaled = np.clip((values - self.centre) / self.scale, -CLIP, CLIP)
        return scaled.astype(np.float32).astype(np.float64)

    def table(self, features: FeatureTable) -> FeatureTable:
        """The transformed columns of a table. Those that stay as they are refer to its arrays, the others are kept in
        single precision."""
        same = ~self.bent & (self.centre == 0) & (self.scale == 1)
        for start in range(0, len(features) if same.any() else 0, PART_ROWS):
            before = features[start : start + PART_ROWS][:, self.kept]
            same &= ((before.astype(np.float32) == before) & (np.abs(before) <= CLIP)).all(axis=0)
        other = np.empty((len(features), int((~same).sum())), np.float32)
        for start in range(0, len(features), PART_ROWS):
            other[start : start + PART_ROWS] = self.transform(features[start : start + PART_ROWS])[:, ~same]
        place = np.full(self.size, -1)
        place[self.kept[same]] = np.flatnonzero(same)
        parts: list[tuple] = [(other, None, slice(None), as_slice(np.flatnonzero(~same)))]
        for array, own, columns, places in features.parts:
            at = place[places]
            chosen = np.arange(array.shape[1])[columns][at >= 0]
            parts.append((array, own, as_slice(chosen), as_slice(at[at >= 0])))
        return FeatureTable(tuple(parts), (len(features), len(self.kept)))


def usable(features: np.ndarray) -> Float[np.ndarray, "item feature"]:
    """The features as doubles, with NaN for missing, infinite and too large values."""
    values = np.asarray(features, dtype=np.float64)
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def mostly_missing(features: np.ndarray | FeatureTable) -> Bool[np.ndarray, " item"]:
    """Rows with more missing values than numbers, for which nothing can be predicted."""
    parts = (features[start : start + PART_ROWS] for start in range(0, max(len(features), 1), PART_ROWS))
    return np.concatenate([np.isnan(usable(part)).mean(axis=1) > 0.5 for part in parts])


def fit_columns(features: np.ndarray | FeatureTable, blocks: Sequence[FeatureBlock] = ()) -> FeatureColumns:
    """Columns of training features.

    Constant and empty columns are left out. Constant ones are kept in near blocks that are not scaled: an item that
    differs from all training items in such a column is farther from them.
    """
    blocks = blocks_of(features.shape[1], blocks)
    settings = {name: of_columns(blocks, name) for name in ("scaled", "near", "sparse")}
    places = np.array_split(np.arange(features.shape[1]), max(1, features.shape[1] // COLUMNS_AT_ONCE))
    table = as_table(features)
    parts = [_fit_part(table, own, *(one[own] for one in settings.values())) for own in places]
    if not any([part.pop("varies").any() for part in parts]):
        raise DataError("Expected features that vary, found constant columns only. Check how they were computed.")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    near = settings["near"][joined["kept"]]
    return FeatureColumns(features.shape[1], **joined, near=None if near.all() else near.astype(bool))


def _fit_part(
    features: FeatureTable, places: np.ndarray, scaled: np.ndarray, near: np.ndarray, sparse_setting: np.ndarray
) -> dict[str, np.ndarray]:
    """The fields of `FeatureColumns` for some of the columns, and whether each of these varies."""
    values = usable(features.columns(places))
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
