"""Tiles of images: groups of equal shape that are coded together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

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
