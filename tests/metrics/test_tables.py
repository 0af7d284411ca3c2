import numpy as np
import pytest

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics.sets import classifier_auc, standardized_wasserstein, table_distance


def test_a_shift_counts_in_standard_deviations_whatever_the_unit(generator):
    reference = generator.normal(size=(2000, 3)) * [1.0, 50.0, 1e-3]
    np.testing.assert_allclose(standardized_wasserstein(reference, reference), 0)
    shifted = reference + 0.4 * reference.std(0)
    np.testing.assert_allclose(standardized_wasserstein(shifted, reference), 0.4)


def test_missing_numbers_are_left_out_and_shown(generator):
    reference = generator.normal(size=(400, 3))
    items = reference.copy()
    items[:100, 0], items[:, 1] = np.nan, np.nan
    found = table_distance(items, reference, generator)
    assert found.each[0] < 0.1
    assert np.isnan(found.each[1])
    assert found.mean == pytest.approx((found.each[0] + found.each[2]) / 2)
    np.testing.assert_allclose(found.missing, [0.25, 1, 0])
    constant = standardized_wasserstein(np.zeros((5, 1)), np.ones((5, 1)))
    assert constant == pytest.approx(2.0)
    with pytest.raises(ShapeError, match="equal columns"):
        standardized_wasserstein(items, reference[:, :2])


def test_draws_of_the_same_are_about_as_near_as_halves_and_others_are_not(generator):
    reference, same = generator.gamma(2, size=(2, 2000, 4))
    fair = table_distance(same, reference, generator)
    assert 0.4 < fair.ratio < 1.6
    other = table_distance(same * 1.2, reference, generator)
    assert other.ratio > 3
    assert other.halves == pytest.approx(fair.halves, rel=0.3)


@pytest.mark.long
def test_a_classifier_sees_what_is_there_and_nothing_else(generator):
    first, second = generator.normal(size=(2, 600, 3))
    assert classifier_auc(first, second, 0) == pytest.approx(0.5, abs=0.06)
    assert classifier_auc(first, second, 0) == classifier_auc(first, second, 0)
    assert classifier_auc(first + 3, second, 0) > 0.97
    correlated = first[:, [0, 0, 1]]  # every column by itself is the same
    assert classifier_auc(correlated, second, 0) > 0.9
    holes = np.where(generator.random(first.shape) < 0.5, np.nan, first)
    assert classifier_auc(holes, second, 0) > 0.8
    with pytest.raises(DataError, match="10 rows or more"):
        classifier_auc(first[:4], second, 0)
