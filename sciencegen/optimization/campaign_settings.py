"""Settings of a campaign, and how its exploration decreases from plate to plate."""

from __future__ import annotations

from dataclasses import dataclass, field

from sciencegen.metrics.warps import SHAPES
from sciencegen.optimization.misfit import PICKED, Misfit
from sciencegen.optimization.plate_builder import PlateSettings
from sciencegen.optimization.posterior import MODELS, names_for
from sciencegen.optimization.proposers import BreedingSettings

MOST_EXPLORATION, LEAST_EXPLORATION = 1.7, 1.0
"""Exploration of the first plate after the random one, and of the last plate of a campaign."""


@dataclass(frozen=True)
class CampaignSettings:
    """How a plate is made.

    Parameters
    ----------
    count : int
        Items of a plate.
    surrogate, scale : str
        Names in `posterior.MODELS` and `warps.SHAPES`, or "auto".
    minimize : bool
        Whether less is better.
    plate : PlateSettings
    breeding : BreedingSettings
    hit : float, optional
        A value at least as good counts as a hit in forecasts; by default that of the best tenth of the measured items.
    misfit : Misfit
        Of items that are picked for their predictions.
    """

    count: int = 96
    surrogate: str = "auto"
    scale: str = "auto"
    minimize: bool = False
    plate: PlateSettings = field(default_factory=PlateSettings)
    breeding: BreedingSettings = field(default_factory=BreedingSettings)
    hit: float | None = None
    misfit: Misfit = PICKED

    def __post_init__(self) -> None:
        names_for("surrogate", self.surrogate, MODELS)
        names_for("scale", self.scale, SHAPES)


def exploration_at(number: int, rounds: int) -> float:
    """Exploration of plate `number` in a campaign of `rounds` plates; it falls linearly from plate 2 to the last.

    Examples
    --------
    >>> [round(exploration_at(number, 4), 2) for number in (2, 3, 4)]
    [1.7, 1.35, 1.0]
    """
    if rounds <= 2 or number >= rounds:
        return LEAST_EXPLORATION
    left = min((rounds - number) / (rounds - 2), 1.0)
    return LEAST_EXPLORATION + (MOST_EXPLORATION - LEAST_EXPLORATION) * left
