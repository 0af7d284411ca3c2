"""Records of letters at sites."""

from dataclasses import replace

import pytest

from sciencegen.errors import ShapeError
from tests.report.example_sites import heat_map as record
from tests.report.example_sites import logo as logo_record


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(record(4), values=[[1.0]]),
        lambda: replace(record(4), values=[[1.0]] * 3),
        lambda: replace(record(4), reference="AB"),
        lambda: replace(logo_record(4), counts={"g": [[1, 2, 3]]}),
        lambda: replace(logo_record(4), counts={"g": [[1, 2]] * 4}),
    ],
)
def test_what_does_not_fit_together_is_refused(make):
    with pytest.raises(ShapeError, match=r"Expected \d entries in .*, got \d"):
        make()
