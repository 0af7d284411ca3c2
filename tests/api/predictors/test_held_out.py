"""Held-out predictions: what is written is read again, split by split."""

import numpy as np
import pytest

from sciencegen.api.predictors.folder import HELD_OUT, read_held_out, write_held_out
from sciencegen.errors import ConfigError, DataError
from sciencegen.prediction import EvaluationPlan, PredictorSettings, TrainingTables, evaluate_predictor


@pytest.fixture(scope="module")
def evaluations():
    features = np.random.default_rng(0).normal(size=(80, 3))
    tables = TrainingTables(features, features @ [1.0, -2.0, 0.0], groups=[str(row % 9) for row in range(80)])
    settings = PredictorSettings(("ridge",), folds=5)
    return evaluate_predictor(tables, settings, np.random.default_rng(0), EvaluationPlan(folds=2))


def test_each_split_comes_back(evaluations, tmp_path):
    write_held_out(tmp_path, evaluations)
    assert set(evaluations) == {"random", "grouped"}
    for split, one in evaluations.items():
        found = read_held_out(tmp_path, split, 0.9)
        for name in ("measured", "predicted", "lower", "upper"):
            assert np.allclose(getattr(found, name), getattr(one, name))
        assert found.inside.mean() == pytest.approx(one.coverage)


def test_what_is_missing_is_told(evaluations, tmp_path):
    with pytest.raises(ConfigError, match="found no file"):
        read_held_out(tmp_path, "random", 0.9)
    write_held_out(tmp_path, evaluations)
    with pytest.raises(ConfigError, match="Did you mean 'grouped'"):
        read_held_out(tmp_path, "groupd", 0.9)
    (tmp_path / HELD_OUT).write_text("split,measured\nrandom,1\n")
    with pytest.raises(DataError, match="Expected the columns split, row, measured"):
        read_held_out(tmp_path, "random", 0.9)
