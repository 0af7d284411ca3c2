"""Statistics of columns with gaps, batch after batch."""

import numpy as np
import pytest

from sciencegen.data.statistics import ColumnStatistics


def test_statistics_in_pieces_agree_with_the_whole():
    values = np.random.default_rng(1).normal(1e4, 1, (1000, 3))
    values[::7, 1] = np.nan
    values[:, 2] = np.nan
    statistics = ColumnStatistics.empty(3)
    for piece in np.split(values, [0, 1, 1, 400]):
        statistics = statistics.add(piece)
    found = statistics.describe(("a", "b", "c"))
    assert found["a"]["mean"] == pytest.approx(values[:, 0].mean(), rel=1e-12)
    assert found["b"]["std"] == pytest.approx(np.nanstd(values[:, 1]), rel=1e-9)
    assert (found["b"]["min"], found["b"]["count"]) == (np.nanmin(values[:, 1]), np.isfinite(values[:, 1]).sum())
    assert found["c"] == {"count": 0, "mean": None, "std": None, "min": None, "max": None}
