import math

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.samplers import noise_of
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.diffusion.steering import Steering, sample_steered, uniform_of
from sciencegen.errors import ConfigError, ShapeError
from tests.diffusion.known_data import VECTOR
from tests.diffusion.test_guidance import ERROR, MEASURED, POSTERIOR, PRIOR

GRID = log_snr_grid(Linear(8.0, -8.0), 60, torch.zeros((), dtype=torch.float64))


def measured(x):
    """log p(y | x) of the clean item."""
    return -0.5 * (MEASURED - x["x"]).square().sum(1) / ERROR**2


def noise(count, generator):
    return Batch({"x": torch.randn(count, 2, generator=generator)})


@pytest.mark.parametrize(("resample_below", "every"), [(0.0, 1), (0.5, 1), (1.0, 1), (0.5, 7)])
def test_steered_particles_are_the_analytic_posterior(resample_below, every, generator):
    """However often they are resampled: the potentials telescope to e^reward."""
    steering = Steering(measured, 4000, uniform_of(generator), resample_below, every)
    x = sample_steered(PRIOR.denoise, VECTOR, noise(4000, generator), GRID, noise_of(VECTOR, generator), steering)["x"]
    torch.testing.assert_close(x.mean(0), POSTERIOR.mean, rtol=0, atol=0.06)
    torch.testing.assert_close(x.std(0), torch.full((2,), POSTERIOR.std), rtol=0.1, atol=0)


def test_estimates_may_have_another_reward_than_the_end(generator):
    """The product of the potentials is that of the last reward alone, whatever leads there."""
    rough = lambda x: 0.5 * measured(x).round()  # noqa: E731
    steering = Steering(measured, 4000, uniform_of(generator), estimate=rough)
    x = sample_steered(PRIOR.denoise, VECTOR, noise(4000, generator), GRID, noise_of(VECTOR, generator), steering)["x"]
    torch.testing.assert_close(x.mean(0), POSTERIOR.mean, rtol=0, atol=0.08)
    torch.testing.assert_close(x.std(0), torch.full((2,), POSTERIOR.std), rtol=0.1, atol=0)


def test_the_reward_of_the_end_is_asked_once(generator):
    asked = {"reward": 0, "estimate": 0}

    def counted(name):
        def reward(x):
            asked[name] += 1
            return measured(x)

        return reward

    steering = Steering(counted("reward"), 4, uniform_of(generator), estimate=counted("estimate")).after(lambda x: x)
    sample_steered(PRIOR.denoise, VECTOR, noise(4, generator), GRID, noise_of(VECTOR, generator), steering)
    assert asked == {"reward": 1, "estimate": len(GRID) - 1}


def test_more_particles_are_nearer_to_the_posterior(generator):
    """400 items of 1, 4 and 16 particles: the mean reward rises from the prior's to the posterior's."""
    rewards = []
    for count in (1, 4, 16):
        steering = Steering(measured, count, uniform_of(generator))
        start = noise(400 * count, generator)
        x = sample_steered(PRIOR.denoise, VECTOR, start, GRID, noise_of(VECTOR, generator), steering)
        rewards.append(measured(x).mean().item())
    expected = measured(POSTERIOR.draw(20_000, generator)).mean().item()
    print("mean reward", rewards, "posterior", expected)
    assert rewards == sorted(rewards)
    assert rewards[-1] == pytest.approx(expected, abs=0.2)
    assert rewards[0] < expected - 1


def test_items_are_steered_by_themselves(generator):
    """The second item's particles and uniform numbers don't change the first's."""
    start, fixed = noise(10, generator), torch.randn(200, 10, 2, generator=generator)
    steering = Steering(measured, 5, lambda step, items: torch.tensor([0.3, 0.6])[:items])

    def run(z):
        rows = lambda step, like: {"x": fixed[step, : len(like)]}  # noqa: E731
        return sample_steered(PRIOR.denoise, VECTOR, z, GRID, rows, steering)

    torch.testing.assert_close(run(start.select(slice(5)))["x"], run(start)["x"][:5])


def test_failures_are_never_chosen_while_anything_else_is(generator):
    reward = lambda x: torch.where(x["x"][:, 0] > 0.5, torch.nan, 0.0)  # noqa: E731
    steering = Steering(reward, 8, uniform_of(generator))
    start = noise(8 * 50, generator)
    x = sample_steered(PRIOR.denoise, VECTOR, start, GRID, noise_of(VECTOR, generator), steering)
    assert (x["x"][:, 0] <= 0.5).double().mean() > 0.99
    never = Steering(lambda x: torch.full((len(x),), torch.nan), 4, uniform_of(generator))
    lost = sample_steered(PRIOR.denoise, VECTOR, noise(8, generator), GRID, noise_of(VECTOR, generator), never)
    assert torch.isfinite(lost["x"]).all()


def test_the_best_of_n_is_the_best_of_its_own_item():
    x = Batch({"x": torch.arange(6.0)[:, None], "graph": torch.arange(6)})
    scores = torch.tensor([0.1, 3.0, torch.nan, torch.nan, -5.0, -math.inf])
    chosen = Steering(lambda _: scores, 3).best(x)
    assert chosen["graph"].tolist() == [1, 4]
    with pytest.raises(ShapeError, match="multiple of 4"):
        Steering(lambda _: scores, 4).best(x)


def test_impossible_steering_is_refused(generator):
    with pytest.raises(ConfigError, match="1 or more particles"):
        Steering(measured, 0, uniform_of(generator))
    with pytest.raises(ConfigError, match="every 1 or more steps"):
        Steering(measured, 2, uniform_of(generator), every=0)
    with pytest.raises(ConfigError, match=r"resample_below in 0\.\.1"):
        Steering(measured, 2, uniform_of(generator), 1.5)
