"""Records of a report."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import CalibrationContent, LatentMapContent, ReportContent, StructureContent, render_page


def test_every_part_is_optional():
    assert "<section" not in render_page(ReportContent("Title"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: CalibrationContent("x", [1, 2], [1]),
        lambda: LatentMapContent([(0, 0)], labels=["a", "b"]),
        lambda: LatentMapContent([(0, 0)], [(0, 0)], values=[1.0, 2.0]),
        lambda: StructureContent(["a"], ["x", "y"]),
    ],
)
def test_parts_of_other_lengths_are_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()
