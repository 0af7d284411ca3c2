"""Oracles and figures that the models of tables share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from torch import Tensor

from sciencegen.domains.tables import representation as table_representation
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.items import Item
from sciencegen.scoring.oracles import ArrayOracle, Oracle


def in_bits(nats: Float[Tensor, " row"]) -> Mapping[str, float]:
    """The mean of log p of rows, and -log2 p."""
    found = float(nats.mean())
    return {"log_likelihood": found, "bits_per_item": -found / math.log(2)}


def column_oracles(representation: TableRepresentation) -> Mapping[str, Oracle]:
    """Each number and indicator of the columns, for goals."""
    return {name: ArrayOracle(name, partial(_measure_one, name)) for name in representation.measures.names}


def _measure_one(name: str, items: Sequence[Item]) -> np.ndarray:
    return table_representation.measure(items, [name])[:, 0]
