"""Which of several draws is the best."""

import math

import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.sampling.judge import PARTICLES, in_groups, particles_of, read_ranking
from sciencegen.config import GenerateSettings
from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import FunctionOracle

NEAR = parse_conditions(["radius in 1..2", "height = 0"], DOMAIN)


def test_without_goals_the_distance_from_the_conditions_counts_in_ranges_of_the_properties():
    ranking = read_ranking(DOMAIN, GenerateSettings(best_of=2), NEAR)
    assert ranking.merit({"radius": 1.5, "height": 0.0}) == 0
    assert ranking.merit({"radius": 2.5, "height": -3.0}) == pytest.approx(-0.5 / 3 - 3 / 6)


def test_goals_come_before_conditions_and_a_failed_score_is_the_worst():
    ranking = read_ranking(DOMAIN, GenerateSettings(best_of=2, steer=("maximize radius",)), NEAR)
    assert ranking.names == ["radius"]
    assert ranking.merit({"radius": 2.0}) > ranking.merit({"radius": 1.0})
    assert ranking.merit({"radius": math.nan}) == -math.inf
    many = ranking.merits([2.0, 1.0], {"radius": FunctionOracle("radius", float)})
    assert many == pytest.approx([ranking.merit({"radius": 2.0}), ranking.merit({"radius": 1.0})])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"best_of": 2}, "Expected goals, or conditions that can be checked"),
        ({"best_of": 2, "raw": True, "steer": ("maximize radius",)}, "`raw` or `best_of`"),
        ({"particles": 2}, "goals with `particles`"),
        ({"steer": ("maximize radius",), "particles": 1}, "of 2 or more"),
    ],
)
def test_what_says_nothing_of_the_best_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        read_ranking(DOMAIN, GenerateSettings(**settings), [])


def test_a_steered_draw_has_particles_unless_the_best_of_several_is_taken():
    steer = {"steer": ("maximize radius",)}
    chosen = [{}, steer, steer | {"best_of": 2}, steer | {"particles": 3}]
    assert [particles_of(GenerateSettings(**one)) for one in chosen] == [1, PARTICLES, 1, 3]


def test_rows_come_in_whole_groups():
    assert list(in_groups([[1], [2, 3, 4], [5], [6, 7]], 2)) == [[1, 2, 3, 4], [5, 6]]
