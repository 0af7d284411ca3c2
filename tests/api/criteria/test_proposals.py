"""Constraints of proposals."""

import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import constraint_test, read_constraints
from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import FunctionOracle


def test_an_item_must_meet_every_goal_and_have_a_score():
    goals = read_constraints(DOMAIN, ["radius <= 2", "height >= 0"], ())
    oracles = {
        "radius": FunctionOracle("radius", lambda item: item[0]),
        "height": FunctionOracle("height", lambda item: 1 / item[1]),
    }
    test = constraint_test(goals, oracles)
    assert test([(1, 1), (3, 1), (1, -1), (1, 0)]) == [True, False, False, False]
    assert test([]) == []


def test_an_objective_is_no_constraint_and_a_domain_needs_a_predictor():
    with pytest.raises(ConfigError, match="the `target`"):
        read_constraints(DOMAIN, ["maximize radius"], ())
    with pytest.raises(ConfigError, match="fitness=FOLDER"):
        read_constraints(DOMAIN, ["fitness in domain"], ())
    assert read_constraints(DOMAIN, ["fitness in domain"], ["fitness"])[0].in_domain
    assert read_constraints(DOMAIN, [], ()) == []
