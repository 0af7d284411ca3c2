from __future__ import annotations

import numpy as np
import pytest

from sciencegen.prediction import PredictorSettings, TrainingTables, fit_predictor
from sciencegen.prediction.points import load_points, save_points
from tests.prediction.known_truth import table
from tests.prediction.point_clouds import held_out, trained_ensemble
from tests.shared import made_once


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Many small matrices: threads would only wait for each other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def predictor():
    """One with every family, on 120 rows."""
    features, values = table(120, seed=0)
    settings = PredictorSettings(families=("ridge", "kernel", "boosting", "forest"), folds=3)
    return fit_predictor(TrainingTables(features, values), settings, np.random.default_rng(0))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A trained ensemble of networks of points, and items with measured values that it wasn't fitted on."""
    folder = made_once(tmp_path_factory, "points", lambda folder: save_points(trained_ensemble(), folder / "predictor"))
    held, measured = held_out()
    return load_points(folder / "predictor"), held[200:], measured[200:]
