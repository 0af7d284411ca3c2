"""Piecewise stationary sources through a mixing network, for tests and benchmarks of nonlinear ICA.

As in Khemakhem et al. (2020, section 5.1) and the comparison to VAEs in their code (`compare_to_vae.py`): within a
segment, sources are independent Gaussians of mean 0, whose scales are drawn from U(0.5, 3) for each segment; the
network has orthogonal layers with leaky ReLUs of slope 0.2 between them. The observations have small Gaussian noise.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

SCALES = 0.5, 3.0
SLOPE = 0.2
NOISE = 0.02
"""Standard deviation, relative to that of a column."""


def mixed(
    segments: int = 40, rows: int = 1000, size: int = 5, layers: int = 3, seed: int = 0
) -> tuple[Float[np.ndarray, "row source"], Float[np.ndarray, "row column"], Int[np.ndarray, " row"]]:
    """Sources, observations, and the segment of each row. rows: of a segment."""
    generator = np.random.default_rng(seed)
    scale = generator.uniform(*SCALES, (segments, size))
    segment = np.repeat(np.arange(segments), rows)
    sources = scale[segment] * generator.standard_normal((len(segment), size))
    x = sources
    for layer in range(layers):
        x = x @ np.linalg.qr(generator.standard_normal((size, size)))[0]
        x = x if layer == layers - 1 else np.where(x > 0, x, SLOPE * x)
    return sources, x + NOISE * x.std(0) * generator.standard_normal(x.shape), segment


def mean_correlation(sources: Float[np.ndarray, "row source"], found: Float[np.ndarray, "row source"]) -> float:
    """MCC: the mean absolute correlation of sources and estimates, each estimate assigned to one source."""
    size = sources.shape[1]
    correlation = np.abs(np.corrcoef(sources.T, found.T)[:size, size:])
    return float(correlation[linear_sum_assignment(-correlation)].mean())
