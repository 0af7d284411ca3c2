"""A small network that predicts a pixel from its causal neighbourhood, in exact integer arithmetic.

    c   = companded neighbours, 16 asinh(v / sigma)
    h1  = relu(W1 c + Wp p + b1),  h2 = relu(W2 h1 + b2)
    m   = sum_k g_k(h2) (w_k . v) + sigma o(h2),   g = softmax(Wg h2 + bg)
    s   = log2 of the scale in units of sigma, Ws h2 + bs

v are neighbouring pixels above the sky, in 1 / FRACTION cells, p is the place of the pixel in an image with an object
at its centre. All weights, activations and sums are integers times a power of 2, held in floating-point arrays: the
integers stay below 2^24 (float32) and 2^53 (float64), so that sums are exact in any order, with any instructions and
threads, and every machine computes the same predictions. Experts w_k with gates g_k: Jacobs et al. 1991.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

OWN_BORDER, OTHER_BORDER = 5, 2
"""Largest distance in x or y of neighbours in the pixel's own plane and in earlier planes."""
TABLE = 1 << 14
"""Parts whose companded values are looked up."""
COMPANDED = 127
"""Largest value of a companded pixel, and of an activation."""
UNIT1, UNIT2 = 32, 64
"""Weights and biases of the hidden layers are multiples of 1 / UNIT1 and 1 / UNIT2, powers of 2."""
EXPERT_UNIT = 4096
"""An expert's integer weight for 1."""
EXPERT_STEP = 8
"""Fitted weights differ from shipped ones by multiples of this."""
LARGEST_WEIGHT = 4 * EXPERT_UNIT
LARGEST_CELL = float(1 << 26)
"""Neighbours are clipped here, so that the sums of experts are exact."""
FRACTION = 64
"""Predictions are multiples of 1 / FRACTION."""
SIGMA_UNIT = 16
"""sigma is a multiple of 1 / SIGMA_UNIT."""
OCTAVE = 8
"""Scales are multiples of 1 / OCTAVE octaves."""


class PixelPrediction(NamedTuple):
    """mean: in 1 / FRACTION. scale: log2 of the scale in units of sigma, in 1 / OCTAVE. gates: of the experts, not
    normalized."""

    mean: Float[np.ndarray, " lane"]
    scale: Int[np.ndarray, " lane"]
    gates: Float[np.ndarray, "expert lane"]


