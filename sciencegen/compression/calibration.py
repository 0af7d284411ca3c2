"""Fits the shipped predictor to a file: experts to the correlations of its noise, scales and shapes to residuals.

All results are integers that the stream stores, so that only the writer computes with rounding numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from sciencegen.compression.network import (
    EXPERT_STEP,
    EXPERT_UNIT,
    FRACTION,
    OCTAVE,
    SIGMA_UNIT,
    Network,
    Prediction,
    shipped,
    shipped_network,
)  # fmt: skip
from sciencegen.compression.planes import SCALE_BINS, SCALE_ZERO, Neighbours, PlaneModel, places, scale_bin

PLACES = 96
"""Pixels of a tile that are looked at."""
MOST_TILES = 300
RIDGE = 300.0
"""Prior precision of a correction of an expert's weight."""
DEGREES = 8
"""Degrees of freedom of the residuals to which experts are fitted."""
EXPERT_BITS = 8
"""Place of a corrected weight in the stream."""
STEPS = 12
"""Largest correction of a scale, in 1 / OCTAVE."""
CLIP, ROUNDS = 2.0, 8
"""Sigma around the sky that count for it, and steps to find it."""
CLIPPED, SHRINKAGE = 3.0, 100
FEWEST, MOST = 40, 4000
"""Pixels of a scale that are looked at."""


@dataclass(frozen=True)
class Sample:
    """Pixels of a plane at some places in all of `lanes` tiles, and what the network takes for them. targets: cells
    above the sky."""

    values: Float[np.ndarray, "input pixel"]
    companded: Float[np.ndarray, "input pixel"]
    places: Float[np.ndarray, "4 place"]
    targets: Float[np.ndarray, " pixel"]
    sigma: int
    lanes: int

    def predicted(self, network: Network) -> Prediction:
        return network.predict(self.values, self.companded, self.places, self.sigma)


