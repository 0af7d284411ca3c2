"""A stack that is coded pixel by pixel comes back, with and without masks."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import SIGMA_UNIT, shipped_network
from sciencegen.compression.planes import SCALE_BINS, CausalPixels, PlaneModel, Reader, Writer, code_stack, waves

CELLS = np.rint(np.cumsum(np.random.default_rng(0).normal(0, 9, (3, 7, 9, 5)), 2)).astype(np.int64)
BINS = np.arange(SCALE_BINS)


def nothing(*_: object) -> None:
    """Cells leave nothing open."""


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (40, 40), (3, 64), (64, 2)])
def test_waves_hold_each_pixel_once_after_its_neighbours(shape: tuple[int, int]) -> None:
    number = np.full(shape, -1)
    for wave, pixels in enumerate(waves(*shape)):
        assert (number[pixels] == -1).all()
        number[pixels] = wave
    for dy, dx in shipped_network(0).own:
        for y, x in np.ndindex(shape):
            if 0 <= y + dy < shape[0] and 0 <= x + dx < shape[1]:
                assert 0 <= number[y + dy, x + dx] < number[y, x]


@pytest.mark.parametrize("shape", [(6, 6), (11, 11), (4, 30), (30, 4)])
@pytest.mark.parametrize("centred", [False, True])
def test_pixels_see_only_earlier_ones(shape: tuple[int, int], centred: bool) -> None:
    """Also around their mirror image, which is seen in stamps alone."""
    network = shipped_network(0)
    full, part = (CausalPixels((1, *shape, 1), centred) for _ in range(2))
    every = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    full.start(0, SIGMA_UNIT, network)
    part.start(0, SIGMA_UNIT, network)
    full.put(full.rows(0, every), np.ones((len(every[0]), 1), np.int64), SIGMA_UNIT, 0)
    mirrored = 0.0
    for pixels in waves(*shape):
        values, _ = part.around(0, pixels)
        assert np.array_equal(values, full.around(0, pixels)[0])
        mirrored += values[len(network.own) :].sum()
        part.put(part.rows(0, pixels), np.ones((len(pixels[0]), 1), np.int64), SIGMA_UNIT, 0)
    assert (mirrored > 0) == centred


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_stack_comes_back(masked: bool, centred: bool) -> None:
    masks = np.random.default_rng(1).random(CELLS.shape) < 0.2 if masked else None
    cells = CELLS if masks is None else np.where(masks, 0, CELLS)
    fitted = BINS, BINS % 4, BINS - 40
    models = [PlaneModel(shipped_network(plane), (9 + plane) * SIGMA_UNIT, *fitted) for plane in range(3)]
    writer, back = Writer(), np.zeros_like(cells)
    code_stack(writer, cells.copy(), masks, models, True, nothing, centred)
    code_stack(Reader(writer.content()), back, masks, models, False, nothing, centred)
    assert np.array_equal(back, cells)
    turned, again = cells.transpose(0, 3, 2, 1).copy().transpose(0, 3, 2, 1), Writer()
    code_stack(again, turned, masks, models, True, nothing, centred)
    assert again.content() == writer.content()
