"""A stack that is coded pixel by pixel comes back, with and without masks."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import SIGMA_UNIT, shipped_network
from sciencegen.compression.planes import SCALE_BINS, PlaneModel, code_stack
from sciencegen.compression.symbols import Reader, Writer

CELLS = np.rint(np.cumsum(np.random.default_rng(0).normal(0, 9, (3, 7, 9, 5)), 2)).astype(np.int64)
BINS = np.arange(SCALE_BINS)


def nothing(*_: object) -> None:
    """Cells leave nothing open."""


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_stack_comes_back(masked: bool, centred: bool) -> None:
    masks = np.random.default_rng(1).random(CELLS.shape) < 0.2 if masked else None
    cells = CELLS if masks is None else np.where(masks, 0, CELLS)
    models = [PlaneModel(shipped_network(plane), (9 + plane) * SIGMA_UNIT, BINS, BINS % 4) for plane in range(3)]
    writer, back = Writer(), np.zeros_like(cells)
    code_stack(writer, cells.copy(), masks, models, True, nothing, centred)
    code_stack(Reader(writer.content()), back, masks, models, False, nothing, centred)
    assert np.array_equal(back, cells)
