"""One chunk of tiles as bytes: exceptions, then the range coder's stream. A chunk is decoded without the others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from sciencegen.compression.grids import Grid, code_rest, exceptions, to_cells, to_values
from sciencegen.compression.network import EXPERT_STEP, shipped_network
from sciencegen.compression.planes import SCALE_BINS, Pixels, PlaneModel, code_stack
from sciencegen.compression.symbols import Coder, Reader, Writer
from sciencegen.items import Json


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


def plane_coding(data: Mapping[str, object], plane: int) -> PlaneCoding:
    """The inverse of `PlaneCoding.to_json`."""
    grid = dict(data["grid"])  # type: ignore[call-overload]
    network = shipped_network(plane)
    if data["experts"] is not None:
        network = network.with_changes(np.array(data["experts"], np.int64))
    sigma, sky = int(str(data["sigma"])), int(str(data["sky"]))
    scale, shape, shift = (np.array(data[name], np.int64) for name in ("scale", "shape", "shift"))
    model = PlaneModel(network, sigma, scale + np.arange(SCALE_BINS), shape, shift, sky)
    return PlaneCoding(Grid(**grid | {"step": float.fromhex(grid["step"])}), model)


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
    (length,) = struct.unpack_from("<I", content)
    masks, beside = None, np.empty(0, kind)
    if length:
        raw, count = zlib.decompress(content[4 : 4 + length]), -(-int(np.prod(shape)) // 8)
        masks = (
            np.unpackbits(np.frombuffer(raw[:count], np.uint8), count=int(np.prod(shape))).astype(bool).reshape(shape)
        )
        beside = np.frombuffer(raw[count:], kind.newbyteorder("<")).astype(kind)
    cells = np.zeros(shape, np.int64) if masks is None else np.where(masks, _sky_cells(codings), 0)
    rests = np.zeros(shape, np.int64)

    def rest(coder: Coder, plane: int, pixels: Pixels, chosen: np.ndarray | slice, found: np.ndarray) -> None:
        grid = codings[plane].grid
        if grid.has_rest:
            block = np.zeros((len(pixels[0]), shape[3]), np.int64)
            block.reshape(-1)[chosen] = code_rest(coder, None, found, grid, kind)
            rests[plane][pixels] = block

    code_stack(Reader(content[4 + length :]), cells, masks, [one.model for one in codings], False, rest, centred)
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
