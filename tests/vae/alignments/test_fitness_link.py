"""The curve from sums of effects to measured values."""

import numpy as np
import pytest
import torch

from sciencegen.vae.alignment_fitness import FitnessLink

VALUES = torch.tensor([-2.5, -1.0, 0.0, 1.0, 2.0, torch.nan], dtype=torch.float64)


def saturating(count):
    generator = np.random.default_rng(0)
    sums = generator.normal(0, 2, count)
    return sums, 3 * np.tanh(sums / 3) + generator.normal(0, 0.3, count)


def test_at_first_values_are_sums_and_models_without_a_curve_load():
    link = FitnessLink()
    far = torch.cat([VALUES, torch.tensor([-40.0, 40.0], dtype=torch.float64)])
    torch.testing.assert_close(link.sums(far), far, equal_nan=True)
    link.load_state_dict({})
    torch.testing.assert_close(link.sums(far), far, equal_nan=True)


def test_the_curve_is_found_and_kept():
    link = FitnessLink()
    link.fit(*saturating(2000))
    wanted = 3 * torch.atanh(VALUES / 3)
    torch.testing.assert_close(link.sums(VALUES), wanted, atol=0.35, rtol=0, equal_nan=True)
    again = FitnessLink()
    again.load_state_dict(link.state_dict())
    assert torch.equal(again.sums(VALUES[:5]), link.sums(VALUES[:5]))


@pytest.mark.parametrize("count", [1, 8, 50, 5000])
def test_more_is_asked_by_a_greater_sum_whatever_was_measured(count):
    for sums, values in (
        saturating(count),
        (np.zeros(count), saturating(count)[1]),
        (saturating(count)[0], np.zeros(count)),
    ):
        link = FitnessLink()
        link.fit(sums, values)
        found = link.sums(torch.linspace(-8, 8, 33, dtype=torch.float64))
        assert found.isfinite().all()
        assert (found.diff() > 0).all()
