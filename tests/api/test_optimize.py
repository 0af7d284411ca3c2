"""optimize: candidates meet the goals, are distinct, and follow from the seed."""

import pytest
from pointclouds import DOMAIN

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


@pytest.mark.usefixtures("tiny_draws")
def test_no_class_holds_more_than_its_share_of_the_candidates(workspace, monkeypatch):
    options = {"model": str(workspace.model), "budget": 60, "n": 4, "threads": 1, "maximum_similarity": 1}
    goals = ["maximize height"]
    plain = optimize("pointclouds", goals, **options)
    assert "variety" not in plain.summary
    kind = lambda items: [f"{item.max():.1f}" for item in items]  # noqa: E731
    monkeypatch.setitem(DOMAIN.similarity.classes, "heights", kind)
    varied, free = optimize("pointclouds", goals, **options), optimize("pointclouds", goals, maximum_share=1, **options)
    assert free.table.equals(plain.table)
    assert free.summary == plain.summary
    found = varied.summary["variety"]
    assert found["maximum_share"] == 0.1
    assert found["classes"]["heights"]["count"] == len(set(kind(map(DOMAIN.items.parse, varied.table["item"]))))
    assert found["classes"]["heights"]["size"] == 1
    assert any("4 candidates over 4 heights" in note for note in varied.notes)
    with pytest.raises(SciencegenError, match="no classes"):
        optimize("galaxies", ["maximize flux"], maximum_share=0.5)
