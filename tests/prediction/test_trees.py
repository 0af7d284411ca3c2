"""Flat trees."""

import numpy as np

from sciencegen.prediction.families import flatten
from tests.prediction.known_truth import table


def test_flat_trees_say_what_scikit_learn_says():
    from sklearn.ensemble import ExtraTreesRegressor

    features, values = table(200, seed=1)
    inputs = features.astype(np.float32)
    models = [ExtraTreesRegressor(7, random_state=seed).fit(inputs, values) for seed in (0, 1)]
    flat = flatten([model.estimators_ for model in models], 1 / 7, [0.0, 0.0])
    expected = np.stack([model.predict(inputs) for model in models], axis=1)
    assert np.allclose(flat.predict(inputs.astype(np.float64)), expected, atol=1e-12)
