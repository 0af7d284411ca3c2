"""Inputs of surrogates: rows of a table of features, or the letters of sequences of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ShapeError

RowIndex = slice | Sequence[int] | Int[np.ndarray, " row"] | Bool[np.ndarray, " item"]

CLIP = 20.0
SPARSE_SHARE = 0.75
"""Share of zeros from which a column counts as sparse, such as a bit of a fingerprint."""


@dataclass(frozen=True)
class SiteRows:
    """Sequences of equal length.

    Parameters
    ----------
    codes : array of int [item site]
        The letter at each site, as an index of a row of `letters`.
    letters : array [letter feature]
        Features of each letter, scaled so that letters at a squared distance of 1 behave differently. It may have no
        columns.

    Examples
    --------
    >>> rows = SiteRows(np.array([[0, 1], [1, 1]]), letters=np.eye(2))
    >>> len(rows), rows[[0]].codes
    (2, array([[0, 1]]))
    """

    codes: Int[np.ndarray, "item site"]
    letters: Float[np.ndarray, "letter feature"]

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.letters.ndim != 2:
            raise ShapeError(
                f"Expected codes [item site], letters [letter feature], got {self.codes.shape}, {self.letters.shape}."
            )
        if self.codes.size and int(self.codes.max()) >= len(self.letters):
            raise ShapeError(f"Expected codes below {len(self.letters)} (letters), got {self.codes.max()}.")

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: RowIndex) -> SiteRows:
        return SiteRows(self.codes[index], self.letters)


@dataclass(frozen=True)
class ProcessRows:
    """Items at settings of process parameters.

    Parameters
    ----------
    rows : SiteRows or array [item feature]
        Of distinct items.
    at : array of int [run]
        The item of each run, as an index of `rows`.
    settings : array [run column]
        The parameters, scaled (`process.Process.columns`).
    groups : tuple of int
        The parameter of each of these columns.
    """

    rows: SiteRows | Float[np.ndarray, "item feature"]
    at: Int[np.ndarray, " run"]
    settings: Float[np.ndarray, "run column"]
    groups: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: RowIndex) -> ProcessRows:
        return ProcessRows(self.rows, self.at[index], self.settings[index], self.groups)


FeatureRows = SiteRows | ProcessRows | Float[np.ndarray, "item feature"]
"""All have a length and can be indexed by rows."""


def concatenate_rows(parts: Sequence[FeatureRows]) -> FeatureRows:
    """The rows of all parts, which are of one kind, in one table."""
    runs = [part for part in parts if isinstance(part, ProcessRows)]
    if runs:
        before = np.cumsum([0, *(len(part.rows) for part in runs)])
        at = [part.at + first for part, first in zip(runs, before[:-1], strict=True)]
        settings, items = np.concatenate([part.settings for part in runs]), [part.rows for part in runs]
        return ProcessRows(concatenate_rows(items), np.concatenate(at), settings, runs[0].groups)  # type: ignore[arg-type]
    sites = [part for part in parts if isinstance(part, SiteRows)]
    if sites:
        return SiteRows(np.concatenate([part.codes for part in sites]), sites[0].letters)
    return np.concatenate([part for part in parts if not isinstance(part, SiteRows)])


def distinct_rows(rows: FeatureRows) -> Int[np.ndarray, " row"]:
    """Indices of rows that equal no earlier one. Items with equal rows have one prediction."""
    if isinstance(rows, ProcessRows):
        items = rows.rows.codes if isinstance(rows.rows, SiteRows) else np.asarray(rows.rows)
        rows = np.concatenate([items[rows.at], rows.settings], 1)
    table = rows.codes if isinstance(rows, SiteRows) else np.asarray(rows)
    return np.sort(np.unique(table, axis=0, return_index=True)[1]) if table.size else np.arange(len(table))


@dataclass(frozen=True)
class SiteEncoding:
    """Rows as points: the codes of all sites, as floats because kernels take floats.

    varied: sites that vary among the measured items. differences: mean number of sites in which two of these differ.
    """

    varied: Bool[np.ndarray, " site"]
    letters: Float[np.ndarray, "letter feature"]
    differences: float

    def points(self, rows: FeatureRows) -> Float[np.ndarray, "item site"]:
        assert isinstance(rows, SiteRows)
        return rows.codes.astype(np.float64)

    def columns(self, points: Float[np.ndarray, "item site"]) -> Float[np.ndarray, "item column"]:
        """One-hot letters and their features at the varied sites, for models without a kernel."""
        table = np.concatenate([np.eye(len(self.letters)), self.letters], 1)
        return table[points[:, self.varied].astype(int)].reshape(len(points), -1)


@dataclass(frozen=True)
class TableEncoding:
    """Rows as points: dense columns centred, scaled and clipped, then sparse ones divided by their greatest value."""

    dense: Int[np.ndarray, " dense"]
    sparse: Int[np.ndarray, " sparse"]
    centre: Float[np.ndarray, " dense"]
    scale: Float[np.ndarray, " dense"]
    largest: Float[np.ndarray, " sparse"]

    def points(self, rows: FeatureRows) -> Float[np.ndarray, "item column"]:
        assert not isinstance(rows, SiteRows)
        values = np.asarray(rows, np.float64)
        dense = np.clip((values[:, self.dense] - self.centre) / self.scale, -CLIP, CLIP)
        return np.nan_to_num(np.concatenate([dense, values[:, self.sparse] / self.largest], 1))

    def columns(self, points: Float[np.ndarray, "item column"]) -> Float[np.ndarray, "item column"]:
        return points


@dataclass(frozen=True)
class ProcessEncoding:
    """Points of items, and the process parameters as further columns. groups: the parameter of each of these."""

    items: SiteEncoding | TableEncoding
    groups: tuple[int, ...]

    def points(self, rows: FeatureRows) -> Float[np.ndarray, "run column"]:
        assert isinstance(rows, ProcessRows)
        return np.concatenate([self.items.points(rows.rows[rows.at]), rows.settings], 1)

    def columns(self, points: Float[np.ndarray, "run column"]) -> Float[np.ndarray, "run column"]:
        count = len(self.groups)
        return np.concatenate([self.items.columns(points[:, :-count]), points[:, -count:]], 1)


Encoding = SiteEncoding | TableEncoding | ProcessEncoding


def fit_encoding(measured: FeatureRows) -> Encoding:
    """Fit the encoding to measured rows. Constant columns of a table carry no information and are left out."""
    if isinstance(measured, ProcessRows):
        own = fit_encoding(measured.rows[measured.at])
        assert not isinstance(own, ProcessEncoding)
        return ProcessEncoding(own, measured.groups)
    if isinstance(measured, SiteRows):
        varied = (measured.codes != measured.codes[:1]).any(0)
        return SiteEncoding(varied, measured.letters, _mean_differences(measured.codes[:, varied]))
    values = np.asarray(measured, np.float64)
    gaps = np.isnan(values)
    varies = np.flatnonzero(np.where(gaps, -np.inf, values).max(0) > np.where(gaps, np.inf, values).min(0))
    values = values[:, varies]
    sparse = ((values == 0).mean(0) >= SPARSE_SHARE) & (values >= 0).all(0)
    dense = values[:, ~sparse]
    return TableEncoding(
        varies[~sparse], varies[sparse], np.nanmean(dense, 0), np.nanstd(dense, 0) + 1e-9, np.nanmax(values, 0)[sparse]
    )


def _mean_differences(codes: Int[np.ndarray, "item site"]) -> float:
    """Expected Hamming distance of two rows drawn with replacement, sum_s 1 - sum_a p_s(a)^2; at least 1."""
    if not codes.shape[1]:
        return 1.0
    shares = np.stack([(codes == letter).mean(0) for letter in np.unique(codes)])
    return max(float((1 - np.square(shares).sum(0)).sum()), 1.0)
