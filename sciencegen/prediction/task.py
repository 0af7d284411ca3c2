"""The data that a family of regressors is fitted on, and which items each fold's model leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.prediction.geometry import Query, make_query

TUNING_ROWS = 800
"""Rows on which ridge and kernel settings are chosen: a matrix of this size decomposes in a quarter of a second."""


@dataclass(frozen=True)
class Training:
    """Training data of a family: standardized columns and a standardized target.

    fold: the fold whose model leaves the item out. reference: the rows that distances are measured to and kernels are
    fitted on. sparse: the mostly-zero columns.
    near: the columns that distances and kernels use, grown: those that trees use; None: all. emphasis: the penalty on a
    coefficient is divided by its square. left_out: the folds whose models leave an item out, if there may be several.
    """

    inputs: Float[np.ndarray, "item column"]
    target: Float[np.ndarray, " item"]
    fold: Int[np.ndarray, " item"]
    reference: Int[np.ndarray, " reference"]
    sparse: Bool[np.ndarray, " column"]
    near: Bool[np.ndarray, " column"] | None = None
    grown: Bool[np.ndarray, " column"] | None = None
    emphasis: Float[np.ndarray, " column"] | None = None
    left_out: Bool[np.ndarray, "item fold"] | None = None

    @property
    def folds(self) -> int:
        return int(self.fold.max()) + 1

    @property
    def left_in(self) -> Bool[np.ndarray, "item fold"]:
        """Which items each fold's model is fitted on."""
        return self.fold[:, None] != np.arange(self.folds) if self.left_out is None else ~self.left_out

    def rows_in(self, fold: int) -> Int[np.ndarray, " row"]:
        return np.flatnonzero(self.left_in[:, fold])

    def query(self, rows: Int[np.ndarray, " row"] | slice) -> Query:
        return self.query_of(self.inputs[rows])

    def query_of(self, inputs: Float[np.ndarray, "query column"]) -> Query:
        """The query of items that are not in the training data."""
        return make_query(inputs, self.inputs[self.reference], self.sparse, self.near)


def tuning_rows(count: int, generator: np.random.Generator) -> Int[np.ndarray, " row"]:
    """At most `TUNING_ROWS` of `count` rows, drawn without replacement and in ascending order."""
    return np.sort(generator.permutation(count)[:TUNING_ROWS])
