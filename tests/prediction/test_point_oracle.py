"""A predictor of points as an oracle."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.items import Refusal
from sciencegen.prediction.points import PointOracle, load_points, save_points
from tests.prediction.point_clouds import clouds

pytestmark = pytest.mark.long


def test_unknown_types_have_no_value_and_other_sizes_are_out_of_domain(trained):
    predictor, held, _ = trained
    strange = SimpleNamespace(numbers=np.array([1, 14, 6]), positions=np.eye(3))
    large = clouds(1, 5, 9, 9)[0]
    oracle = PointOracle("d", predictor, "distances", lambda items: items)
    refused = Refusal("no coordinates")
    scores = oracle.score([held[0], strange, refused, large])
    assert [score.in_domain for score in scores] == [True, False, False, False]
    assert [score.failed for score in scores] == [False, True, True, False]
    assert "14" in scores[1].failure
    assert scores[2].failure == "no coordinates"
    assert scores[0].lower <= scores[0].value <= scores[0].upper
    assert oracle.score([]) == []
    assert scores[0].value == pytest.approx(predictor.predict(held[:1])["distances"].mean[0], rel=1e-5)


def test_an_item_of_another_charge_has_no_value(trained, tmp_path):
    """The networks see no charges, so an ion would get the value of a neutral item."""
    predictor, held, _ = trained
    neutral = replace(predictor, charges=(0, 1))
    loaded = load_points(save_points(neutral, tmp_path / "p"))
    assert loaded.charges == (0, 1)
    ions = [SimpleNamespace(numbers=o.numbers, positions=o.positions, charges=np.eye(len(o.numbers))[0] * q)
            for o, q in zip(held, (1, -1), strict=False)]  # fmt: skip
    scores = PointOracle("d", loaded, "distances", lambda items: items).score([*ions, held[2]])
    assert [score.failed for score in scores] == [False, True, False]
    assert "charge of -1" in scores[1].failure
    assert not scores[1].in_domain
    older = PointOracle("d", predictor, "distances", lambda items: items)
    assert not any(score.failed for score in older.score(ions))  # what knows no charges refuses none
