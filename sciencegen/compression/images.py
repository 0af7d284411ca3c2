"""Arrays of images as a description and chunks, by the predictor or, where that is shorter, by a general compressor."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from sciencegen.compression.grids import (
    FARTHEST,
    NOISE_BITS,
    CellGrid,
    chosen_grid,
    code_rest,
    exceptions,
    noise_floor,
    noise_of,
    to_cells,
    to_values,
)
from sciencegen.compression.network import EXPERT_STEP, FRACTION, SIGMA_UNIT, shipped_network
from sciencegen.compression.planes import (
    SCALE_BINS,
    Coder,
    Pixels,
    PlaneModel,
    Reader,
    Writer,
    calibrated,
    cell_scale,
    code_stack,
    shapes,
    sky_level,
)
from sciencegen.compression.stream import PIECE, Record, packed_numbers, typed, unpacked_numbers, unzipped
from sciencegen.errors import DataError
from sciencegen.items import ImagePart, Json, Part, Refusal

# One chunk of tiles as bytes: exceptions, then the range coder's stream. A chunk is decoded without the others.

MOST_PIXELS = 1 << 17
"""Pixels that a byte of a chunk may stand for: the most probable symbol takes 1 / 11,000 of a bit."""


def _step(text: str) -> str:
    if not 0 < float.fromhex(text) < math.inf:
        raise ValueError("Expected a finite positive number")
    return text


def _shape(number: int) -> int:
    if not 0 <= number < shapes():
        raise ValueError("Expected the number of a shape")
    return number


Step = Annotated[str, Field(max_length=30), AfterValidator(_step)]
Small = Annotated[int, Field(gt=-(1 << 20), lt=1 << 20)]
Exact = Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]
BINS = Field(min_length=SCALE_BINS, max_length=SCALE_BINS)


class GridRecord(Record):
    """A `Grid`, with its step in hexadecimal digits."""

    kind: Literal["integers", "multiples", "floats", "lossy"]
    step: Step
    offset: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    shift: Annotated[int, Field(ge=0, le=62)]
    zeros: bool


class CodingRecord(Record):
    """A `PlaneCoding`."""

    grid: GridRecord
    sigma: Annotated[int, Field(gt=0, le=10**300)]
    sky: Annotated[int, Field(ge=-(1 << 62), lt=1 << 62)]
    scale: Annotated[list[Small], BINS]
    shape: Annotated[list[Annotated[int, AfterValidator(_shape)]], BINS]
    shift: Annotated[list[Exact], BINS]
    experts: list[list[Small]] | None


@dataclass(frozen=True)
class PlaneCoding:
    """The grid of a plane, and the model that predicts its cells."""

    grid: CellGrid
    model: PlaneModel

    def to_json(self, plane: int) -> Json:
        """Experts are stored as what was added to the shipped ones, if anything."""
        model = self.model
        changes = (model.network.experts - shipped_network(plane).experts) / EXPERT_STEP
        return {
            "grid": asdict(self.grid) | {"step": self.grid.step.hex()},
            "sigma": model.sigma,
            "sky": model.sky,
            "scale": (model.scale - np.arange(SCALE_BINS)).tolist(),
            "shape": model.shape.tolist(),
            "shift": model.shift.tolist(),
            "experts": changes.astype(np.int64).tolist() if changes.any() else None,
        }


def _grid(record: GridRecord) -> CellGrid:
    return CellGrid(**record.model_dump() | {"step": float.fromhex(record.step)})


def plane_coding(data: object, plane: int) -> PlaneCoding:
    """The inverse of `PlaneCoding.to_json`."""
    record, network = typed(CodingRecord, data), shipped_network(plane)
    if record.experts is not None:
        rows, inputs = network.experts.shape
        if [len(row) for row in record.experts] != [inputs] * rows:
            raise DataError(f"Expected {rows} experts of {inputs} weights, found others.")
        network = network.with_changes(np.array(record.experts, np.int64))
    grid = _grid(record.grid)
    scale, shape, shift = (np.array(one, np.int64) for one in (record.scale, record.shape, record.shift))
    model = PlaneModel(network, record.sigma, scale + np.arange(SCALE_BINS), shape, shift, record.sky)
    return PlaneCoding(grid, model)


class LikeRecord(Record):
    """A `PlaneCoding` with the model of another image's plane, for other noise. by: added to its scales."""

    grid: GridRecord
    sigma: Annotated[int, Field(gt=0, le=10**300)]
    sky: Annotated[int, Field(ge=-(1 << 62), lt=1 << 62)]
    by: Small


