"""Controls: items that the user wants on a plate in any case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.items import Item
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.candidate_sources import CandidatePool
from sciencegen.optimization.proposers import CampaignSpace

CONTROL = "control"
"""The value of the column `source` for controls."""


def check_controls(space: CampaignSpace, controls: Sequence[Item]) -> None:
    """Raise an error for controls that can't be aligned with the measured items."""
    try:
        if controls:
            space.features(controls)
    except ShapeError:
        raise ConfigError(
            "Expected controls as long as the measured items, got another length. Pass `wild_type` to name them (WT, "
            "A42G)."
        ) from None


def without_controls(
    options: CampaignSettings, science: Domain, pool: CandidatePool | None, controls: Sequence[Item]
) -> CampaignSettings:
    """Settings for the rest of the plate: the cost limit minus the controls' costs, which the pool holds."""
    costs = {} if pool is None else dict(zip(pool.keys, pool.costs.tolist(), strict=True))
    limit, spent = options.plate.cost_limit, sum(costs.get(science.items.key(one), 0.0) for one in controls)
    if spent >= limit:
        raise ConfigError(f"Expected controls that cost less than `cost_limit` {limit:g}, these cost {spent:g}.")
    return replace(options, plate=replace(options.plate, cost_limit=limit - spent))


def with_controls(plate: Plate, controls: Sequence[Item], predictions: Float[np.ndarray, "3 item"]) -> Plate:
    """The plate with the controls at its end. predictions: median, lower and upper end of each; without a column if
    nothing is predicted."""
    if not controls:
        return plate
    count = len(controls)
    of_controls = predictions if predictions.size else np.full((3, count), np.nan)
    predicted, lower, upper = np.concatenate([[plate.predicted, plate.lower, plate.upper], of_controls], axis=1)
    return replace(
        plate, items=[*plate.items, *controls], sources=[*plate.sources, *[CONTROL] * count],
        predicted=predicted, lower=lower, upper=upper,
    )  # fmt: skip
