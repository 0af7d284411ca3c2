"""optimize: candidates meet the goals, are distinct, and follow from the seed."""

import pytest

from sciencegen.api.optimize import optimize
from sciencegen.errors import SciencegenError


@pytest.mark.usefixtures("tiny_draws")
def test_candidates_meet_the_goals_and_the_seed_decides_them(workspace):
    options = {"model": str(workspace.model), "budget": 60, "n": 3, "threads": 1}
    goals = ["maximize height", "radius <= 2"]
    first, again = (optimize("pointclouds", goals, seed=1, **options).table for _ in range(2))
    assert first.equals(again)
    assert (first["radius"] <= 2).all()
    assert first["item"].is_unique
    assert first["height"].tolist() == sorted(first["height"], reverse=True)
    with pytest.raises(SciencegenError, match="Did you mean 'height'"):
        optimize("pointclouds", ["maximize hieght"], **options)
