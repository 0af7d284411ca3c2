"""The next plate as a table: the empty column that a lab fills names what is predicted."""

from sciencegen.api.reports.sites import plate_of
from sciencegen.domains.proteins import DOMAIN

PLATE = {
    "item": ["MKV", "MKL", "MAV"], "fitness": [None, float("nan"), ""], "predicted": [1.0, 2.0, 3.0],
    "lower": [0.0, 1.0, 2.0], "upper": [2.0, 3.0, 4.0],
}  # fmt: skip


def test_predictions_are_of_the_column_that_waits_for_values():
    shown = plate_of(DOMAIN, PLATE, None, 2)
    assert shown.items == ["MKV", "MKL"]
    assert shown.total == 3
    (column,) = [one for one in shown.columns if one.name == "predicted fitness"]
    assert (list(column.values), list(column.lower), list(column.upper)) == ([1.0, 2.0], [0.0, 1.0], [2.0, 3.0])


def test_a_plate_without_such_a_column_is_of_no_name():
    shown = plate_of(DOMAIN, {**PLATE, "fitness": [0.5, None, None]}, None, 9)
    assert {"fitness", "predicted"} <= {one.name for one in shown.columns}
