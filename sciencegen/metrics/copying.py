"""Whether generated items are copies of those that were trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Real
from scipy.stats import rankdata

from sciencegen.errors import DataError


@dataclass(frozen=True)
class CopyingScores:
    """copied: share of generated items nearer to a training item than all but 1% of the held-out ones are; 0.01 where
    nothing is copied. nearer: chance that a generated item is nearer to the training items than a held-out one, 1/2
    where they are alike; well above: copying, well below: other items than the data's (Meehan et al. 2020)."""

    copied: float
    nearer: float


def copying_scores(
    generated: Real[np.ndarray, " item"], held_out: Real[np.ndarray, " other"], quantile: float = 0.01
) -> CopyingScores:
    """From distances to the nearest training item (`nearest`), of generated items and of held-out ones."""
    if not len(generated) or not len(held_out):
        raise DataError(f"Expected distances of both kinds, got {len(generated)} and {len(held_out)}.")
    ranks = rankdata(np.concatenate([generated, held_out]))[: len(generated)]
    above = (ranks.sum() - len(generated) * (len(generated) + 1) / 2) / (len(generated) * len(held_out))
    return CopyingScores(float((generated < np.quantile(held_out, quantile)).mean()), float(1 - above))
