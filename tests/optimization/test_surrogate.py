"""The surrogate interpolates, knows what it doesn't know, and its kernel is a kernel."""

import numpy as np

from sciencegen.optimization.surrogate import TanimotoProcess, tanimoto_kernel, training_subset


def test_the_kernel_is_positive_definite_and_one_on_the_diagonal():
    generator = np.random.default_rng(0)
    for rows in (generator.standard_normal((60, 5)), (generator.random((60, 200)) < 0.1).astype(float)):
        kernel = tanimoto_kernel(rows, rows)
        assert np.allclose(np.diag(kernel), 1)
        assert np.linalg.eigvalsh(kernel).min() > -1e-10


def test_on_bits_it_is_the_tanimoto_similarity():
    one, other = np.array([[1.0, 1, 1, 0, 0]]), np.array([[0.0, 1, 1, 1, 0]])
    assert tanimoto_kernel(one, other)[0, 0] == 2 / 4
    assert tanimoto_kernel(0 * one, 0 * one)[0, 0] == 1.0


def test_it_learns_a_function_and_is_less_sure_away_from_data():
    generator = np.random.default_rng(0)
    features = (generator.random((300, 100)) < 0.2).astype(np.float32)
    targets = features[:, :20].sum(1) - features[:, 20:40].sum(1)
    model = TanimotoProcess().fit(features[:200], targets[:200])
    mean, deviation = model.predict(features)
    assert np.corrcoef(mean[200:], targets[200:])[0, 1] > 0.6
    assert deviation[200:].min() > deviation[:200].max()


def test_empty_and_constant_columns_do_no_harm():
    features = np.zeros((30, 4), np.float32)
    features[:, 1] = 5
    mean, deviation = TanimotoProcess().fit(features, np.zeros(30)).predict(features)
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


def test_the_subset_holds_the_best():
    rows = training_subset(np.arange(100.0), 30, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 30
    assert set(range(80, 100)) <= set(rows.tolist())
