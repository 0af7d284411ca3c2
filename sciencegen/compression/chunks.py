"""One chunk of tiles as bytes: exceptions, then the range coder's stream. A chunk is decoded without the others."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from sciencegen.compression.distribution import shapes
from sciencegen.compression.grids import Grid, code_rest, exceptions, to_cells, to_values
from sciencegen.compression.network import EXPERT_STEP, shipped_network
from sciencegen.compression.packing import unzipped
from sciencegen.compression.planes import SCALE_BINS, Pixels, PlaneModel, code_stack
from sciencegen.compression.stream import Record, typed
from sciencegen.compression.symbols import Coder, Reader, Writer
from sciencegen.errors import DataError
from sciencegen.items import Json

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

    grid: Grid
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


def plane_coding(data: object, plane: int) -> PlaneCoding:
    """The inverse of `PlaneCoding.to_json`."""
    record, network = typed(CodingRecord, data), shipped_network(plane)
    if record.experts is not None:
        rows, inputs = network.experts.shape
        if [len(row) for row in record.experts] != [inputs] * rows:
            raise DataError(f"Expected {rows} experts of {inputs} weights, found others.")
        network = network.with_changes(np.array(record.experts, np.int64))
    grid = Grid(**record.grid.model_dump() | {"step": float.fromhex(record.grid.step)})
    scale, shape, shift = (np.array(one, np.int64) for one in (record.scale, record.shape, record.shift))
    model = PlaneModel(network, record.sigma, scale + np.arange(SCALE_BINS), shape, shift, record.sky)
    return PlaneCoding(grid, model)


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
        beside = zlib.compress(np.packbits(masks).tobytes() + _little(values[masks]).tobytes(), 6)
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


def _little(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)