@dataclass(frozen=True)
class Network:
    """own, other: (dy, dx) of the neighbours in the pixel's plane, and in each of `planes` earlier planes. mirror: of
    those around the pixel's mirror image through the centre, in images with an object there. place: weights of
    `positions`. head: rows of the gates, then of the scale and of the offset.
    """

    own: tuple[tuple[int, int], ...]
    other: tuple[tuple[int, int], ...]
    mirror: tuple[tuple[int, int], ...]
    planes: int
    hidden1: Float[np.ndarray, "hidden input"]
    place: Float[np.ndarray, "hidden 4"]
    bias1: Float[np.ndarray, "hidden 1"]
    hidden2: Float[np.ndarray, "hidden hidden"]
    bias2: Float[np.ndarray, "hidden 1"]
    head: Float[np.ndarray, "head hidden"]
    head_bias: Float[np.ndarray, "head 1"]
    experts: Float[np.ndarray, "expert input"]

    @property
    def inputs(self) -> int:
        return len(self.own) + self.planes * len(self.other) + len(self.mirror)

    def with_changes(self, changes: Int[np.ndarray, "expert input"]) -> Network:
        """The network with changed experts. changes: of the weights in EXPERT_STEP, as far as these stay in range."""
        lowest = np.ceil((-LARGEST_WEIGHT - self.experts) / EXPERT_STEP)
        highest = np.floor((LARGEST_WEIGHT - self.experts) / EXPERT_STEP)
        return dataclasses.replace(self, experts=self.experts + EXPERT_STEP * np.clip(changes, lowest, highest))

    def predict(
        self, values: Float[np.ndarray, "input lane"], companded: Float[np.ndarray, "input lane"],
        positions: Float[np.ndarray, "4 place"], sigma: int,
    ) -> PixelPrediction:  # fmt: skip
        """Predict pixels. values: neighbours in cells, float64. companded: the same by `compand`, float32. positions:
        of as many places as divide the pixels into equal runs. sigma: in 1 / SIGMA_UNIT cells."""
        hidden = self.hidden1 @ companded
        bias = self.place @ positions + self.bias1
        hidden.reshape(len(hidden), bias.shape[1], -1)[...] += bias[..., None]
        hidden = self.hidden2 @ _rectified(hidden)
        hidden += self.bias2
        heads = self.head @ _rectified(hidden) + self.head_bias
        steps = (heads[:-2].max(0) - heads[:-2]) / 128.0
        gates = exponentials()[np.minimum(steps, 127.0, out=steps).astype(np.intp)]
        each = self.experts @ values
        each /= EXPERT_UNIT / FRACTION
        mean = np.floor((gates * np.floor(each, out=each)).sum(0) / gates.sum(0))
        mean += np.floor(heads[-1].astype(np.float64) * sigma / (2048 * SIGMA_UNIT // FRACTION))
        return PixelPrediction(mean, np.floor((heads[-2] + 128.0) / 256.0).astype(np.int64), gates)


def _rectified(sums: np.ndarray) -> np.ndarray:
    """clip(floor(sums), 0, COMPANDED)."""
    np.floor(sums, out=sums)
    return np.minimum(np.maximum(sums, 0.0, out=sums), float(COMPANDED), out=sums)


def bounded(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """As `np.clip`, which takes ten times as long for few values."""
    return np.minimum(np.maximum(values, low), high)


@cache
def shipped() -> dict[str, np.ndarray]:
    """The arrays of the shipped file: networks, and tables of integers."""
    with (files("sciencegen.compression") / "predictors.npz").open("rb") as file, np.load(file) as loaded:
        return {name: loaded[name] for name in loaded.files}


@cache
def shipped_network(planes: int) -> Network:
    """The network for planes that have none before them (0), or up to two earlier ones."""
    arrays = {name.partition(".")[2]: one for name, one in shipped().items() if name.startswith(f"{min(planes, 1)}.")}
    units = {"hidden1": UNIT1, "place": UNIT1, "hidden2": UNIT2, "head": 1}
    single = {name: arrays[name].astype(np.float32) / unit for name, unit in units.items()}
    halves = {"bias1": (UNIT1, 0.5), "bias2": (UNIT2, 0.5), "head_bias": (1, 0.0)}  # so that floor rounds
    biases = {name: arrays[name].astype(np.float32)[:, None] / unit + half for name, (unit, half) in halves.items()}
    own, other, mirror = (tuple((int(y), int(x)) for y, x in arrays[name]) for name in ("own", "other", "mirror"))
    experts = arrays["experts"].astype(np.float64)
    return Network(own, other, mirror, 2 if planes else 0, **single, **biases, experts=experts)


@cache
def exponentials() -> Float[np.ndarray, " exponent"]:
    """1023 exp(-j / 16), rounded."""
    return shipped()["exponentials"].astype(np.float64)


def positions(y: np.ndarray, x: np.ndarray, height: int, width: int) -> Float[np.ndarray, "4 place"]:
    """Distances from the centre of an image in 1 / 64 of half its sides: y, x, the square; and 64."""
    down, right = 64 * (2 * y - height + 1) // height, 64 * (2 * x - width + 1) // width
    return np.stack([down, right, (down**2 + right**2) >> 6, np.full_like(down, 64)]).astype(np.float32)


def compand(parts: Int[np.ndarray, "*shape"], sigma: int) -> Float[np.ndarray, "*shape"]:
    """round(16 asinh(x / sigma)), clipped to +-COMPANDED. parts: x in 1 / FRACTION cells. sigma: in 1 / SIGMA_UNIT."""
    limits, table = _companded(sigma)
    size = np.abs(parts)
    found = table[np.minimum(size, len(table) - 1)]
    if (far := size >= len(table)).any():
        found[far] = np.searchsorted(limits, size[far], "right")
    return np.copysign(found, parts)


@lru_cache(maxsize=16)
def _companded(sigma: int) -> tuple[Int[np.ndarray, " step"], Float[np.ndarray, " size"]]:
    """The least parts of each companded value, and the companded values of the first parts."""
    scale = (1 << 16) * SIGMA_UNIT // FRACTION
    limits = -(-shipped()["thresholds"].astype(np.int64) * min(sigma, 1 << 36) // scale)
    return limits, np.searchsorted(limits, np.arange(TABLE), "right").astype(np.float32)
