"""evaluate: items have distance zero to themselves."""

import pytest

from sciencegen.api.evaluate import evaluate
from sciencegen.errors import SciencegenError
from tests.toy import write_clouds


def test_a_set_is_at_no_distance_from_itself_and_at_some_from_another(tmp_path):
    same, other = write_clouds(tmp_path / "a.csv", 40), write_clouds(tmp_path / "b.csv", 40, seed=1)
    near = evaluate("pointclouds", same, against=str(same), threads=1).metrics
    far = evaluate("pointclouds", same, against=str(other), threads=1).metrics
    assert near["wasserstein_radius"] == pytest.approx(0, abs=1e-9)
    assert far["wasserstein_radius"] > 0.01
    with pytest.raises(SciencegenError, match=r"none\.csv"):
        evaluate("pointclouds", same, against=str(tmp_path / "none.csv"), threads=1)
