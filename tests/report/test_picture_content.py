"""Records of pictures."""

import pytest

from sciencegen.errors import ShapeError
from sciencegen.report import Traversal
from tests.report.example import PICTURE


@pytest.mark.parametrize("part", [{"pictures": [PICTURE]}, {"asides": ["a"]}])
def test_a_row_has_a_picture_for_each_label(part):
    with pytest.raises(ShapeError, match="Traversal"):
        Traversal("x", **{"labels": ["1", "2"], "pictures": ["", ""], **part})
