import numpy as np
import pytest

from sciencegen.prediction import columns, families
from sciencegen.prediction.columns import as_table
from sciencegen.prediction.families import (
    LEAST_SLOPE,
    Training,
    fit_curve,
    fit_ridge,
    on_curve,
    rising_curve,
    weighted_ridge,
)


def test_weighted_ridge_is_the_closed_form():
    generator = np.random.default_rng(0)
    inputs, target = generator.standard_normal((80, 12)), generator.standard_normal(80)
    weight, penalty = generator.uniform(0.1, 3, 80), 2.5
    found, intercept = weighted_ridge(
        as_table(inputs), target, weight, penalty, np.zeros(12), steps=200, tolerance=1e-12
    )
    share = weight / weight.sum()
    centred, left = inputs - share @ inputs, target - share @ target
    matrix = centred.T @ (weight[:, None] * centred) + penalty * np.eye(12)
    expected = np.linalg.solve(matrix, centred.T @ (weight * left))
    assert np.allclose(found, expected, atol=1e-9)
    assert intercept == pytest.approx(share @ target - share @ inputs @ expected)


@pytest.mark.parametrize("count", [12, 40, 400])
def test_a_curve_rises_and_flattens_beyond_its_knots(count):
    generator = np.random.default_rng(1)
    sums = np.sort(generator.standard_normal(count))
    knots, heights = rising_curve(sums, np.tanh(2 * sums) + 0.1 * generator.standard_normal(count))
    assert (np.diff(heights) >= 0.99 * LEAST_SLOPE * np.diff(knots)).all()
    width = knots[1] - knots[0]
    far = np.concatenate([knots[0] - width * np.array([3, 1]), knots[-1] + width * np.array([0, 1, 3])])
    reached, slope = on_curve(far, knots, heights)
    last = (heights[-1] - heights[-2]) / width
    assert (np.diff(reached) > 0).all()
    assert np.allclose(reached[-2:], heights[-1] + last * width * np.log([2, 4]))
    step = 1e-6 * width
    nearby = (on_curve(far + step, knots, heights)[0] - on_curve(far - step, knots, heights)[0]) / (2 * step)
    assert np.allclose(slope[[0, 1, 3, 4]], nearby[[0, 1, 3, 4]], rtol=1e-4)


def landscape(rows: int, seed: int, curve=lambda sums: 1 / (1 + np.exp(-2 * sums))) -> tuple[np.ndarray, np.ndarray]:
    """One-hot columns of 8 sites of 4 letters, whose effects add up below a curve."""
    effects = np.random.default_rng(7).normal(0, 0.7, (8, 4))
    letters = np.random.default_rng(seed).integers(4, size=(rows, 8))
    one_hot = (letters[..., None] == np.arange(4)).reshape(rows, -1).astype(float)
    return one_hot, curve(effects[np.arange(8), letters].sum(axis=1))


def test_effects_that_add_up_below_a_curve_are_found_again():
    inputs, values = landscape(600, 0)
    known = Training(
        as_table(inputs),
        (values - values.mean()) / values.std(),
        np.arange(600) % 3,
        np.arange(600),
        np.zeros(32, bool),
    )
    new, truth = landscape(300, 1)
    truth = (truth - values.mean()) / values.std()
    sums, curve = (
        fit(known, np.random.default_rng(0)).predict(known.query_of(new)).mean(axis=1) for fit in (fit_ridge, fit_curve)
    )
    assert np.mean((curve - truth) ** 2) < 0.03
    assert np.mean((curve - truth) ** 2) < 0.2 * np.mean((sums - truth) ** 2)


def test_emphasis_is_a_smaller_penalty():
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((40, 60))
    target = inputs[:, 0] + 0.5 * generator.standard_normal(40)
    plain = Training(as_table(inputs), target, np.arange(40) % 4, np.arange(40), np.zeros(60, bool))
    stretched = Training(
        as_table(inputs),
        target,
        plain.fold,
        plain.reference,
        plain.sparse,
        emphasis=np.where(np.arange(60) == 0, 10.0, 1.0),
    )
    first, second = (fit_ridge(known, np.random.default_rng(0)).weights[0].mean() for known in (plain, stretched))
    assert abs(second - 1) < abs(first - 1)


@pytest.mark.parametrize("overlapping", [False, True])
def test_regressions_of_a_large_table_in_parts_are_those_of_the_whole(monkeypatch, overlapping):
    inputs, values = landscape(300, 0)
    left_out = np.random.default_rng(2).random((300, 3)) < 0.6 if overlapping else None
    known = Training(
        as_table(inputs), (values - values.mean()) / values.std(), np.arange(300) % 3, np.arange(300),
        np.zeros(32, bool), emphasis=np.where(np.arange(32) < 2, 3.0, 1.0), left_out=left_out,
    )  # fmt: skip
    whole = [fit(known, np.random.default_rng(0)) for fit in (fit_ridge, fit_curve)]
    monkeypatch.setattr(families, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 50)
    monkeypatch.setattr(columns, "PART_ROWS", 7)
    parts = [fit(known, np.random.default_rng(0)) for fit in (fit_ridge, fit_curve)]
    assert np.allclose(whole[0].weights, parts[0].weights, atol=1e-10)
    assert np.allclose(whole[0].intercept, parts[0].intercept, atol=1e-10)
    assert np.allclose(whole[1].weights, parts[1].weights, atol=1e-4)
    assert np.allclose(whole[1].heights, parts[1].heights, atol=1e-4)
