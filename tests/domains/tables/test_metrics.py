import numpy as np
import pandas as pd
import pytest

from sciencegen.domains.tables import DOMAIN, rows
from sciencegen.domains.tables.features import hashed_features, similarity
from sciencegen.domains.tables.metrics import correlation, evaluate, total_variation
from sciencegen.errors import DataError
from tests.domains.tables.known_table import table, texts


def test_samples_of_the_same_law_are_near():
    same = evaluate(texts(2000, 1), texts(2000, 2), texts(200, 3))
    shuffled = table(2000, 1)
    generator = np.random.default_rng(0)
    for name in shuffled:
        shuffled[name] = generator.permutation(shuffled[name].to_numpy())
    apart = shuffled.astype(object).where(shuffled.notna(), None).to_dict("records")
    other = evaluate([rows.text(row) for row in apart], texts(2000, 2))
    assert same["marginals"] < 0.05
    assert same["correlations"] < 0.05 < 0.15 < other["correlations"]
    assert other["marginals"] == pytest.approx(same["marginals"], abs=1e-9)  # they don't see the dependence
    assert same["novelty"] == 1.0


def test_distances_have_the_unit_of_the_column():
    first = [rows.text({"x": float(at), "c": "ab"[at % 2]}) for at in range(10)]
    second = [rows.text({"x": at + 3.0, "c": "a"}) for at in range(10)]
    found = evaluate(second, first)
    assert found["wasserstein_x"] == pytest.approx(3)
    assert found["scaled_x"] == pytest.approx(3 / np.arange(10).std())
    assert found["total_variation_c"] == pytest.approx(0.5)
    assert total_variation(["a", "b"], ["c"]) == 1


def test_invalid_samples_count():
    assert evaluate([*texts(3), "nothing"], texts(5))["valid"] == 0.75
    with pytest.raises(DataError, match="got 0 and"):
        evaluate([], texts(5))


def test_correlations_are_those_of_pandas():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)) @ np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]]))
    frame = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    np.testing.assert_allclose(correlation(frame.to_numpy()), frame.corr().to_numpy(), atol=1e-9)


def test_similarity_is_agreement():
    first, second = {"a": 2.0, "c": "x", "n": None}, {"a": 4.0, "c": "x"}
    assert similarity([first], [first])[0, 0] == 1
    assert similarity([first], [second])[0, 0] == pytest.approx((1 + (1 - 2 / 6)) / 2)
    assert similarity([{"a": 0}], [{"a": 0}])[0, 0] == 1
    assert similarity([{"a": 1.0}], [{"b": 1.0}])[0, 0] == 0


def test_hashed_features_need_no_table():
    found = hashed_features([{"a": 1.0, "c": "x"}, {"c": "x", "a": 1.0, "n": None}, {"a": 1.0, "c": "y"}])
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_each_metric_has_a_meaning_in_reports():
    found = evaluate(texts(50, 1), texts(50, 2), texts(20, 3))
    named = [name for name in found if not name.startswith("count")] + ["bits_per_item_held_out", "profile_x"]
    assert [name for name in named if not DOMAIN.reference_sets.note(name).meaning] == []
    assert DOMAIN.reference_sets.note("scaled_x").direction == "minimize"
    assert not DOMAIN.reference_sets.note("steps").meaning