def calibrated(
    cells: Int[np.ndarray, "plane y x lane"], sigmas: list[int], centred: bool = False, coded: int = 0
) -> list[PlaneModel]:
    """Fit the sky and the models of each plane of a stack. sigmas: noise of each in 1 / SIGMA_UNIT cells. centred: as
    in `code_stack`. coded: pixels of each plane in the file: fitted experts must save more of their bits than they
    take."""
    step = max(1, cells.shape[3] // MOST_TILES)
    cells = cells[..., ::step]
    near = Neighbours(cells.shape, centred)
    models = []
    for plane, sigma in enumerate(sigmas):
        near.start(plane, sigma, shipped_network(plane))
        sky = sky_level(cells[plane], sigma)
        y, x = np.divmod(np.arange(cells.shape[1] * cells.shape[2]), cells.shape[2])
        near.put(near.rows(plane, (y, x)), cells[plane, y, x], sigma, sky)
        fitted = _fit_plane(near, cells[plane] - sky / FRACTION, plane, sigma, centred, coded)
        models.append(replace(fitted, sky=sky))
    return models


def sky_level(cells: Int[np.ndarray, "*shape"], sigma: int) -> int:
    """The background of a plane in 1 / FRACTION cells: the mean of what lies within `CLIP` sigma of it, from the
    median. sigma: in 1 / SIGMA_UNIT cells."""
    cells = cells.reshape(-1)[:: max(1, cells.size >> 18)]
    level, reach = float(np.median(cells)), CLIP * max(sigma / SIGMA_UNIT, 0.5)
    for _ in range(ROUNDS):
        near = cells[np.abs(cells - level) <= reach]
        level = float(near.mean()) if near.size else level
    return round(level * FRACTION)


def _fit_plane(
    near: Neighbours, above: Float[np.ndarray, "y x lane"], plane: int, sigma: int, centred: bool, coded: int
) -> PlaneModel:
    """above: cells above the sky."""
    network = shipped_network(plane)
    height, width, lanes = above.shape
    count = max(PLACES, PLACES * 100 // lanes)
    y, x = np.divmod(np.random.default_rng(plane).permutation(height * width)[:count], width)
    values, companded = near.around(plane, (y, x))
    targets = above[y, x].reshape(-1)
    pixels = Sample(values, companded, places(height, width, centred)[:, y, x], targets, sigma, lanes)
    if coded:
        network = _with_fitted_experts(network, pixels, coded)
    mean, scale, _ = pixels.predicted(network)
    return PlaneModel(network, sigma, *fit_bins(targets - mean / FRACTION, scale_bin(scale), sigma))


def cell_scale(sigma: int) -> int:
    """log2 of the noise in cells, in 1 / OCTAVE."""
    return round(OCTAVE * math.log2(sigma / SIGMA_UNIT))


def _with_fitted_experts(network: Network, pixels: Sample, coded: int) -> Network:
    """The network with w_k + (sum g_k x x' / S^2 + RIDGE / sigma^2)^-1 sum g_k x r / S^2 for each expert, from half of
    the tiles, if the other half tells that it saves more bits than it takes: weighted least squares, where r are
    residuals, with Student's t."""
    sigma, targets = pixels.sigma, pixels.targets
    half = np.arange(len(targets)) % pixels.lanes < (pixels.lanes + 1) // 2
    if half.all():
        return network
    before = pixels.predicted(network)
    variance = (sigma / SIGMA_UNIT) ** 2 * np.exp2(2 * np.clip(before.scale, -64, 160) / OCTAVE) + 1 / 12
    residuals = targets - before.mean / FRACTION
    weights = before.gates / before.gates.sum(0) / (variance + residuals**2 / DEGREES)
    inputs, unit = pixels.values[:, half], (sigma / SIGMA_UNIT) ** 2
    changes = np.zeros(network.experts.shape)
    for expert, weight in enumerate(weights[:, half]):
        product = (inputs * weight) @ inputs.T
        product[np.diag_indices_from(product)] += RIDGE / max(unit, 1 / 12) * unit
        changes[expert] = np.linalg.solve(product, inputs @ (weight * residuals[half]))
    fitted = network.with_changes(np.rint(changes * (EXPERT_UNIT / EXPERT_STEP)))
    after = targets - pixels.predicted(fitted).mean / FRACTION
    bits = [np.log1p(one[~half] ** 2 / (DEGREES * variance[~half])).mean() for one in (residuals, after)]
    saved = (bits[0] - bits[1]) * (DEGREES + 1) / (2 * math.log(2))
    return fitted if saved * coded > EXPERT_BITS * changes.size else network


def fit_bins(
    residuals: Float[np.ndarray, " pixel"], bins: np.ndarray, sigma: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scale, the shape and the shift of each bin that give its residuals the shortest code; bins with few residuals
    take scale and shape of the nearest bin."""
    steps, kinds, shift = (np.zeros(SCALE_BINS, np.int64) for _ in range(3))
    zero = cell_scale(sigma) - SCALE_ZERO
    filled = [one for one in range(SCALE_BINS) if (bins == one).sum() >= FEWEST]
    for one in filled:
        own = residuals[bins == one]
        middle = _middle(own, 2.0 ** ((one + zero) / OCTAVE))
        shift[one] = round(FRACTION * middle)
        steps[one], kinds[one] = _best(own[:MOST] - middle, one + zero)
    for one in range(SCALE_BINS):
        if filled and one not in filled:
            nearest = min(filled, key=lambda other: abs(other - one))
            steps[one], kinds[one] = steps[nearest], max(kinds[nearest], 2)
        elif not filled:
            kinds[one] = 2
    return steps + np.arange(SCALE_BINS) + zero, kinds, shift


def _middle(residuals: np.ndarray, scale: float) -> float:
    """The mean of residuals that are clipped to some scales, shrunk to 0 where they are few."""
    reach = CLIPPED * scale
    return float(np.clip(residuals, -reach, reach).sum()) / (len(residuals) + SHRINKAGE)


def _best(residuals: np.ndarray, scale: int) -> tuple[int, int]:
    """(correction of the scale, shape) with the highest likelihood; rounding of residuals adds 1/12 to the variance."""
    from scipy.special import gammaln

    steps = np.arange(-STEPS, STEPS + 1)
    variance = np.exp2(2 * (scale + steps[:, None]) / OCTAVE) + 1 / 12
    squares = residuals**2 / variance
    bits = []
    for degrees in shipped()["degrees"]:
        if degrees:
            log = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - np.log(degrees * np.pi) / 2
            each = log - (degrees + 1) / 2 * np.log1p(squares / degrees)
        else:
            each = -squares / 2 - np.log(2 * np.pi) / 2
        bits.append(-np.maximum(each - np.log(variance) / 2, -30.0).mean(1))
    shape, step = np.unravel_index(np.argmin(bits), (len(bits), len(steps)))
    return int(steps[step]), int(shape)
