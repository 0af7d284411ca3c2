import math

import pytest
import torch
from torch import distributions

from sciencegen.errors import ShapeError
from sciencegen.vae.likelihoods import Categorical, Gaussian, Likelihood

pytestmark = pytest.mark.usefixtures("double_precision")

MASK = torch.tensor([[True, True, False], [True, False, False]])


def make(name, generator, mask=None):
    """A likelihood [2 3 (4)] and a value for it."""

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    if name == "categorical":
        return Categorical(draw(2, 3, 4), mask), torch.randint(4, (2, 3), generator=generator)
    return Gaussian(draw(2, 3, 4), 0.3 * draw(2, 3, 4), mask), draw(2, 3, 4)


NAMES = ["categorical", "gaussian"]


@pytest.mark.parametrize("name", NAMES)
def test_padding_counts_for_nothing(name, generator):
    state = generator.get_state()
    likelihood, value = make(name, generator, MASK)
    assert isinstance(likelihood, Likelihood)
    generator.set_state(state)
    whole, _ = make(name, generator)
    assert whole.log_prob(value).shape == (2,)
    other = value.clone()
    other[~MASK] = value.flip(0)[~MASK]
    torch.testing.assert_close(likelihood.log_prob(other), likelihood.log_prob(value))
    assert (likelihood.log_prob(value) - whole.log_prob(value)).abs().min() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_mode_is_at_least_as_likely_as_any_sample(name, generator):
    likelihood, value = make(name, generator)
    assert likelihood.mode.shape == value.shape
    best = likelihood.log_prob(likelihood.mode)
    assert all((likelihood.log_prob(likelihood.sample(generator)) <= best + 1e-12).all() for _ in range(50))


@pytest.mark.parametrize("name", NAMES)
def test_samples_follow_the_density(name, generator):
    """The mean of log p over samples is the negative entropy that a formula gives."""
    likelihood, _ = make(name, generator)
    drawn = torch.stack([likelihood.log_prob(likelihood.sample(generator)) for _ in range(3000)])
    exact = {
        "categorical": lambda: -distributions.Categorical(logits=likelihood.logits).entropy().sum(1),
        "gaussian": lambda: (
            -distributions.Normal(likelihood.mean, likelihood.log_std.exp()).entropy().flatten(1).sum(1)
        ),
    }[name]()
    assert ((drawn.mean(0) - exact).abs() < 4 * drawn.std(0) / 3000**0.5).all()


def test_a_fixed_spread_broadcasts():
    value = Gaussian(torch.zeros(2, 5), torch.tensor(math.log(2.0))).log_prob(torch.zeros(2, 5))
    torch.testing.assert_close(value, torch.full((2,), -5 * (math.log(2) + 0.5 * math.log(2 * math.pi))))


@pytest.mark.parametrize("name", NAMES)
def test_values_of_another_shape_are_refused(name, generator):
    likelihood, value = make(name, generator)
    with pytest.raises(ShapeError, match="Expected values of shape"):
        likelihood.log_prob(value[:, :2])
    masked, value = make(name, generator, torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"Expected a mask of shape \[2, 3\], got \[2, 5\]"):
        masked.log_prob(value)
