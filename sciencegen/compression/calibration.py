"""Fits the shipped predictor to a file: experts to the correlations of its noise, scales and shapes to residuals.

All results are integers that the stream stores, so that only the writer computes with rounding numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sciencegen.compression.network import (
    EXPERT_UNIT,
    FRACTION,
    OCTAVE,
    SIGMA_UNIT,
    Network,
    Prediction,
    shipped,
    shipped_network,
)  # fmt: skip
from sciencegen.compression.planes import SCALE_BINS, SCALE_ZERO, Neighbours, PlaneModel, place_in, scale_bin

PLACES = 96
"""Pixels of a tile that are looked at."""
MOST_TILES = 400
RIDGE = 30.0
"""Prior precision of a correction of an expert's weight."""
STEPS = 12
"""Largest correction of a scale, in 1 / OCTAVE."""
FEWEST, MOST = 40, 1000
"""Pixels of a scale that are looked at."""


@dataclass(frozen=True)
class Sample:
    """Pixels of a plane at some places in all of `lanes` tiles, and what the network takes for them. targets: cells."""

    values: Float[np.ndarray, "input pixel"]
    companded: Float[np.ndarray, "input pixel"]
    places: Float[np.ndarray, "4 place"]
    targets: Float[np.ndarray, " pixel"]
    sigma: int
    lanes: int

    def predicted(self, network: Network) -> Prediction:
        return network.predict(self.values, self.companded, self.places, self.sigma)


def calibrated(
    cells: Int[np.ndarray, "plane y x lane"], sigmas: list[int], centred: bool = False, experts: bool = True
) -> list[PlaneModel]:
    """Fit the models of each plane of a stack. sigmas: noise of each in 1 / SIGMA_UNIT cells. centred: as in
    `code_stack`. experts: whether they are fitted, too."""
    step = max(1, cells.shape[3] // MOST_TILES)
    cells = cells[..., ::step]
    near = Neighbours(cells.shape)
    models = []
    for plane, sigma in enumerate(sigmas):
        near.start(plane, sigma)
        for y in range(cells.shape[1]):
            near.put(near.at(plane, y, 0), cells[plane, y], sigma)
        models.append(_fit_plane(near, cells, plane, sigma, centred, experts))
    return models


def _fit_plane(near: Neighbours, cells: np.ndarray, plane: int, sigma: int, centred: bool, experts: bool) -> PlaneModel:
    network = shipped_network(plane)
    _, height, width, lanes = cells.shape
    generator = np.random.default_rng(plane)
    places = generator.permutation(height * width)[: max(PLACES, PLACES * 100 // lanes)].tolist()
    offsets = near.offsets(network, plane)
    found = [near.around(near.at(plane, one // width, one % width), 1, offsets) for one in places]
    values, companded = (np.concatenate(part, 1) for part in zip(*found, strict=True))
    targets = np.concatenate([cells[plane, one // width, one % width] for one in places]).astype(np.float64)
    pixels = Sample(values, companded, place_in(places, height, width, centred), targets, sigma, lanes)
    if experts:
        network = _with_fitted_experts(network, pixels)
    mean, scale, _ = pixels.predicted(network)
    return PlaneModel(network, sigma, *_fit_scales(targets - mean / FRACTION, scale_bin(scale), sigma))


def cell_scale(sigma: int) -> int:
    """log2 of the noise in cells, in 1 / OCTAVE."""
    return round(OCTAVE * math.log2(sigma / SIGMA_UNIT))


def _with_fitted_experts(network: Network, pixels: Sample) -> Network:
    """The network with w_k + (sum g_k x x' / S^2 + RIDGE / sigma^2)^-1 sum g_k x r / S^2 for each expert, from half of
    the tiles, if that predicts the other half better: weighted least squares, where r are residuals."""
    sigma, targets = pixels.sigma, pixels.targets
    half = np.arange(len(targets)) % pixels.lanes < (pixels.lanes + 1) // 2
    if half.all():
        return network
    before = pixels.predicted(network)
    variance = (sigma / SIGMA_UNIT) ** 2 * np.exp2(2 * np.clip(before.scale, -64, 160) / OCTAVE) + 1 / 12
    residuals = targets - before.mean / FRACTION
    weights = before.gates / before.gates.sum(0) / (variance + residuals**2 / 8)  # robust: Student's t
    inputs, unit = pixels.values[:, half], (sigma / SIGMA_UNIT) ** 2
    experts = network.experts.copy()
    for expert, weight in enumerate(weights[:, half]):
        product = (inputs * weight) @ inputs.T
        product[np.diag_indices_from(product)] += RIDGE / max(unit, 1 / 12) * unit
        experts[expert] += EXPERT_UNIT * np.linalg.solve(product, inputs @ (weight * residuals[half]))
    fitted = network.with_experts(experts)
    after = targets - pixels.predicted(fitted).mean / FRACTION
    loss = [np.log1p(one[~half] ** 2 / (8 * variance[~half])).mean() for one in (residuals, after)]
    return fitted if loss[1] < loss[0] else network


def _fit_scales(residuals: Float[np.ndarray, " pixel"], bins: np.ndarray, sigma: int) -> tuple[np.ndarray, np.ndarray]:
    """The scale and the shape of each bin that give its residuals the shortest code; bins with few residuals take those
    of the nearest bin."""
    steps, shapes = np.zeros(SCALE_BINS, np.int64), np.zeros(SCALE_BINS, np.int64)
    zero = cell_scale(sigma) - SCALE_ZERO
    filled = [one for one in range(SCALE_BINS) if (bins == one).sum() >= FEWEST]
    for one in filled:
        own = residuals[bins == one][:MOST]
        steps[one], shapes[one] = _best(own, one + zero)
    for one in range(SCALE_BINS):
        if filled and one not in filled:
            nearest = min(filled, key=lambda other: abs(other - one))
            steps[one], shapes[one] = steps[nearest], max(shapes[nearest], 2)
        elif not filled:
            shapes[one] = 2
    return steps + np.arange(SCALE_BINS) + zero, shapes


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
