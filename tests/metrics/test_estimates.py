"""Bootstrap intervals."""

import numpy as np
import pytest

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics.estimates import bootstrap


def test_bootstrap_interval_of_a_mean_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        estimate = bootstrap(np.mean, generator.normal(size=80), generator=generator, resamples=200, confidence=0.9)
        covered += estimate.lower <= 0 <= estimate.upper
    assert 0.82 <= covered / 200 <= 0.96


def test_bootstrap_refuses_what_it_cannot_resample():
    with pytest.raises(ShapeError):
        bootstrap(np.mean, np.ones(3), np.ones(4), generator=np.random.default_rng(0))
    with pytest.raises(DataError):
        bootstrap(np.mean, np.ones(0), generator=np.random.default_rng(0))
