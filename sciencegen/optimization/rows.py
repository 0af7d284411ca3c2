"""What a surrogate sees of items: a table of features, or the letters of sequences of one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ShapeError

CLIP = 20.0
SPARSE_SHARE = 0.75
"""Zeros in a column from which on it counts as a fingerprint's."""


@dataclass(frozen=True)
class SiteRows:
    """Sequences of one length. codes: which letter stands at each site. letters: what is known of each letter, in
    units in which a squared distance of 1 between two letters makes them behave differently; any number of columns.
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

    def __getitem__(self, index: Any) -> SiteRows:
        return SiteRows(self.codes[index], self.letters)


Rows = Any
"""SiteRows, or an array [item feature]; both have a length and take an index of rows."""


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows below one another."""
    if isinstance(parts[0], SiteRows):
        return SiteRows(np.concatenate([part.codes for part in parts]), parts[0].letters)
    return np.concatenate(parts)


def first_of_each(rows: Rows) -> Int[np.ndarray, " place"]:
    """Places of rows that aren't those of an earlier one: items that no model can tell apart, such as stereoisomers."""
    table = rows.codes if isinstance(rows, SiteRows) else np.asarray(rows)
    return np.sort(np.unique(table, axis=0, return_index=True)[1]) if table.size else np.arange(len(table))


@dataclass(frozen=True)
class SiteEncoding:
    """Rows as points: the codes of all sites, as float, which kernels' inputs are.

    varied: sites that vary among the measured items. differences: in how many sites two of these differ on average.
    """

    varied: Bool[np.ndarray, " site"]
    letters: Float[np.ndarray, "letter feature"]
    differences: float

    def points(self, rows: SiteRows) -> Float[np.ndarray, "item site"]:
        return rows.codes.astype(np.float64)

    def columns(self, points: Float[np.ndarray, "item site"]) -> Float[np.ndarray, "item column"]:
        """One-hot letters and their features at the varied sites, for what is no kernel."""
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

    def points(self, rows: Float[np.ndarray, "item feature"]) -> Float[np.ndarray, "item column"]:
        values = np.asarray(rows, np.float64)
        dense = np.clip((values[:, self.dense] - self.centre) / self.scale, -CLIP, CLIP)
        return np.nan_to_num(np.concatenate([dense, values[:, self.sparse] / self.largest], 1))

    def columns(self, points: Float[np.ndarray, "item column"]) -> Float[np.ndarray, "item column"]:
        return points


Encoding = SiteEncoding | TableEncoding


def fit_encoding(measured: Rows) -> Encoding:
    """How to see rows like these; columns of a table that are constant say nothing and are left out."""
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
    """Expected Hamming distance of two rows drawn with replacement, sum_s 1 - sum_a p_s(a)^2; 1 or more."""
    if not codes.shape[1]:
        return 1.0
    shares = np.stack([(codes == letter).mean(0) for letter in np.unique(codes)])
    return max(float((1 - np.square(shares).sum(0)).sum()), 1.0)
