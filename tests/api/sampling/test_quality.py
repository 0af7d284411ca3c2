"""What the best of fewer draws would have been."""

import numpy as np
import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.sampling.judge import DISTANCE, QualityByDraws, quality_name, read_ranking
from sciencegen.config import GenerateSettings


@pytest.mark.parametrize(("most", "draws"), [(2, (1, 2)), (8, (1, 2, 4, 8)), (11, (1, 2, 4, 8, 11))])
def test_powers_of_two_and_all_draws_are_counted(most, draws):
    assert QualityByDraws("height", most).draws == draws


def test_means_are_those_of_the_running_best():
    values, quality = np.random.default_rng(0).random((50, 6)), QualityByDraws("height", 6)
    for row in values:
        quality.add([-one for one in row], list(row))
    found, expected = quality.to_json(), np.minimum.accumulate(values, 1)[:, [0, 1, 3, 5]].mean(0)
    assert found["items"] == [50] * 4
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-5)


def test_items_count_from_the_first_draw_that_meets_the_request():
    quality = QualityByDraws("height", 4)
    quality.add([None, None, 3.0, 2.0], [0.0, 0.0, 3.0, 2.0])
    quality.add([None] * 4, [9.0] * 4)
    assert quality.to_json() == {"of": "height", "draws": [4], "items": [1], "mean": [3.0]}


@pytest.mark.parametrize(
    ("steer", "name"),
    [((), DISTANCE), (("height <= 2",), "height"), (("height <= 2", "maximize radius"), "radius")],
)
def test_the_first_objective_is_averaged(steer, name):
    near = parse_conditions(["height = 1"], DOMAIN)
    assert quality_name(read_ranking(DOMAIN, GenerateSettings(best_of=2, steer=steer), near)) == name
