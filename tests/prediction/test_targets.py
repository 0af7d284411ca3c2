import json

import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.metrics.numbers import Warp, fit_warp
from sciencegen.prediction.storage import _scale, _written_scale
from sciencegen.prediction.training_tables import fit_scale

GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.integers(0, 2, (300, 20)).astype(float)
SUMS = INPUTS @ GENERATOR.normal(0, 1, 20)
SUMS -= SUMS.mean()


def test_auto_takes_the_logarithm_where_effects_multiply_and_not_where_they_add():
    assert fit_scale("auto", np.exp(2 * SUMS), INPUTS).name == "log"
    assert fit_scale("auto", SUMS - SUMS.min(), INPUTS).name == "linear"
    assert fit_scale("auto", SUMS, INPUTS).name == "linear"  # some are negative


def test_auto_sees_that_an_assay_saturates():
    values = 3 - np.exp(1 - 0.7 * SUMS)
    scale = fit_scale("auto", values + 0.05 * np.random.default_rng(1).standard_normal(300), INPUTS)
    assert scale.name == "saturating"
    assert scale.inverse(np.array([100.0]))[0] < values.max() + np.ptp(values), "what is predicted has an end"


def test_half_of_the_values_may_be_zero():
    values = np.where(np.arange(100) < 60, 0.0, np.arange(100.0))
    assert fit_scale("log", values, values[:, None]).offset > 0
    rare = np.where(np.arange(100) < 99, 0.0, 3.0)
    assert fit_scale("log", rare, rare[:, None]).offset > 0


@pytest.mark.parametrize("unit", [1e-310, 1e-160, 1e160, 1e307])
@pytest.mark.parametrize("name", ["linear", "log", "saturating", "auto"])
def test_values_whose_variance_is_no_number_are_refused(name, unit):
    values = np.linspace(0.1, 1, 300) * unit
    with pytest.raises(DataError, match="in another unit"):
        fit_scale(name, values, INPUTS)


def test_logarithms_of_negative_values_are_refused():
    with pytest.raises(DataError, match="0 or more"):
        fit_scale("log", np.array([-0.5, 1.0, 2.0]), np.eye(3))


@pytest.mark.parametrize("name", ["linear", "log", "saturating"])
def test_a_scale_is_plain_json_and_comes_back(name):
    scale = fit_scale(name, np.exp(SUMS), INPUTS)
    assert _scale(json.loads(json.dumps(_written_scale(scale), allow_nan=False))) == scale


def test_scales_as_they_were_written_before_mean_the_same():
    values = np.linspace(0, 8, 50)
    linear, log = (_scale({"mean": 0.3, "deviation": 0.7, "shift": shift}) for shift in (None, 0.1))
    assert isinstance(linear, Warp)
    assert np.allclose(linear.forward(values), (values - 0.3) / 0.7)
    assert np.allclose(log.forward(values), (np.log(values + 0.1) - 0.3) / 0.7)
    assert np.allclose(log.inverse(log.forward(values)), values)


def test_linear_is_linear():
    assert fit_scale("linear", SUMS, INPUTS) == fit_warp("linear", SUMS)
