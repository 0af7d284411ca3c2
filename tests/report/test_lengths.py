"""Parts of a record fit together."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import CandidateContent as Candidates
from sciencegen.report import CurveContent as Curve
from sciencegen.report import Pareto
from sciencegen.report import TableColumn as Column
from sciencegen.report.content import ObjectiveContent


@pytest.mark.parametrize(
    "make",
    [
        lambda: Candidates(["a", "b"], [Column("x", [1])]),
        lambda: Candidates(["a", "b"], pictures=["<svg></svg>"]),
        lambda: Column("x", [1, 2], lower=[1]),
        lambda: Curve("c", [1, 2], [1]),
        lambda: Pareto(ObjectiveContent("a", "maximize"), ObjectiveContent("b", "maximize"), [(0, 1)], [True, False]),
    ],
)
def test_lengths_that_disagree_are_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()