def like(base: PlaneCoding, grid: CellGrid, sigma: int, sky: int, by: int) -> PlaneCoding:
    """A plane that is predicted as another one, with this noise and sky."""
    model = base.model
    shift = np.array([int(one) * sigma // model.sigma for one in model.shift.tolist()], np.int64)
    return PlaneCoding(grid, replace(model, sigma=sigma, sky=sky, scale=model.scale + by, shift=shift))


def write_chunk(values: np.ndarray, codings: list[PlaneCoding], centred: bool) -> bytes:
    """Code tiles [plane y x tile]. centred: as in `code_stack`."""
    masks = np.stack([exceptions(plane, one.grid) for plane, one in zip(values, codings, strict=True)])
    parts = [to_cells(plane, one.grid) for plane, one in zip(values, codings, strict=True)]
    cells = np.where(masks, _sky_cells(codings), np.stack([part[0] for part in parts]))
    writer = Writer()

    def rest(coder: Coder, plane: int, pixels: Pixels, chosen: np.ndarray | slice, found: np.ndarray) -> None:
        given, grid = parts[plane][1], codings[plane].grid
        if given is not None and grid.has_rest:
            code_rest(coder, given[pixels].reshape(-1)[chosen], found, grid, values.dtype)

    code_stack(writer, cells, masks if masks.any() else None, [one.model for one in codings], True, rest, centred)
    beside = b""
    if masks.any():
        masked = values[masks].astype(values.dtype.newbyteorder("<"), copy=False)
        beside = zlib.compress(np.packbits(masks).tobytes() + masked.tobytes(), 6)
    return struct.pack("<I", len(beside)) + beside + writer.content()


def read_chunk(
    content: bytes, shape: tuple[int, int, int, int], kind: np.dtype, codings: list[PlaneCoding], centred: bool
) -> np.ndarray:
    """The inverse of `write_chunk`."""
    length, pixels = int.from_bytes(content[:4], "little"), math.prod(shape)
    if len(content) < 4 + length or (len(content) - length) % 4 or pixels > MOST_PIXELS * len(content):
        raise DataError(f"Expected a chunk of {pixels} pixels, found {len(content)} bytes that can't hold them.")
    masks, beside = None, np.empty(0, kind)
    if length:
        count = -(-pixels // 8)
        raw = unzipped(content[4 : 4 + length], count + pixels * kind.itemsize)
        masks = np.unpackbits(np.frombuffer(raw[:count], np.uint8), count=pixels).astype(bool).reshape(shape)
        if len(raw) != count + np.count_nonzero(masks) * kind.itemsize:
            raise DataError("Expected the bits of each pixel without a cell in a chunk, found more or fewer.")
        beside = np.frombuffer(raw[count:], kind.newbyteorder("<")).astype(kind)
    with np.errstate(all="ignore"):  # numbers that no writer makes wrap around
        return _read_cells(Reader(content[4 + length :]), shape, kind, codings, centred, masks, beside)


def _read_cells(
    reader: Reader, shape: tuple[int, int, int, int], kind: np.dtype, codings: list[PlaneCoding], centred: bool,
    masks: np.ndarray | None, beside: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Pixels with a cell from the range coder, and the others from `beside`."""
    cells = np.zeros(shape, np.int64) if masks is None else np.where(masks, _sky_cells(codings), 0)
    rests = np.zeros(shape, np.int64)

    def rest(coder: Coder, plane: int, pixels: Pixels, chosen: np.ndarray | slice, found: np.ndarray) -> None:
        grid = codings[plane].grid
        if grid.has_rest:
            block = np.zeros((len(pixels[0]), shape[3]), np.int64)
            block.reshape(-1)[chosen] = code_rest(coder, None, found, grid, kind)
            rests[plane][pixels] = block

    code_stack(reader, cells, masks, [one.model for one in codings], False, rest, centred)
    values = np.stack([
        to_values(cells[plane], rests[plane], one.grid, kind) for plane, one in enumerate(codings)
    ])  # fmt: skip
    if masks is not None:
        values[masks] = beside
    return values


def _sky_cells(codings: list[PlaneCoding]) -> np.ndarray:
    """[plane 1 1 1]: the cells of pixels that have none."""
    return np.array([one.model.sky_cell for one in codings])[:, None, None, None]


# Tiles of images: groups of equal shape that are coded together.

WHOLE = 96
"""Largest side of an image that is one tile."""
SIDE = 64
MOST_PLANES = 8
"""Largest number of planes of one image that are predicted from each other."""
CHUNK = 512
"""Tiles that are coded together."""
CHUNK_PIXELS = 1 << 23


@dataclass(frozen=True)
class Tiles:
    """Tiles of one shape: their first rows and columns in the image, and their sides."""

    rows: range
    columns: range
    height: int
    width: int

    def count(self, images: int) -> int:
        return images * len(self.rows) * len(self.columns)


def stack_shape(shape: Sequence[int]) -> tuple[int, int, int, int]:
    """[image plane y x] of an array of images: of three sides the first counts planes, above MOST_PLANES images."""
    *outer, height, width = shape
    if len(outer) == 0:
        return 1, 1, height, width
    if len(outer) == 1:
        return (1, outer[0], height, width) if outer[0] <= MOST_PLANES else (outer[0], 1, height, width)
    planes = outer[-1] if outer[-1] <= MOST_PLANES else 1
    return math.prod(outer) // max(planes, 1), planes, height, width


def _cuts(length: int) -> list[tuple[range, int]]:
    """Starts of the tiles along one side, by length."""
    if length <= WHOLE:
        return [(range(1), length)]
    starts = range(0, length - SIDE + 1, SIDE)
    rest = length - len(starts) * SIDE
    return [(starts, SIDE), *([(range(length - rest, length, rest), rest)] if rest else [])]


def tilings(height: int, width: int) -> list[Tiles]:
    """The groups of tiles that cover an image."""
    return [Tiles(rows, columns, y, x) for rows, y in _cuts(height) for columns, x in _cuts(width)]


def chunk_count(images: int, planes: int, tiles: Tiles) -> int:
    """Number of the chunks of tiles."""
    size = max(1, min(CHUNK, CHUNK_PIXELS // max(planes * tiles.height * tiles.width, 1)))
    return -(-tiles.count(images) // size)


def chunks(images: int, planes: int, tiles: Tiles) -> Iterator[tuple[int, int]]:
    """Ranges of the tiles that are coded together."""
    count, parts = tiles.count(images), chunk_count(images, planes, tiles)
    for part in range(parts):  # of nearly equal size
        yield count * part // parts, count * (part + 1) // parts


def _place(tiles: Tiles, number: int) -> tuple[int, slice, slice]:
    image, rest = divmod(number, len(tiles.rows) * len(tiles.columns))
    row, column = divmod(rest, len(tiles.columns))
    top, left = tiles.rows[row], tiles.columns[column]
    return image, slice(top, top + tiles.height), slice(left, left + tiles.width)


def taken(stack: np.ndarray, tiles: Tiles, start: int, stop: int) -> np.ndarray:
    """Tiles [plane y x tile] of a stack [image plane y x]."""
    found = []
    for number in range(start, stop):
        image, rows, columns = _place(tiles, number)
        found.append(stack[image, :, rows, columns])
    return np.stack(found, -1)


def put(stack: np.ndarray, tiles: Tiles, start: int, block: np.ndarray) -> None:
    """The inverse of `taken`."""
    for number in range(block.shape[-1]):
        image, rows, columns = _place(tiles, start + number)
        stack[image, :, rows, columns] = block[..., number]


LEARN_FROM = 1000
"""Tiles that the predictor is fitted to."""
FEWEST = 1024
"""Pixels of an array that the predictor is tried on."""
TRIAL = 64
"""Tiles on which the methods are compared."""
WHOLE_TRIAL = 1 << 18
"""Pixels on which a code with loss is compared with those without."""
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
    unit. floors: its bits per pixel. like: number of the block of the image whose models are taken, 0 for its own;
    steps: what is then added to the scales of each plane."""

    shape: tuple[int, ...]
    kind: str
    method: Literal["predictor", "lzma"]
    sigmas: tuple[float, ...] = ()
    floors: tuple[float, ...] = ()
    codings: tuple[PlaneCoding, ...] = ()
    like: int = 0
    steps: tuple[int, ...] = ()

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
        if self.like:
            codings = [
                {name: one[name] for name in ("grid", "sigma", "sky")} | {"by": by}
                for one, by in zip(codings, self.steps, strict=True)
            ]
        sigmas = [float(one) for one in self.sigmas]
        return {"shape": list(self.shape), "kind": self.kind, "method": self.method, "sigmas": sigmas,
                "floors": list(self.floors),
                "codings": codings, **({"like": self.like} if self.like else {})}  # fmt: skip


class ImageRecord(Record):
    """An `ImagePlan`."""

    shape: Annotated[list[Annotated[int, Field(ge=1, lt=1 << 48)]], Field(min_length=2, max_length=32)]
    kind: str
    method: Literal["predictor", "lzma"]
    sigmas: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    floors: list[float]
    codings: Annotated[list[object], Field(max_length=MOST_PLANES)]
    like: Annotated[int, Field(ge=0, lt=1 << 48)] = 0


def image_plan(data: object, others: Mapping[int, ImagePlan] | None = None) -> ImagePlan:
    """The inverse of `ImagePlan.to_json`. others: earlier images by the number of their block."""
    record = typed(ImageRecord, data)
    if record.kind not in KINDS or math.prod(record.shape) >= LARGEST:
        raise DataError(f"Expected a type of numbers and fewer than 2^56 of them, found {record.kind[:20]!r}.")
    is_predicted = record.method == "predictor"
    planes = stack_shape(record.shape)[1] if is_predicted else 0
    if not len(record.sigmas) == len(record.codings) == planes:
        raise DataError(f"Expected noise and models of {planes} planes, found those of {len(record.codings)}.")
    steps: tuple[int, ...] = ()
    if record.like:
        base = (others or {}).get(record.like)
        if base is None or len(base.codings) != planes:
            raise DataError(f"Expected the models of the image in block {record.like}, which is damaged or missing.")
        found = [typed(LikeRecord, one) for one in record.codings]
        steps = tuple(one.by for one in found)
        codings = tuple(
            like(own, _grid(one.grid), one.sigma, one.sky, one.by) for own, one in zip(base.codings, found, strict=True)
        )
    else:
        codings = tuple(plane_coding(one, plane) for plane, one in enumerate(record.codings))
    plan = ImagePlan(
        tuple(record.shape), record.kind, record.method, tuple(record.sigmas), tuple(record.floors), codings,
        record.like, steps,
    )  # fmt: skip
    for one in codings:
        if one.grid.kind != "lossy" and (one.grid.kind == "integers") != (plan.native.kind != "f"):
            raise DataError(f"Expected {one.grid.kind} of another type, found {record.kind}.")
    return plan


def _floor(values: np.ndarray, sigma: float, grid: CellGrid) -> float:
    """Bits of a pixel's noise. Of floats: log2 sigma sqrt(2 pi e) minus the mean log2 of the distance of two floats."""
    if grid.kind != "floats":
        return noise_floor(sigma / (1.0 if grid.kind == "integers" else grid.step))
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return math.log2(sigma) + NOISE_BITS - float(np.log2(np.spacing(sizes).astype(np.float64)).mean()) - grid.shift


def is_image(array: np.ndarray) -> bool:
    """Whether an array is coded as images."""
    kind = array.dtype.kind in "iuf" and array.dtype.itemsize <= 8
    return kind and array.ndim >= 2 and array.size > 0


@dataclass
class SharedModels:
    """Models of the planes of images of one kind but different sizes. number: of the block of the image that has them,
    0 until it is written."""

    models: tuple[PlaneModel, ...]
    number: int = 0


Kind = tuple[str, int, bool]
"""Type of numbers, planes, and whether an image may lose anything: images of one kind share their models."""
FEWEST_ALIKE = 4
"""Images of one kind that share models."""
SMALLEST = 8
"""Sides of images that shared models predict; those of their own take more bits than they save in so few pixels."""
SMALLER = 0.25
"""Share of the images that are smaller than those that shared models are fitted to, by their middles."""


def kind_of(part: ImagePart, lossy: Lossy | None) -> Kind | None:
    """The kind of an image that is one tile; None for others."""
    images, planes, *_ = stack_shape(part.array.shape)
    is_tile = images == 1 and max(part.array.shape[-2:]) <= WHOLE and min(part.array.shape[-2:]) >= SMALLEST
    return (part.array.dtype.str, planes, lossy is None or part.exact) if is_tile else None


def shared_models(parts: Iterable[Part], lossy: Lossy | None) -> dict[Kind, SharedModels]:
    """The models of each kind of image of a file, where there are several, fitted to their middles in one size."""
    groups: dict[Kind, list[np.ndarray]] = {}
    for part in parts:
        if not isinstance(part, ImagePart):
            continue
        for kind in {kind_of(part, how) for how in (None, lossy)}:
            if kind and len(groups.setdefault(kind, [])) < LEARN_FROM and _can_predict(part.array):
                groups[kind].append(_native(part.array).reshape(stack_shape(part.array.shape))[0])
    found = {kind: _fitted_to_all(group, None if kind[2] else lossy) for kind, group in groups.items()
             if len(group) >= FEWEST_ALIKE and len({one.shape for one in group}) > 1}  # fmt: skip
    return {kind: SharedModels(models) for kind, models in found.items() if models}


def _fitted_to_all(images: Sequence[np.ndarray], lossy: Lossy | None) -> tuple[PlaneModel, ...]:
    """images: [plane y x] each. () if they can't be predicted."""
    height, width = (round(float(np.quantile([one.shape[axis] for one in images], SMALLER))) for axis in (1, 2))
    cells, widths = [], []
    for one in images:
        top, left = (one.shape[1] - height) // 2, (one.shape[2] - width) // 2
        if min(top, left) < 0 or (ready := _gridded(one[..., None], lossy, True)) is None:
            continue
        _, _, _, own, sigmas, masks = ready
        skies = [sky_level(plane, sigma) for plane, sigma in zip(own, sigmas, strict=True)]
        level = np.array([sky // FRACTION for sky in skies])[:, None, None, None]
        cells.append((np.where(masks, level, own) - level)[:, top : top + height, left : left + width])
        widths.append(sigmas)
    if len(cells) < FEWEST_ALIKE:
        return ()
    stack, sigma = np.concatenate(cells, 3), [int(one) for one in np.median(widths, 0)]
    return tuple(calibrated(stack, sigma, True, sum(one[0].size for one in images)))


def planned_like(
    part: ImagePart, lossy: Lossy | None, shared: Mapping[Kind, SharedModels]
) -> tuple[ImagePlan, SharedModels] | None:
    """The shortest plan of one image with shared models, and these; None if there are none, it can't be predicted, or a
    general compressor is shorter."""
    array, found = part.array, list[tuple[ImagePlan, SharedModels]]()
    stack = _native(array).reshape(stack_shape(array.shape))
    sample = taken(stack, tilings(*stack.shape[2:])[0], 0, 1)
    for how in dict.fromkeys((None, None if part.exact else lossy)):
        kind = kind_of(part, how)
        models = None if kind is None else shared.get(kind)
        if models is not None and (ready := _gridded(sample, how, True)) is not None:
            found.append((_like(array, ready, models), models))
    general = ImagePlan(array.shape, array.dtype.str, "lzma")
    plan = _shortest([*(one for one, _ in found), general], sample) if found else general
    return next((pair for pair in found if pair[0] is plan), None)


def _like(array: np.ndarray, ready: tuple[Any, ...], shared: SharedModels) -> ImagePlan:
    sigmas, grids, floors, cells, widths, _ = ready
    steps = [cell_scale(width) - cell_scale(model.sigma) for width, model in zip(widths, shared.models, strict=True)]
    codings = tuple(
        like(PlaneCoding(grid, model), grid, width, sky_level(plane, width), by)
        for grid, model, width, plane, by in zip(grids, shared.models, widths, cells, steps, strict=True)
    )
    own = (shared.number, tuple(steps)) if shared.number else (0, ())
    return ImagePlan(array.shape, array.dtype.str, "predictor", sigmas, floors, codings, *own)


def _gridded(sample: np.ndarray, lossy: Lossy | None, centred: bool) -> tuple[Any, ...] | None:
    """Of tiles [plane y x tile]: noise, grids, bits of the noise, cells, noise in cells, and pixels without a cell;
    None if the noise is unknown."""
    sigmas = [noise_of(np.moveaxis(plane, -1, 0)) for plane in (_edges(sample) if centred else sample)]
    if lossy is not None and lossy.noise is not None:
        sigmas = [lossy.noise] * len(sigmas)
    if not all(0 < one < np.inf for one in sigmas):
        return None
    grids = [
        chosen_grid(plane, sigma, None if lossy is None else sigma / lossy.quantize)
        for plane, sigma in zip(sample, sigmas, strict=True)
    ]
    floors = tuple(_floor(*one) for one in zip(sample, sigmas, grids, strict=True))
    return tuple(sigmas), grids, floors, *_cells_of(sample, sigmas, grids)


def planned(array: np.ndarray, lossy: Lossy | None) -> ImagePlan:
    """Choose the method and fit the predictor to the first tiles of an array of images. Where a code with loss isn't
    shorter, nothing is lost."""
    general = ImagePlan(array.shape, array.dtype.str, "lzma")
    if array.size < FEWEST:
        return general
    stack = array.reshape(stack_shape(array.shape))
    tiles = tilings(*stack.shape[2:])[0]
    total = tiles.count(len(stack))
    sample = _native(taken(stack, tiles, 0, min(LEARN_FROM, total)))
    plans = [general]
    for how in (lossy, None):  # the last is the first with equal lengths
        if all(one.largest_error() is not None for one in plans[1:]) and _can_predict(array):
            plans = [*plans, *_predicted(array, sample, how)]
    return _shortest(plans[::-1], sample)


def _predicted(array: np.ndarray, sample: np.ndarray, lossy: Lossy | None) -> list[ImagePlan]:
    """The plan by a predictor that is fitted to these tiles; none if the noise is unknown."""
    bare = ImagePlan(array.shape, array.dtype.str, "predictor")
    if (ready := _gridded(sample, lossy, bare.centred)) is None:
        return []
    sigmas, grids, floors, cells, widths, _ = ready
    models = calibrated(cells, widths, bare.centred, array.size // len(sample))
    codings = tuple(PlaneCoding(grid, model) for grid, model in zip(grids, models, strict=True))
    return [replace(bare, sigmas=sigmas, floors=floors, codings=codings)]


def _shortest(plans: Sequence[ImagePlan], sample: np.ndarray) -> ImagePlan:
    """The plan that takes fewest bytes for the middle rows of some tiles; where something may be lost, for the first
    tiles, which are all of a small image."""
    rows = max(sample.shape[1] // 8, 1)
    start = (sample.shape[1] - rows) // 2
    trial = sample[:, start : start + rows, :, :TRIAL]
    if any(plan.largest_error() is not None for plan in plans):
        trial = sample[..., : max(WHOLE_TRIAL // sample[..., 0].size, 1)]

    def length(plan: ImagePlan) -> int:
        if plan.method == "lzma":
            return len(packed_numbers(trial.tobytes(), trial.itemsize))
        return len(write_chunk(trial, list(plan.codings), False))

    return min(plans, key=length)


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


def _cells_of(
    sample: np.ndarray, sigmas: Sequence[float], grids: Sequence[CellGrid]
) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Cells, noise in cells, and pixels without a cell, which have the median."""
    masks = np.stack([exceptions(plane, grid) for plane, grid in zip(sample, grids, strict=True)])
    cells = np.stack([to_cells(plane, grid)[0] for plane, grid in zip(sample, grids, strict=True)])
    rounding = 1 / math.sqrt(12)  # standard deviation in cells
    widths = [round(SIGMA_UNIT * math.hypot(s / g.step, rounding)) for s, g in zip(sigmas, grids, strict=True)]
    for plane, mask in zip(cells, masks, strict=True):
        if mask.any():
            plane[mask] = 0 if mask.all() else int(np.median(plane[~mask]))
    return cells, widths, masks


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
