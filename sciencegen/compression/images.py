"""Arrays of images as a description and chunks, by the predictor or, where that is shorter, by a general compressor."""

from __future__ import annotations

import lzma
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from sciencegen.compression.calibration import calibrated
from sciencegen.compression.chunks import PlaneCoding, plane_coding, read_chunk, write_chunk
from sciencegen.compression.grids import FARTHEST, Grid, chosen_grid, exceptions, to_cells
from sciencegen.compression.network import SIGMA_UNIT
from sciencegen.compression.noise import NOISE_BITS, noise_floor, noise_of
from sciencegen.compression.tiles import WHOLE, Tiles, chunks, put, stack_shape, taken, tilings
from sciencegen.items import Json

LEARN_FROM = 1000
"""Tiles that the predictor is fitted to."""
FINEST_NOISE = 1.0 / SIGMA_UNIT
FEWEST = 1024
"""Pixels of an array that the predictor is tried on."""
TRIAL = 64
"""Tiles on which the two methods are compared."""
PIECE = 1 << 24
"""Bytes that the general compressor gets at once."""


@dataclass(frozen=True)
class Lossy:
    """quantize: the step is the noise divided by this. noise: its standard deviation, None to estimate it."""

    quantize: float
    noise: float | None = None


@dataclass(frozen=True)
class ImagePlan:
    """How an array is coded. kind: its type in the file, with byte order. sigmas: noise of each plane, in the image's
    unit. floors: its bits per pixel."""

    shape: tuple[int, ...]
    kind: str
    method: Literal["predictor", "lzma"]
    sigmas: tuple[float, ...] = ()
    floors: tuple[float, ...] = ()
    codings: tuple[PlaneCoding, ...] = ()

    @property
    def native(self) -> np.dtype:
        return np.dtype(self.kind).newbyteorder("=")

    @property
    def centred(self) -> bool:
        """Whether each image is one tile, as stamps are."""
        return max(self.shape[-2:]) <= WHOLE

    @cached_property
    def jobs(self) -> list[tuple[Tiles, int, int]]:
        """(tiles, start, stop) of each chunk of the predictor."""
        images, planes, height, width = stack_shape(self.shape)
        return [(one, *ends) for one in tilings(height, width) for ends in chunks(images, planes, one)]

    def chunk_count(self) -> int:
        if self.method == "predictor":
            return len(self.jobs)
        return -(-int(np.prod(self.shape)) * np.dtype(self.kind).itemsize // PIECE)

    def floor_bits(self) -> float:
        """Bits of the noise alone, for all pixels."""
        if self.method != "predictor":
            return 0.0
        return float(np.mean(self.floors)) * int(np.prod(self.shape))

    def largest_error(self) -> float | None:
        """Of any pixel, in the image's unit, None if nothing is lost."""
        return max((error for error, _ in self._errors()), default=None)

    def error_over_noise(self) -> float | None:
        """Largest error in units of the noise of its plane."""
        return max((error / sigma for error, sigma in self._errors()), default=None)

    def _errors(self) -> list[tuple[float, float]]:
        """(largest error, noise) of each plane with loss: half of a step; of integers, which are rounded again, the
        largest whole number up to that and a half."""
        found = [(one.grid.step / 2, sigma) for one, sigma in zip(self.codings, self.sigmas, strict=True)
                 if one.grid.kind == "lossy"]  # fmt: skip
        whole = self.native.kind != "f"
        return [(float(math.floor(error + 0.5)) if whole else error, sigma) for error, sigma in found]

    def to_json(self) -> Json:
        codings = [one.to_json(plane) for plane, one in enumerate(self.codings)]
        sigmas = [float(one) for one in self.sigmas]
        return {"shape": list(self.shape), "kind": self.kind, "method": self.method, "sigmas": sigmas,
                "floors": list(self.floors),
                "codings": codings}  # fmt: skip


def image_plan(data: Mapping[str, Any]) -> ImagePlan:
    """The inverse of `ImagePlan.to_json`."""
    codings = tuple(plane_coding(one, plane) for plane, one in enumerate(data["codings"]))
    shape, sigmas, floors = (tuple(data[name]) for name in ("shape", "sigmas", "floors"))
    return ImagePlan(shape, str(data["kind"]), data["method"], sigmas, floors, codings)


def _floor(values: np.ndarray, sigma: float, grid: Grid) -> float:
    """Bits of a pixel's noise. Of floats: log2 sigma sqrt(2 pi e) minus the mean log2 of the distance of two floats."""
    if grid.kind != "floats":
        return noise_floor(sigma / (1.0 if grid.kind == "integers" else grid.step))
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return math.log2(sigma) + NOISE_BITS - float(np.log2(np.spacing(sizes).astype(np.float64)).mean()) - grid.shift


def is_image(array: np.ndarray) -> bool:
    """Whether an array is coded as images."""
    kind = array.dtype.kind in "iuf" and array.dtype.itemsize <= 8
    return kind and array.ndim >= 2 and array.size > 0


def planned(array: np.ndarray, lossy: Lossy | None) -> ImagePlan:
    """Choose the method and fit the predictor to the first tiles of an array of images."""
    general = ImagePlan(array.shape, array.dtype.str, "lzma")
    if array.size < FEWEST:
        return general
    stack = array.reshape(stack_shape(array.shape))
    tiles = tilings(*stack.shape[2:])[0]
    total = tiles.count(len(stack))
    sample = _native(taken(stack, tiles, 0, min(LEARN_FROM, total)))
    sigmas = [noise_of(np.moveaxis(plane, -1, 0)) for plane in (_edges(sample) if general.centred else sample)]
    if lossy is not None and lossy.noise is not None:
        sigmas = [lossy.noise] * len(sigmas)
    if not _can_predict(array) or not all(0 < one < np.inf for one in sigmas):
        return general
    grids = [
        chosen_grid(plane, sigma, None if lossy is None else sigma / lossy.quantize)
        for plane, sigma in zip(sample, sigmas, strict=True)
    ]
    codings = tuple(_fitted(sample, sigmas, grids, general.centred, array.size // len(sample)))
    floors = tuple(_floor(*one) for one in zip(sample, sigmas, grids, strict=True))
    plan = ImagePlan(array.shape, array.dtype.str, "predictor", tuple(sigmas), floors, codings)
    return plan if plan.largest_error() is not None or _is_shorter(plan, sample) else general


def _is_shorter(plan: ImagePlan, sample: np.ndarray) -> bool:
    """Whether the predictor's code of the middle rows of some tiles is at most as long as that of the general
    compressor."""
    rows = max(sample.shape[1] // 8, 1)
    start = (sample.shape[1] - rows) // 2
    trial = sample[:, start : start + rows, :, :TRIAL]
    predicted = write_chunk(trial, list(plan.codings), False)
    return len(predicted) <= len(_packed(trial.tobytes(), trial.itemsize))


def _edges(sample: np.ndarray) -> np.ndarray:
    """The upper and lower rows of images [plane y x image], where there is less of an object."""
    height = sample.shape[1]
    rows = max(height // 8, 1)
    return np.concatenate([sample[:, :rows], sample[:, height - rows :]], 1)


def _can_predict(array: np.ndarray) -> bool:
    if array.dtype.kind == "f":
        return array.dtype.itemsize in (2, 4, 8)
    low, high = int(array.min()), int(array.max())
    return high < 1 << 63 and high - low < FARTHEST


def _native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _fitted(
    sample: np.ndarray, sigmas: list[float], grids: list[Grid], centred: bool, coded: int
) -> Iterator[PlaneCoding]:
    """The grids with the models of their planes. centred, coded: as in `calibrated`."""
    masks = np.stack([exceptions(plane, grid) for plane, grid in zip(sample, grids, strict=True)])
    cells = np.stack([to_cells(plane, grid)[0] for plane, grid in zip(sample, grids, strict=True)])
    rounding = 1 / math.sqrt(12)  # standard deviation in cells
    widths = [round(SIGMA_UNIT * math.hypot(s / g.step, rounding)) for s, g in zip(sigmas, grids, strict=True)]
    for plane, mask in zip(cells, masks, strict=True):
        if mask.any():
            plane[mask] = 0 if mask.all() else int(np.median(plane[~mask]))
    models = calibrated(cells, widths, centred, coded)
    return (PlaneCoding(grid, model) for grid, model in zip(grids, models, strict=True))


def coded(array: np.ndarray, plan: ImagePlan) -> Iterator[partial[bytes]]:
    """For each chunk of an array the call that codes it, to be made in any process."""
    if plan.method == "lzma":
        flat = array.reshape(-1)
        step = PIECE // array.itemsize
        starts = range(0, array.size, step)
        return (partial(_packed, flat[start : start + step].tobytes(), array.itemsize) for start in starts)
    stack, codings = array.reshape(stack_shape(array.shape)), list(plan.codings)
    jobs = plan.jobs
    return (partial(write_chunk, _native(taken(stack, tiles, a, b)), codings, plan.centred) for tiles, a, b in jobs)


def decoded(contents: Mapping[int, bytes], plan: ImagePlan) -> Iterator[partial[np.ndarray]]:
    """For each chunk, by its number, the call that decodes it."""
    if plan.method == "lzma":
        yield from (partial(_unpacked, content, plan.kind) for content in contents.values())
        return
    planes, jobs = stack_shape(plan.shape)[1], plan.jobs
    for number, content in contents.items():
        tiles, start, stop = jobs[number]
        shape = (planes, tiles.height, tiles.width, stop - start)
        yield partial(read_chunk, content, shape, plan.native, list(plan.codings), plan.centred)


def place_chunk(array: np.ndarray, plan: ImagePlan, number: int, block: np.ndarray) -> None:
    """Put a decoded chunk into the array."""
    if plan.method == "lzma":
        start = number * (PIECE // array.itemsize)
        array.reshape(-1)[start : start + block.size] = block
        return
    tiles, start, _ = plan.jobs[number]
    put(array.reshape(stack_shape(plan.shape)), tiles, start, block)


def _packed(content: bytes, width: int) -> bytes:
    """The bytes of numbers of `width` bytes, sorted by their place in a number, by LZMA."""
    planes = np.frombuffer(content, np.uint8).reshape(-1, width).T
    return lzma.compress(np.ascontiguousarray(planes).tobytes(), preset=1)


def _unpacked(content: bytes, kind: str) -> np.ndarray:
    raw = np.frombuffer(lzma.decompress(content), np.uint8)
    planes = raw.reshape(np.dtype(kind).itemsize, -1).T
    return np.ascontiguousarray(planes).reshape(-1).view(kind)
