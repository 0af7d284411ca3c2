"""Whether generated items are copies of training items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Real

from sciencegen.errors import DataError


@dataclass(frozen=True)
class CopyingScores:
    """copied: share of generated items nearer to a training item than 99% of the held-out items are; 0.01 if nothing is
    copied. nearer: probability that a generated item is nearer to the training items than a held-out one: about 1/2
    without copying, well above with copying, well below if items are unlike the data (Meehan et al. 2020)."""

    copied: float
    nearer: float


def copying_scores(
    generated: Real[np.ndarray, " item"], held_out: Real[np.ndarray, " other"], quantile: float = 0.01
) -> CopyingScores:
    """From distances to the nearest training item (`nearest`), of generated items and of held-out ones."""
    from scipy.stats import rankdata  # half a second to import

    if not len(generated) or not len(held_out):
        raise DataError(f"Expected distances of both kinds, got {len(generated)} and {len(held_out)}.")
    ranks = rankdata(np.concatenate([generated, held_out]))[: len(generated)]
    above = (ranks.sum() - len(generated) * (len(generated) + 1) / 2) / (len(generated) * len(held_out))
    return CopyingScores(float((generated < np.quantile(held_out, quantile)).mean()), float(1 - above))
