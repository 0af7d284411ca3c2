"""Parts of a record fit together."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import CandidateContent, CurveContent, Pareto, TableColumn
from sciencegen.report.content import ObjectiveContent


@pytest.mark.parametrize(
    "make",
    [
        lambda: CandidateContent(["a", "b"], [TableColumn("x", [1])]),
        lambda: CandidateContent(["a", "b"], pictures=["<svg></svg>"]),
        lambda: TableColumn("x", [1, 2], lower=[1]),
        lambda: CurveContent("c", [1, 2], [1]),
        lambda: Pareto(ObjectiveContent("a", "maximize"), ObjectiveContent("b", "maximize"), [(0, 1)], [True, False]),
    ],
)
def test_lengths_that_disagree_are_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()
