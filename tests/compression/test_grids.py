"""Values become cells and come back, and a lossy grid errs by half of its step at most."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.grids import ROUNDING, CellGrid, chosen_grid, exceptions, to_cells, to_values

NOISE = np.random.default_rng(0).normal(size=2000)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.rint(NOISE * 9).astype(np.int32), "integers"),
        (NOISE.astype(np.float32), "floats"),
        (np.float32(0.37) * (np.rint(NOISE * 9) + 0).astype(np.float32), "multiples"),
        (NOISE.astype(np.float16), "floats"),
    ],
)
def test_values_come_back(values: np.ndarray, kind: str) -> None:
    grid = chosen_grid(values, float(values.std()), None)
    cells, rest = to_cells(values, grid)
    back = to_values(cells, rest, grid, values.dtype)
    kept = ~exceptions(values, grid)
    assert grid.kind == kind
    assert kept.mean() > 0.99
    assert np.array_equal(back[kept], values[kept])


@pytest.mark.parametrize("step", [0.01, 0.3, 2.0])
def test_lossy_grid_errs_by_half_a_step(step: float) -> None:
    grid = chosen_grid(NOISE, 1.0, step)
    error = to_values(to_cells(NOISE, grid)[0], None, grid, NOISE.dtype) - NOISE
    assert grid.kind == "lossy"
    assert np.abs(error).max() <= step / 2 * (1 + 1e-9)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(step / np.sqrt(12), rel=0.1)  # uniform


def test_integers_with_a_step_of_one_lose_nothing() -> None:
    assert chosen_grid(np.arange(9), 1.0, 0.5).kind == "integers"


def test_what_has_no_cell_is_an_exception() -> None:
    values = np.array([1.0, np.nan, np.inf, -np.inf, 1e30])
    assert exceptions(values, CellGrid("lossy", 0.5)).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize(("kind", "sky", "scale"), [("f2", 0.0, 10.0), ("f2", 6e4, 2e3), ("f4", 1e6, 1.0)])
def test_the_rounding_of_coarse_floats_keeps_the_largest_error(kind, sky, scale):
    wide = sky + scale * np.random.default_rng(0).normal(size=8000)
    values = wide[np.abs(wide) < np.finfo(kind).max].astype(kind)
    values[:20] *= 100 if sky == 0 else 1
    grid = chosen_grid(values, scale, scale / 16)
    kept = exceptions(values, grid)
    again = to_values(*to_cells(values, grid), grid, values.dtype)
    assert grid.kind == "lossy" or (again == values)[~kept].all()
    errors = np.abs(again.astype(np.float64) - values.astype(np.float64))[~kept]
    assert errors.max(initial=0.0) <= (0.5 + ROUNDING) * scale / 16
