import itertools

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.process import (
    TO_X,
    alpha,
    ancestral_step,
    convert,
    deterministic_step,
    diffuse,
    diffuse_further,
    predict,
    sigma,
)
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.errors import ConfigError, ShapeError
from tests.diffusion.known_data import VECTOR, GaussianData

MIXED = State(
    {
        "place": Field(ZeroCentre()),
        "kind": Field(CategoricalSpace(3), log_snr_shift=-1.5),
        "link": Field(Euclidean(), 0.5, 2),
    }
)
MASK = torch.tensor([[True, True, True], [True, True, False]])


def mixed(generator):
    return MIXED.embed(
        Batch(
            {
                "place": torch.randn(2, 3, 2, generator=generator),
                "kind": torch.tensor([[0, 2, 1], [1, 1, 0]]),
                "link": torch.randn(2, 3, 3, generator=generator),
            },
            MASK,
        )
    )


def test_the_process_preserves_variance():
    log_snr = torch.linspace(-30, 30, 7)
    torch.testing.assert_close(alpha(log_snr) ** 2 + sigma(log_snr) ** 2, torch.ones(7))
    torch.testing.assert_close(2 * (alpha(log_snr) / sigma(log_snr)).log(), log_snr)


@pytest.mark.parametrize(("source", "target"), itertools.product(TO_X, TO_X))
def test_conversions_invert(source, target, generator):
    x = mixed(generator)
    for level in (-6.0, 0.0, 6.0):
        log_snr = torch.full((2,), level)
        z = diffuse(MIXED, x, log_snr, MIXED.noise(x, generator))
        value = MIXED.noise(x, generator)
        there = convert(MIXED, value, z, log_snr, source, target)
        back = convert(MIXED, there, z, log_snr, target, source)
        for name, expected in value.items():
            torch.testing.assert_close(back[name], expected, rtol=0, atol=1e-10)


def test_a_noised_item_converts_to_what_it_was_noised_with(generator):
    x, log_snr = mixed(generator), torch.tensor([-1.0, 2.0])
    noise = MIXED.noise(x, generator)
    z = diffuse(MIXED, x, log_snr, noise)
    clean = {name: x[name] for name in noise}
    for name, eps in convert(MIXED, clean, z, log_snr, "x", "eps").items():
        torch.testing.assert_close(eps, noise[name])
    shifted = log_snr + 0.5
    velocity = convert(MIXED, clean, z, log_snr, "x", "v")["link"]
    expected = alpha(shifted)[:, None, None] * noise["link"] - sigma(shifted)[:, None, None] * x["link"]
    torch.testing.assert_close(velocity, expected)


def test_the_score_is_the_gradient_of_the_log_density(generator):
    data, log_snr = GaussianData(torch.tensor([0.5, -1.0]), 0.7), torch.tensor([0.3, 2.0])
    z = torch.randn(2, 2, generator=generator, requires_grad=True)
    centred = (z - alpha(log_snr)[:, None] * data.mean) / data.spread(log_snr)[:, None]
    gradient = torch.autograd.grad(-0.5 * centred.square().sum(), z)[0]
    batch = Batch({"x": z.detach()})
    estimate = predict(data.denoise, VECTOR, batch, log_snr)
    torch.testing.assert_close(convert(VECTOR, estimate, batch, log_snr, "x", "score")["x"], gradient)


def test_two_steps_of_noise_are_one(generator):
    """q(z_t | x) = integral of q(z_t | z_s) q(z_s | x): the same mean and, with two unit noises, the same variance."""
    x, zero = mixed(generator), {name: torch.zeros_like(v) for name, v in mixed(generator).fields.items()}
    noise = MIXED.noise(x, generator)
    s, t = torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 0.5])
    by_way = diffuse_further(MIXED, diffuse(MIXED, x, s, zero), s, t, zero)
    first = diffuse_further(MIXED, diffuse(MIXED, with_zero(x), s, noise), s, t, zero)
    second = diffuse_further(MIXED, with_zero(x), s, t, noise)
    direct = diffuse(MIXED, x, t, zero)
    whole = diffuse(MIXED, with_zero(x), t, noise)
    for name in MIXED.fields:
        torch.testing.assert_close(by_way[name], direct[name])
        torch.testing.assert_close((first[name] ** 2 + second[name] ** 2).sqrt(), whole[name].abs())


def with_zero(x):
    return x.map(lambda value: value if value.dtype == torch.bool else torch.zeros_like(value))


def test_the_step_back_is_bayes_rule(generator):
    """q(z_s | z_t, x) q(z_t | x) = q(z_t | z_s) q(z_s | x): joint mean and covariance agree."""
    s, t = torch.tensor([1.5]), torch.tensor([-0.7])
    x, one, zero = (Batch({"x": torch.tensor([[value]])}) for value in (0.8, 1.0, 0.0))
    none, unit = {"x": torch.zeros(1, 1)}, {"x": torch.ones(1, 1)}
    backward_gain = ancestral_step(VECTOR, one, {"x": torch.zeros(1, 1)}, t, s, none)["x"]
    backward_std = ancestral_step(VECTOR, zero, {"x": torch.zeros(1, 1)}, t, s, unit)["x"]
    mean_s = ancestral_step(VECTOR, diffuse(VECTOR, x, t, none), x.fields, t, s, none)["x"]
    torch.testing.assert_close(mean_s, alpha(s) * x["x"])
    torch.testing.assert_close(backward_gain[0] * sigma(t) ** 2, alpha(t) / alpha(s) * sigma(s) ** 2)
    torch.testing.assert_close(backward_std**2 + backward_gain**2 * sigma(t) ** 2, sigma(s)[:, None] ** 2)


def test_a_deterministic_step_keeps_the_noise(generator):
    x, noise = mixed(generator), MIXED.noise(mixed(generator), generator)
    t, s = torch.tensor([-2.0, 0.0]), torch.tensor([1.0, 4.0])
    stepped = deterministic_step(MIXED, diffuse(MIXED, x, t, noise), x.fields, t, s)
    for name in MIXED.fields:
        torch.testing.assert_close(stepped[name], diffuse(MIXED, x, s, noise)[name])


def test_given_fields_ride_along_untouched(generator):
    x = Batch({**mixed(generator).fields, "graph": torch.arange(2)}, MASK)
    z = diffuse(MIXED, x, torch.zeros(2), MIXED.noise(x, generator))
    assert torch.equal(z["graph"], x["graph"])
    assert not torch.equal(z["place"], x["place"])


def test_a_denoiser_that_returns_other_fields_or_shapes_is_refused():
    z = Batch({"x": torch.zeros(2, 3)})
    with pytest.raises(ConfigError, match="the denoiser's estimate lacks it"):
        predict(lambda z, *_: {"y": z["x"]}, VECTOR, z, torch.zeros(2))
    with pytest.raises(ShapeError, match=r"'x' of shape \[2, 3\], got \[2, 2\]"):
        predict(lambda z, *_: {"x": z["x"][:, :2]}, VECTOR, z, torch.zeros(2))
    with pytest.raises(ConfigError, match="the noise lacks it"):
        diffuse(VECTOR, z, torch.zeros(2), {"eps": z["x"]})
    with pytest.raises(ConfigError, match="the batch lacks it"):
        predict(lambda z, *_: z, VECTOR, Batch({"y": z["x"]}), torch.zeros(2))
    with pytest.raises(ConfigError, match=r"Unknown prediction 'epsilon'.*'eps'"):
        convert(VECTOR, z.fields, z, torch.zeros(2), "epsilon", "x")
