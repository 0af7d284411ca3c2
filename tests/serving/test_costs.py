"""What a dry run counts."""

from __future__ import annotations

import pytest

from sciencegen import config
from sciencegen.serving.jobs import counts_of, expected_seconds


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        (None, {}),
        (config.ScoreSettings(), {}),
        (config.GenerateSettings(n=3), {"items": 3, "largest_number_of_draws": 1000}),
        (config.GenerateSettings(n=100), {"items": 100, "largest_number_of_draws": 5000}),
        (config.GenerateSettings(n=3, attempts=4, best_of=2), {"items": 3, "largest_number_of_draws": 24}),
        (config.GenerateSettings(n=3, raw=True), {"items": 3, "largest_number_of_draws": 3}),
        (config.OptimizeSettings(budget=50), {"scored_items": 50}),
        (
            config.OptimizeSettings(
                budget=50, controls=("prior", "evolution"), oracles={"a": {"command": "x", "batch_size": 32}}
            ),
            {"scored_items": 100, "calls_of_a": 4},
        ),
        (config.ProposeSettings(batch=7), {"items": 7}),
        (config.BacktestSettings(rounds=3, repeats=2), {"plates": 24, "campaigns": 8}),
    ],
)
def test_counts(record, counts):
    assert counts_of(record) == counts


def test_the_time_grows_with_what_is_counted():
    earlier = [({"items": 10}, 5.0)]
    assert expected_seconds({"items": 30}, earlier) == 15.0
    assert expected_seconds({"items": 1}, earlier) == 5.0
    assert expected_seconds({}, [({}, 2.0), ({}, 3.0)]) == 3.0
    assert expected_seconds({"items": 1}, []) is None
