"""Records of charts."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report.content import Axis, Chart

OPEN, CLOSED = Axis("a"), Axis("b", low=0, high=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis("a", periodic=True), "both ends of the periodic"),
        (lambda: Axis("a", low=0, periodic=True), "both ends of the periodic"),
        (lambda: Chart("t", OPEN, CLOSED, [], contours=True), "both ends of both axes"),
        (lambda: Chart("t", OPEN, OPEN, [(0, 0)], labels=["a", "b"]), "Expected 1 entries"),
    ],
)
def test_incomplete_records_are_refused(make, message):
    with pytest.raises(ShapeError, match=message):
        make()


def test_a_chart_needs_neither_ends_nor_labels_without_contours():
    assert Chart("t", OPEN, CLOSED, [(0, 0)]).labels == ()
