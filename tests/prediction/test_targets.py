import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.prediction.targets import Scale, fit_scale


@pytest.mark.parametrize("scale", [Scale(1.5, 2.0), Scale(-1.0, 0.7, 0.1)])
def test_scales_go_back(scale):
    values = np.linspace(0, 8, 50)
    assert np.allclose(scale.measured(scale.learned(values)), values)
    assert (np.diff(scale.learned(values)) > 0).all()
    assert np.isfinite(scale.measured(np.array([-1e6, 1e6]))).all()


def test_auto_takes_the_logarithm_where_effects_multiply_and_not_where_they_add():
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 2, (300, 20)).astype(float)
    sums = inputs @ generator.normal(0, 1, 20)
    assert fit_scale("auto", np.exp(2 * sums), inputs).shift is not None
    assert fit_scale("auto", sums - sums.min(), inputs).shift is None
    assert fit_scale("auto", sums, inputs).shift is None  # some are negative


def test_half_of_the_values_may_be_zero():
    values = np.where(np.arange(100) < 60, 0.0, np.arange(100.0))
    assert fit_scale("log", values, values[:, None]).shift > 0
    rare = np.where(np.arange(100) < 99, 0.0, 3.0)
    assert fit_scale("log", rare, rare[:, None]).shift > 0


def test_logarithms_of_negative_values_are_refused():
    with pytest.raises(DataError, match="0 or more"):
        fit_scale("log", np.array([-0.5, 1.0, 2.0]), np.eye(3))
