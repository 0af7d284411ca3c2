import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics.sets import (
    Moments,
    count_cosine,
    frechet_distance,
    jensen_shannon_distance,
    quantile_means,
    wasserstein_1d,
)


def gaussian(generator, size=6):
    factor = generator.normal(size=(size, size))
    return Moments(generator.normal(size=size), factor @ factor.T, 100)


def test_frechet_distance_of_one_dimensional_gaussians_is_closed_form():
    first = Moments(np.array([1.0]), np.array([[4.0]]), 10)
    second = Moments(np.array([-2.0]), np.array([[0.25]]), 10)
    assert frechet_distance(first, second) == pytest.approx((1 + 2) ** 2 + (2 - 0.5) ** 2)


def test_frechet_distance_of_commuting_covariances_is_closed_form(generator):
    rotation, _ = np.linalg.qr(generator.normal(size=(5, 5)))
    first, second = generator.uniform(0.1, 3, 5), generator.uniform(0.1, 3, 5)
    moments = [Moments(np.zeros(5), (rotation * values) @ rotation.T, 9) for values in (first, second)]
    assert frechet_distance(*moments) == pytest.approx(((np.sqrt(first) - np.sqrt(second)) ** 2).sum())


def test_frechet_distance_agrees_with_the_matrix_square_root(generator):
    first, second = gaussian(generator), gaussian(generator)
    root = np.trace(sqrtm(first.covariance @ second.covariance)).real
    expected = ((first.mean - second.mean) ** 2).sum() + np.trace(first.covariance + second.covariance) - 2 * root
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_frechet_distance_is_symmetric_and_zero_only_for_equals(generator):
    first, second = gaussian(generator), gaussian(generator)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(first, second) > 0.1


def test_frechet_distance_survives_singular_covariances(generator):
    few = [Moments.of(generator.normal(size=(4, 30))) for _ in range(2)]
    assert np.isfinite(frechet_distance(*few))
    with pytest.raises(ShapeError, match="Expected moments of one size"):
        frechet_distance(few[0], gaussian(generator))


def test_moments_do_not_depend_on_batches_or_a_large_offset(generator):
    vectors = generator.normal(size=(103, 4)) + 1e6
    moments = Moments.accumulate(vectors[start : start + 10] for start in range(0, 103, 10))
    assert moments.count == 103
    np.testing.assert_allclose(moments.mean, vectors.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(vectors.T), atol=1e-8)
    with pytest.raises(DataError, match="at least 2 vectors"):
        Moments.of(vectors[:1])


def test_wasserstein_of_a_shift_is_the_shift_and_ignores_order(generator):
    values = generator.normal(size=200)
    assert wasserstein_1d(values, values + 0.7) == pytest.approx(0.7)
    assert wasserstein_1d(values, generator.permutation(values)) == pytest.approx(0, abs=1e-12)
    assert wasserstein_1d(values, -values) == pytest.approx(np.abs(np.sort(values) - np.sort(-values)).mean())


def test_quantile_means_keep_the_mean_and_stand_in_for_the_sample(generator):
    values, other = generator.gamma(2, size=5003), generator.gamma(2.5, size=3001)
    short = quantile_means(values, 500)
    assert short.mean() == pytest.approx(values.mean())
    assert np.all(np.diff(short) >= 0)
    assert wasserstein_distance(short, other) == pytest.approx(wasserstein_distance(values, other), abs=2e-3)
    np.testing.assert_allclose(quantile_means(values, len(values)), np.sort(values))


def test_count_cosine():
    counts = {"a": 3, "b": 4}
    assert count_cosine(counts, counts) == pytest.approx(1)
    assert count_cosine(counts, {"a": 6, "b": 8}) == pytest.approx(1), "it does not see the scale"
    assert count_cosine(counts, {"c": 5}) == 0
    assert count_cosine(counts, {"a": 1, "c": 1}) == pytest.approx(3 / (5 * np.sqrt(2)))
    assert count_cosine({"a": 1, "c": 1}, counts) == pytest.approx(3 / (5 * np.sqrt(2)))
    assert np.isnan(count_cosine(counts, {}))


def test_jensen_shannon_distance_is_one_for_what_has_nothing_in_common():
    first, second = np.array([3, 1, 0, 0]), np.array([0, 0, 5, 5])
    assert jensen_shannon_distance(first, second) == pytest.approx(1)
    assert jensen_shannon_distance(first, 7 * first) == 0
    assert jensen_shannon_distance(first, first + second) == pytest.approx(
        jensen_shannon_distance(first + second, first)
    )
