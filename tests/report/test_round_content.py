"""Records of a campaign's rounds."""

from dataclasses import replace

import pytest

from sciencegen.errors import ShapeError
from tests.report.example_sites import agreement, rounds


@pytest.mark.parametrize(("record", "part"), [(rounds, "values"), (rounds, "table_rows"), (agreement, "measured")])
def test_parts_of_other_lengths_are_refused(record, part):
    made = record()
    with pytest.raises(ShapeError, match=part):
        replace(made, **{part: [1.0]})
