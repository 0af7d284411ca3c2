"""The data that a predictor is fitted on: tables of inputs, measured values, groups, and the split to calibrate for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from sciencegen.errors import ShapeError
from sciencegen.prediction.blocks import Block
from sciencegen.prediction.columns import mostly_missing
from sciencegen.prediction.splits import Split

INPUTS = {
    "features": ("features",), "latents": ("latents",), "both": ("features", "latents"),
    "scored": ("features", "scores"), "all": ("features", "latents", "scores"),
}  # fmt: skip
"""Tables that a predictor uses, by the setting `inputs`."""


@dataclass(frozen=True)
class TrainingTables:
    """Items with measured values.

    Parameters
    ----------
    features : array [item feature], optional
        Required if the settings' `inputs` name it; so are `latents` and `scores`.
    values : array [item]
        Measured values; NaN where there is none.
    groups : sequence, optional
        A label for each item; "" for an item without a group.
    latents : array [item latent], optional
        Of a generative model.
    scores : array [item score], optional
        Of other models.
    blocks : sequence of Block
        Of the features' columns; one block of all by default.
    split : Split, optional
        The split that intervals are calibrated for; by default as the settings' `calibration` says.
    """

    features: np.ndarray | None
    values: Sequence[float] | np.ndarray
    groups: Sequence[Hashable] | np.ndarray | None = None
    latents: np.ndarray | None = None
    scores: np.ndarray | None = None
    blocks: Sequence[Block] = ()
    split: Split | None = None

    @property
    def target(self) -> np.ndarray:
        return np.asarray(self.values, dtype=np.float64)

    def inputs(self, names: str) -> dict[str, np.ndarray]:
        """The tables that a setting `inputs` names."""
        return select_inputs(names, self.features, self.latents, self.scores)

    def usable_rows(self, names: str) -> tuple[Bool[np.ndarray, " item"], dict[str, int]]:
        """Rows with a finite value and features, and the number of the others by reason."""
        tables, target = self.inputs(names), self.target
        rows = len(next(iter(tables.values())))
        if target.shape != (rows,) or (self.groups is not None and len(self.groups) != rows):
            found = f"values of shape {target.shape}"
            found += "" if self.groups is None else f" and {len(self.groups)} groups"
            raise ShapeError(f"Expected one value and one group for each of {rows} rows of features, got {found}.")
        no_value = ~np.isfinite(target)
        no_features = np.stack([mostly_missing(array) for array in tables.values()]).any(axis=0) & ~no_value
        return ~(no_value | no_features), {"value": int(no_value.sum()), "features": int(no_features.sum())}

    def take(self, rows: np.ndarray) -> TrainingTables:
        """Some of the items."""
        part: Mapping[str, np.ndarray | None] = {
            name: None if table is None else np.asarray(table)[rows]
            for name, table in (("features", self.features), ("latents", self.latents), ("scores", self.scores))
        }
        groups = None if self.groups is None else [self.groups[row] for row in rows.tolist()]
        split = None if self.split is None else self.split.of(rows)
        return TrainingTables(values=self.target[rows], groups=groups, blocks=self.blocks, split=split, **part)


def select_inputs(
    inputs: str, features: np.ndarray | None, latents: np.ndarray | None, scores: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The arrays that `inputs` names, checked to be tables with equal numbers of rows."""
    tables = {"features": features, "latents": latents, "scores": scores}
    names = INPUTS[inputs]
    selected = {name: np.asarray(tables[name], dtype=np.float64) for name in names if tables[name] is not None}
    if set(selected) != set(names):
        raise ShapeError(f"Expected {' and '.join(names)} (inputs={inputs!r}), got {', '.join(selected) or 'neither'}.")
    shapes = {name: values.shape for name, values in selected.items()}
    if any(len(shape) != 2 for shape in shapes.values()) or len({shape[0] for shape in shapes.values()}) > 1:
        raise ShapeError(f"Expected tables (item, column) with equal numbers of items, got shapes {shapes}.")
    return selected
