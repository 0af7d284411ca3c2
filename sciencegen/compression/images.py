"""Arrays of images as a description and chunks, by the predictor or, where that is shorter, by a general compressor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sciencegen.compression.calibration import calibrated
from sciencegen.compression.chunks import PlaneCoding, plane_coding, read_chunk, write_chunk
from sciencegen.compression.grids import FARTHEST, Grid, chosen_grid, exceptions, to_cells
from sciencegen.compression.network import SIGMA_UNIT
from sciencegen.compression.noise import NOISE_BITS, noise_floor, noise_of
from sciencegen.compression.packing import PIECE, packed_numbers, unpacked_numbers
from sciencegen.compression.stream import Record, typed
from sciencegen.compression.tiles import (
    MOST_PLANES,
    WHOLE,
    Tiles,
    chunk_count,
    chunks,
    put,
    stack_shape,
    taken,
    tilings,
)
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal

LEARN_FROM = 1000
"""Tiles that the predictor is fitted to."""
FINEST_NOISE = 1.0 / SIGMA_UNIT
FEWEST = 1024
"""Pixels of an array that the predictor is tried on."""
TRIAL = 64
"""Tiles on which the two methods are compared."""
LARGEST = 1 << 56
"""Pixels of an image, and one more."""
SLAB = 1 << 26
"""Bytes of an image that are restored together, where its chunks allow it."""
_NUMBERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
KINDS = {np.dtype(order + kind).str for order in "<>" for kind in _NUMBERS}


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

    @property
    def pixels(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.pixels * self.native.itemsize

    def chunk_count(self) -> int:
        if self.method == "lzma":
            return -(-self.bytes // PIECE)
        images, planes, height, width = stack_shape(self.shape)
        return sum(chunk_count(images, planes, tiles) for tiles in tilings(height, width))

    def extent(self, number: int) -> tuple[int, int]:
        """The pixels of a chunk in the order of the array; those of the whole image if they don't lie together."""
        if self.method == "lzma":
            step = PIECE // self.native.itemsize
            return number * step, min((number + 1) * step, self.pixels)
        if not self.centred:
            return 0, self.pixels
        _, start, stop = self.jobs[number]
        size = math.prod(stack_shape(self.shape)[1:])
        return start * size, stop * size

    def chunk_shape(self, number: int) -> tuple[int, int, int, int]:
        """[plane y x tile] of a chunk of the predictor."""
        tiles, start, stop = self.jobs[number]
        return stack_shape(self.shape)[1], tiles.height, tiles.width, stop - start

    def place_of(self, number: int) -> str:
        """Where the pixels of a chunk are, in words."""
        if self.method == "lzma" or (self.centred and stack_shape(self.shape)[0] == 1):
            start, stop = self.extent(number)
            return f"pixels {start + 1} to {stop}"
        tiles, start, stop = self.jobs[number]
        if self.centred:
            return f"images {start + 1} to {stop}"
        return f"tiles {start + 1} to {stop} of {tiles.height} x {tiles.width}"

    def floor_bits(self) -> float:
        """Bits of the noise alone, for all pixels."""
        if self.method != "predictor":
            return 0.0
        return float(np.mean(self.floors)) * self.pixels

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


class ImageRecord(Record):
    """An `ImagePlan`."""

    shape: Annotated[list[Annotated[int, Field(ge=1, lt=1 << 48)]], Field(min_length=2, max_length=32)]
    kind: str
    method: Literal["predictor", "lzma"]
    sigmas: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    floors: list[float]
    codings: Annotated[list[object], Field(max_length=MOST_PLANES)]


def image_plan(data: object) -> ImagePlan:
    """The inverse of `ImagePlan.to_json`."""
    record = typed(ImageRecord, data)
    if record.kind not in KINDS or math.prod(record.shape) >= LARGEST:
        raise DataError(f"Expected a type of numbers and fewer than 2^56 of them, found {record.kind[:20]!r}.")
    is_predicted = record.method == "predictor"
    planes = stack_shape(record.shape)[1] if is_predicted else 0
    if not len(record.sigmas) == len(record.codings) == planes:
        raise DataError(f"Expected noise and models of {planes} planes, found those of {len(record.codings)}.")
    codings = tuple(plane_coding(one, plane) for plane, one in enumerate(record.codings))
    plan = ImagePlan(
        tuple(record.shape), record.kind, record.method, tuple(record.sigmas), tuple(record.floors), codings
    )
    for one in codings:
        if one.grid.kind != "lossy" and (one.grid.kind == "integers") != (plan.native.kind != "f"):
            raise DataError(f"Expected {one.grid.kind} of another type, found {record.kind}.")
    return plan


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
    return len(predicted) <= len(packed_numbers(trial.tobytes(), trial.itemsize))


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
        return (partial(packed_numbers, flat[start : start + step].tobytes(), array.itemsize) for start in starts)
    stack, codings = array.reshape(stack_shape(array.shape)), list(plan.codings)
    jobs = plan.jobs
    return (partial(write_chunk, _native(taken(stack, tiles, a, b)), codings, plan.centred) for tiles, a, b in jobs)


def decoded(plan: ImagePlan, number: int, content: bytes) -> np.ndarray | Refusal:
    """The pixels of a chunk, as `place_chunk` takes them, or why it has none."""
    try:
        if plan.method == "lzma":
            start, stop = plan.extent(number)
            return unpacked_numbers(content, plan.kind, stop - start)
        return read_chunk(content, plan.chunk_shape(number), plan.native, list(plan.codings), plan.centred)
    except DataError as error:
        return Refusal(str(error))


def slabs(plan: ImagePlan) -> Iterator[tuple[range, int, int]]:
    """Numbers of chunks that are restored together, and the range of their pixels in the order of the array."""
    count, first, begin = plan.chunk_count(), 0, 0
    for number in range(count):
        end = plan.extent(number)[1]
        if number == count - 1 or (end < plan.pixels and (end - begin) * plan.native.itemsize >= SLAB):
            yield range(first, number + 1), begin, end
            first, begin = number + 1, end


def empty(plan: ImagePlan, begin: int, end: int) -> np.ndarray:
    """Room for a slab, which takes memory only when it is filled."""
    try:
        return np.zeros(end - begin, plan.kind)
    except MemoryError as error:
        size = (end - begin) * plan.native.itemsize >> 20
        raise DataError(
            f"Expected an image that fits in memory, found one of {size} MiB. Use another machine."
        ) from error


def place_chunk(slab: np.ndarray, begin: int, plan: ImagePlan, number: int, block: np.ndarray | None) -> None:
    """Put a decoded chunk, or NaN or 0 for one that is lost, into its slab, whose first pixel is `begin`."""
    unknown = np.array(np.nan if slab.dtype.kind == "f" else 0, slab.dtype)
    if plan.method == "lzma" or plan.centred:
        start, stop = plan.extent(number)
        values = unknown if block is None else (block if block.ndim == 1 else np.moveaxis(block, -1, 0)).reshape(-1)
        slab[start - begin : stop - begin] = values
        return
    tiles, start, _ = plan.jobs[number]
    values = np.broadcast_to(unknown, plan.chunk_shape(number)) if block is None else block
    put(slab.reshape(stack_shape(plan.shape)), tiles, start, values)
