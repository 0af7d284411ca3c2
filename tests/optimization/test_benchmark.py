"""The area under the best-k curve, against closed forms and the rule written out by hand."""

import numpy as np
import pytest

from sciencegen.optimization.objective import area_under_top_k, auc_top_k, top_k_curve


def test_a_constant_score_loses_only_the_first_triangle():
    # 0 to 1 over the first 100 calls, flat for the other 900: (50 + 900) / 1000
    assert area_under_top_k([1.0] * 1000, k=10, budget=1000) == pytest.approx(0.95)


def test_the_curve_goes_on_flat_to_the_budget():
    assert area_under_top_k([1.0] * 200, k=10, budget=1000) == pytest.approx((50 + 100 + 800) / 1000)
    assert area_under_top_k([1.0] * 5000, k=10, budget=1000) == pytest.approx(0.95)


def test_top_k_averages_the_best_k():
    values = [1.0, 0.0, 0.5] + [0.0] * 97
    assert area_under_top_k(values, k=2, budget=100) == pytest.approx(0.75 / 2)
    assert area_under_top_k(values, k=1, budget=100) == pytest.approx(0.5)


def test_the_benchmark_rule_by_hand():
    values = np.random.default_rng(0).random(730)
    total, previous, called = 0.0, 0.0, 0
    for call in range(100, 730, 100):
        now = np.mean(sorted(values[:call])[-10:])
        total, previous, called = total + 100 * (now + previous) / 2, now, call
    now = np.mean(sorted(values)[-10:])
    total += (730 - called) * (now + previous) / 2 + (2000 - 730) * now
    assert area_under_top_k(values, 10, 2000) == pytest.approx(total / 2000)


def test_failed_items_spend_calls(objective):
    made = objective("maximize failing", budget=200)
    made.evaluate([(1.0 + i, 0.0) for i in range(50)] + [(-1.0 - i / 100, 0.0) for i in range(50)])
    assert auc_top_k(made.trace, k=1, budget=100) == pytest.approx(-0.5)
    calls, curve = top_k_curve(made.trace, k=1, every=50)
    assert calls == [50, 100]
    assert np.isnan(curve[0])
    assert curve[1] == -1.0


def test_nothing_scored_is_zero():
    assert area_under_top_k([], 10, 100) == 0.0
