"""Predictors of points: they learn what is known, their intervals hold, and their folder gives the same bytes."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.networks.harmonics import PropertyNetwork
from sciencegen.prediction.columns import fit_baseline
from sciencegen.prediction.points import (
    CHUNK,
    PAIRS,
    calibrate,
    chunks_by_size,
    type_counts,
)
from tests.prediction.point_clouds import TYPES

pytestmark = pytest.mark.long


def test_it_learns_known_functions_of_the_places(trained):
    """The sum of all distances to a fifth of what composition leaves open, a dipole moment to a tenth of its spread."""
    predictor, held, measured = trained
    found = predictor.predict(held)
    counts = type_counts(held, TYPES)
    left = np.abs(measured[:, 0] - predictor.baseline.of(counts)[:, 0]).mean()
    assert np.abs(found["distances"].mean - measured[:, 0]).mean() < 0.2 * left
    assert np.abs(found["moment"].mean - measured[:, 1]).mean() < 0.1 * measured[:, 1].std()


def test_intervals_hold_what_they_promise(trained):
    predictor, held, measured = trained
    for column, prediction in enumerate(predictor.predict(held).values()):
        inside = (prediction.lower <= measured[:, column]) & (measured[:, column] <= prediction.upper)
        assert 0.82 < inside.mean() < 0.98  # 0.9, of 200 on 200
        assert (prediction.lower <= prediction.mean).all()
    assert (predictor.predict(held)["moment"].lower >= 0).all()


def test_large_items_are_fewer_at_once_and_each_is_once():
    sizes = np.random.default_rng(0).permutation([*[20] * 150, *[200] * 30, 600, 0, *[60] * 70])
    chunks = list(chunks_by_size(sizes))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(len(sizes)))
    assert all(len(rows) * sizes[rows].max() ** 2 <= PAIRS for rows in chunks if len(rows) > 1)
    assert [len(rows) for rows in chunks[:2]] == [CHUNK, CHUNK]
    assert len(chunks[-1]) == 1


def test_what_teaches_nothing_is_refused():
    counts = np.ones((5, 2))
    with pytest.raises(DataError, match="different values"):
        fit_baseline(counts, np.full((5, 1), 3.0), [None])
    with pytest.raises(DataError, match="rows for intervals"):
        calibrate(np.zeros((5, 1)), np.ones((5, 1)), np.ones((5, 1)), 0.9)
    with pytest.raises(ConfigError, match="readout"):
        PropertyNetwork(2, ["none"])
