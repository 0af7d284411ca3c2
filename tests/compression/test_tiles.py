"""Tiles cover each pixel of an image once."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.images import chunks, put, stack_shape, taken, tilings


@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 40), (96, 97), (128, 64), (130, 200)])
def test_tiles_cover_each_pixel_once(height: int, width: int) -> None:
    stack = np.arange(2 * 3 * height * width).reshape(2, 3, height, width)
    back = np.full_like(stack, -1)
    for tiles in tilings(height, width):
        for start, stop in chunks(2, 3, tiles):
            put(back, tiles, start, taken(stack, tiles, start, stop))
    assert np.array_equal(back, stack)
    assert sum(tiles.count(2) * tiles.height * tiles.width for tiles in tilings(height, width)) == 2 * height * width


@pytest.mark.parametrize("count", [1, 511, 512, 513, 5000])
def test_chunks_are_of_nearly_equal_size(count: int) -> None:
    (tiles,) = tilings(16, 16)
    ranges = list(chunks(count, 1, tiles))
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == count
    sizes = [stop - start for start, stop in ranges]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 512


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((30, 40), (1, 1, 30, 40)), ((4, 30, 40), (1, 4, 30, 40)), ((100, 30, 40), (100, 1, 30, 40)),
        ((7, 5, 30, 40), (7, 5, 30, 40)), ((7, 20, 30, 40), (140, 1, 30, 40)),
    ],
)  # fmt: skip
def test_few_planes_belong_to_one_image(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert stack_shape(shape) == expected
