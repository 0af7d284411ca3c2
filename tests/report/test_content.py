"""Records of a report."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import CalibrationContent as Calibration
from sciencegen.report import LatentMapContent as LatentMap
from sciencegen.report import ReportContent, render_page
from sciencegen.report import StructureContent as Structures


def test_every_part_is_optional():
    assert "<section" not in render_page(ReportContent("Title"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Calibration("x", [1, 2], [1]),
        lambda: LatentMap([(0, 0)], labels=["a", "b"]),
        lambda: LatentMap([(0, 0)], [(0, 0)], values=[1.0, 2.0]),
        lambda: Structures(["a"], ["x", "y"]),
    ],
)
def test_parts_of_other_lengths_are_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()
