"""Evenly spaced rows hold both ends."""

import numpy as np
import pytest

from sciencegen.data.statistics import evenly_spaced


@pytest.mark.parametrize(("count", "most"), [(0, 3), (1, 3), (5, 10), (100, 7), (1000, 1)])
def test_rows_are_distinct_in_order_and_no_more_than_asked(count, most):
    rows = evenly_spaced(count, most)
    assert len(rows) == min(count, most)
    assert (np.diff(rows) > 0).all()
    if count and most > 1:
        assert (rows[0], rows[-1]) == (0, count - 1)
        assert len(rows) < 2 or np.ptp(np.diff(rows)) <= 1
