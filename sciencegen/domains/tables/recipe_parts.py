"""What the recipes of tables share: representation, training, oracles and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from sciencegen.domains.arrays import SAME_COLUMNS
from sciencegen.domains.likelihoods import Density, likelihood_oracles
from sciencegen.domains.recipes import Recipe
from sciencegen.domains.tables import representation as table_representation
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.items import Item
from sciencegen.scoring.oracles import ArrayOracle, Oracle


def in_bits(nats: Float[Tensor, " row"]) -> Mapping[str, float]:
    """The mean of log p of rows, and -log2 p."""
    found = float(nats.mean())
    return {"log_likelihood": found, "bits_per_item": -found / math.log(2)}


def oracles_of(
    model: nn.Module, representation: TableRepresentation, density: Density, together: int = 1
) -> Mapping[str, Oracle]:
    """`log_likelihood` by a density (`likelihood_oracles`), and each number and indicator of the columns, for goals."""
    columns = {name: ArrayOracle(name, partial(_measure_one, name)) for name in representation.measures.names}
    return {**columns, **likelihood_oracles(model, representation, density, together)}


def _measure_one(name: str, items: Sequence[Item]) -> np.ndarray:
    return table_representation.measure(items, [name])[:, 0]


table_recipe = partial(
    Recipe,
    fit=table_representation.fit,
    load_representation=table_representation.load,
    conditions=None,
    training={"steps": 3000, "learning_rate": 2e-3, "ema_decay": 0.995},
    one_thread=True,
    adaptation=SAME_COLUMNS,
)
"""A recipe of rows: `Recipe` with what all of these have."""
