"""Distances of arrays."""

import numpy as np
import pytest

from sciencegen.domains.tables import rows
from sciencegen.domains.tables.features import fit_features, hashed_features, load_features, similarity
from sciencegen.domains.tables.metrics import evaluate
from tests.domains.tables.arrays_table import items, texts


def test_a_set_is_at_no_distance_from_itself():
    found = evaluate(texts(), texts())
    for name in ("image", "wave", "spikes"):
        assert found[f"scaled_{name}"] == found[f"profile_{name}"] == 0
    assert found["nearest_reference"] == pytest.approx(1)


def test_a_shift_is_the_distance():
    moved = [rows.text({"wave": (np.array(row["wave"]) + 3).tolist()}) for row in items()[1:]]
    plain = [rows.text({"wave": row["wave"]}) for row in items()[1:]]
    found = evaluate(moved, plain)
    assert found["wasserstein_wave"] == pytest.approx(3, rel=1e-3)
    assert found["profile_wave"] == pytest.approx(found["scaled_wave"], rel=1e-3)


def test_similarity_of_arrays():
    matrix = similarity([{"x": [1, 3]}], [{"x": [1, 3]}, {"x": [1, 1]}, {"x": [[1, 3]]}, {"x": None}])
    np.testing.assert_allclose(matrix, [[1, 1 - 2 / 6, 0, 0]])


def test_features_of_arrays():
    features = fit_features(items())
    encoded = features.encode(items())
    assert {len(one) for one in encoded} == {features.size}
    assert np.isfinite(encoded).all()
    assert load_features(features.to_json()) == features
    assert "an array of 30 numbers" in features.refusal({"image": [1, 2]})
    assert np.ptp(hashed_features(items()), 0).max() > 0
