"""A linear baseline by the composition of an item, so that a network learns only the residual, scaled to size one.

With n_e the number of points of type e,

    y = sum_e w_e n_e + w_0 + scale * readout,

w by least squares. If composition without w_0 explains more than EXTENSIVE of a property's variance, the property is
extensive: w_0 is 0 and the readout is a sum over points. Otherwise w_0 is fitted, and the readout is a mean. A readout
may also be given by name; those that are neither sum nor mean (a dipole's length) have no baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.errors import DataError

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
