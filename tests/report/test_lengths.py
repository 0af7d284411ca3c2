"""Parts of a record fit together."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import sections
from sciencegen.report.content import CandidateContent, GoalAxis, SearchCurve, TableColumn
from sciencegen.report.page import render_page


@pytest.mark.parametrize(
    "make",
    [
        lambda: CandidateContent(["a", "b"], [TableColumn("x", [1])]),
        lambda: CandidateContent(["a", "b"], pictures=["<svg></svg>"]),
        lambda: TableColumn("x", [1, 2], lower=[1]),
        lambda: SearchCurve("c", [1, 2], [1]),
        lambda: sections.pareto(GoalAxis("a"), GoalAxis("b"), [(0, 1)], [True, False]),
        lambda: sections.latent_map([(0, 0)], labels=["a", "b"]),
        lambda: sections.latent_map([(0, 0)], [(0, 0)], values=[1.0, 2.0]),
    ],
)
def test_lengths_that_disagree_are_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()


def test_a_structure_belongs_to_each_name():
    with pytest.raises(ValueError, match="longer"):
        sections.structures(["a"], ["x", "y"])


def test_every_part_is_optional():
    assert "<section" not in render_page("Title", {})
