"""Classifies variants as benign or damaging by their scores alone: a mixture of two groups of single substitutions.

Frazer et al. 2021 (EVE): evolutionary indices (here: negative scores) are a mixture of two Gaussians, and the
probability that a variant is damaging is that of the higher one. EVE initializes each protein's mixture by that of many
proteins; here only one protein is used. The most uncertain share of all single substitutions sets a limit below which
variants have no class. Classes reflect evolutionary conservation; they aren't clinically validated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError
from sciencegen.items import Cell
from sciencegen.prediction.mixture import TwoGroups, Unfit, fit_two_groups

SET_ASIDE = 0.25
LEAST_SPREAD = 1.0
"""Minimum standard deviation of the scores of single substitutions, in nats: about 3 for a well-trained model."""
BENIGN, UNCERTAIN, DAMAGING = "benign", "uncertain", "damaging"


@dataclass(frozen=True)
class VariantClasses:
    """groups: of evolutionary indices. limit: absolute log odds from which a variant has a class. set_aside: share of
    single substitutions without a class. singles: indices of the single substitutions."""

    groups: TwoGroups | Unfit
    limit: float
    set_aside: float
    singles: Float[np.ndarray, " single"]
    columns = ("damaging", "class")

    def values(self, scores: Sequence[float]) -> dict[str, list[Cell]]:
        """damaging: probability, NaN if no groups were found. class: benign, uncertain or damaging."""
        index = -np.asarray(scores, float)
        if isinstance(self.groups, Unfit):
            return {"damaging": [float("nan")] * len(index), "class": [UNCERTAIN] * len(index)}
        odds = self.groups.log_odds(index)
        certain = np.abs(odds) >= self.limit
        classes = np.where(certain, np.where(odds > 0, DAMAGING, BENIGN), UNCERTAIN)
        return {"damaging": self.groups.probability(index).tolist(), "class": classes.tolist()}

    def notes(self) -> list[str]:
        """Description of the classes, as sentences."""
        if isinstance(self.groups, Unfit):
            return [f"no classes, every variant is uncertain: {self.groups.reason} (scores of single substitutions)"]
        low, high = self.groups.low, self.groups.high
        return [
            f"classes: of {len(self.singles)} single substitutions {low.share:.0%} are around a score of "
            f"{-low.mean:.1f} (benign), {high.share:.0%} around {-high.mean:.1f} (damaging); the "
            f"{self.set_aside:.0%} most uncertain have no class. They say what evolution keeps, and are no clinical "
            "finding"
        ]

    def doubts(self) -> list[str]:
        """Warnings that the classes may be unreliable, as sentences."""
        if isinstance(self.groups, Unfit):
            return []
        spread, why = float(np.nanstd(self.singles)), self.groups.doubts(self.singles)
        why += [f"they spread by {spread:.2g} nats only"] if spread < LEAST_SPREAD else []
        message = f"the classes and their chances mean little, by the scores of single substitutions: {'; '.join(why)}"
        return [f"{message}. Train longer (`training` steps=...), or on more sequences"] if why else []


def variant_classes(scores: Sequence[float], set_aside: float = SET_ASIDE) -> VariantClasses:
    """The classes of a protein, from the scores of all its single substitutions (higher is fitter)."""
    if not 0 <= set_aside < 1:
        raise ConfigError(f"Expected a share set aside in 0 to below 1, got {set_aside:g}.")
    index = -np.asarray(scores, float)
    groups = fit_two_groups(index)
    limit = 0.0
    if isinstance(groups, TwoGroups):
        limit = float(np.nanquantile(np.abs(groups.log_odds(index)), set_aside))
    return VariantClasses(groups, limit, set_aside, index)
