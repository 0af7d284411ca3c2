"""The section of charts: a panel, a legend and words for each."""

from dataclasses import replace

from sciencegen.report.content import Axis, Chart, Line
from sciencegen.report.sections import charts
from tests.report.example import chart

X, Y = Axis("residues"), Axis("radius", "Å")


def test_without_charts_there_is_no_section():
    assert charts([]) == ""


def test_contours_are_explained_with_the_shares_inside():
    page = charts([chart()])
    assert "training set: contours hold 50, 90, 98 %" in page
    assert "Points inside the contour of 98 %: draws " in page
    assert " %, candidates " in page
    assert "Of all parts." in page


def test_the_legend_names_what_is_there():
    record = Chart("A <b>", X, Y, [(1, 1)], [(0, 0)], [], ["a"], line=Line("a law", [(0, 0), (1, 1)]))
    page = charts([record])
    assert "A &lt;b&gt;" in page
    assert all(text in page for text in ("training set", "candidates", "a law"))
    assert "draws of the model" not in page
    assert "contours" not in page
    assert "a law" not in charts([replace(record, line=None)])
