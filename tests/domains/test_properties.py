"""Measures and metrics of any domain."""

import numpy as np
import pytest
from pointclouds import DOMAIN

from sciencegen.domains.properties import measure_each
from sciencegen.errors import DataError, UnknownNameError


def clouds(seed: int, scale: float = 1.0, count: int = 40) -> list[str]:
    generator = np.random.default_rng(seed)
    return [DOMAIN.items.text(cloud) for cloud in generator.normal(0, scale, (count, 5, 2))]


def test_a_failure_is_no_number():
    measure = measure_each({"inverse": lambda item: 1 / item, "root": lambda item: item**0.5})
    found = measure([4, 0], ["root", "inverse"])
    assert np.array_equal(found, [[2, 0.25], [0, np.nan]], equal_nan=True)
    assert measure([], ["root"]).shape == (0, 1)
    with pytest.raises(UnknownNameError, match="root"):
        measure([1], ["roots"])


def test_items_compared_with_themselves_are_the_best():
    own = clouds(0)
    found = DOMAIN.evaluate(own, own, own)
    assert (found["valid"], found["unique"], found["novelty"]) == (1, 1, 0)
    assert found["nearest_reference"] == pytest.approx(1)
    assert (found["wasserstein_radius"], found["wasserstein_height"]) == (0, 0)


def test_others_are_told_apart():
    found = DOMAIN.evaluate([*clouds(1), *clouds(1, count=1), "junk"], clouds(2, scale=3.0), clouds(0))
    assert (found["count"], found["count_valid"], found["count_unique"]) == (42, 41, 40)
    assert found["wasserstein_radius"] > 1
    assert found["novelty"] == 1
    assert "novelty" not in DOMAIN.evaluate(["junk"], clouds(0), clouds(0))
    with pytest.raises(DataError, match="0 items"):
        DOMAIN.evaluate(clouds(0), ["junk"], None)
