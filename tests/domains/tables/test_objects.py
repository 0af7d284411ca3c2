"""Rows of tables from Python's and numpy's own values."""

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest

from sciencegen.domains.tables.files import OBJECTS
from sciencegen.domains.tables.rows import parse
from sciencegen.items import Refusal


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (np.int32(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (Decimal("1.5"), 1.5),
        (float("nan"), None),
        ("", None),
        (date(2024, 2, 3), "2024-02-03"),
        (np.datetime64("2024-02-03"), "2024-02-03"),
        (datetime(2024, 2, 3, 4), "2024-02-03T04:00:00"),
        ((1, 2), [1, 2]),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.array(["a"], object)[0], "a"),
    ],
    ids=repr,
)
def test_cells_become_those_of_files(cell, expected):
    assert parse(OBJECTS.text({"x": cell, "y": 1})) == {"x": expected, "y": 1}


@pytest.mark.parametrize(
    "cell",
    [object(), np.inf, np.array([np.inf]), [[1], [1, 2]], {"a": 1}, b"x", 1j],
    ids=lambda cell: type(cell).__name__,
)
def test_a_cell_that_is_none_is_refused_with_its_name(cell):
    found = parse(OBJECTS.text({"x": cell}))
    assert isinstance(found, Refusal)
    assert "'x'" in found.reason


def test_arrays_come_as_arrays():
    row = OBJECTS.of({"x": 1, "series": [0.5, None]})
    assert row["x"] == 1
    assert np.array_equal(row["series"], [0.5, np.nan], equal_nan=True)
