"""A Gaussian of which a noisy measurement is known: everything that guidance should reach is in closed form."""

import math

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.likelihood import log_prob
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.samplers import clean, no_noise, noise_of, sampler
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.diffusion.steering import classifier_free, fitted, inpainting, of_estimate, predictor_gradient
from sciencegen.errors import ShapeError
from tests.diffusion.known_data import VECTOR, GaussianData

PRIOR = GaussianData(torch.tensor([0.5, -1.0], dtype=torch.float64), 0.8)
MEASURED, ERROR = torch.tensor([1.5, -0.5], dtype=torch.float64), 0.5
GAIN = PRIOR.std**2 / (PRIOR.std**2 + ERROR**2)
POSTERIOR = GaussianData(PRIOR.mean + GAIN * (MEASURED - PRIOR.mean), PRIOR.std * math.sqrt(1 - GAIN))


def exact_evidence(z, log_snr, condition, mask):
    """log N(y; E[x | z], Var[x | z] + error^2)."""
    a, s = alpha(log_snr), sigma(log_snr)
    variance = PRIOR.std**2 * s**2 / (PRIOR.std**2 * a**2 + s**2) + ERROR**2
    return -0.5 * (MEASURED - PRIOR.denoise(z, log_snr)["x"]).square().sum(1) / variance


def grid(steps=120):
    return log_snr_grid(Linear(8.0, -8.0), steps, torch.zeros(()))


def test_the_exact_predictors_gradient_gives_the_posteriors_denoiser(generator):
    guided = predictor_gradient(PRIOR.denoise, VECTOR, exact_evidence)
    z = {"x": torch.randn(50, 2, generator=generator)}
    log_snr = torch.linspace(-6, 6, 50)
    torch.testing.assert_close(guided(z, log_snr, None, None)["x"], POSTERIOR.denoise(z, log_snr)["x"])


def test_it_works_in_inference_mode(generator):
    guided = predictor_gradient(PRIOR.denoise, VECTOR, exact_evidence)
    z, log_snr = {"x": torch.randn(5, 2, generator=generator)}, torch.zeros(5)
    with torch.inference_mode():
        made_inside = {"x": z["x"] * 1.0}
        inside = guided(made_inside, log_snr * 1.0, None, None)["x"]
    torch.testing.assert_close(inside.clone(), guided(z, log_snr, None, None)["x"])


@pytest.mark.parametrize("name", ["ancestral", "heun", "dpm-solver"])
def test_guided_samples_are_the_analytic_posteriors(name, generator):
    guided = predictor_gradient(PRIOR.denoise, VECTOR, exact_evidence)
    start = Batch({"x": torch.randn(10_000, 2, generator=generator)})
    z = sampler(name)(guided, VECTOR, start, grid(), noise_of(VECTOR, generator))
    x = clean(guided, VECTOR, z, torch.tensor(8.0))["x"]
    torch.testing.assert_close(x.mean(0), POSTERIOR.mean, rtol=0, atol=0.02)
    torch.testing.assert_close(x.std(0), torch.full((2,), POSTERIOR.std), rtol=0.05, atol=0)


def test_a_guided_denoiser_has_the_posteriors_density(generator):
    """The divergence differentiates what guidance computed."""
    guided = predictor_gradient(PRIOR.denoise, VECTOR, exact_evidence)
    x = POSTERIOR.draw(10, generator)
    found = log_prob(guided, VECTOR, x, log_snr_grid(Linear(16.0, -26.0), 120, torch.zeros(())))
    torch.testing.assert_close(found, POSTERIOR.log_prob(x["x"]), rtol=0, atol=1e-3)


def test_a_predictor_of_clean_items_pulls_towards_them(generator):
    """log p(y | x^(z)) forgets the spread of x: the mean is pulled too far, never away."""
    clean_log_prob = lambda x: -0.5 * (MEASURED - x["x"]).square().sum(1) / ERROR**2  # noqa: E731
    guided = predictor_gradient(PRIOR.denoise, VECTOR, of_estimate(PRIOR.denoise, clean_log_prob))
    start = Batch({"x": torch.randn(4000, 2, generator=generator)})
    x = clean(guided, VECTOR, sampler("heun")(guided, VECTOR, start, grid(), no_noise), torch.tensor(8.0))["x"]
    share = ((x.mean(0) - PRIOR.mean) / (MEASURED - PRIOR.mean)).mean().item()
    assert GAIN * 0.8 < share < 1.2
    assert (x - MEASURED).norm(dim=1).mean() < 0.8 * (PRIOR.draw(4000, generator)["x"] - MEASURED).norm(dim=1).mean()


def shifting(z, log_snr, condition, mask):
    """A model whose mean is its condition, 0 where that is missing."""
    centre = torch.zeros(len(log_snr), 1) if condition is None else condition.nan_to_num(0.0)
    a, s = alpha(log_snr)[:, None], sigma(log_snr)[:, None]
    return {"x": centre + a / (a**2 + s**2) * (z["x"] - a * centre)}


def test_classifier_free_guidance_leans_away_from_the_unconditional(generator):
    """Of unit Gaussians at c and 0 the guided score is that of the Gaussian at (1 + w) c: (1 + w) s_c - w s_0."""
    condition = torch.full((4000, 1), 0.7)
    start = Batch({"x": torch.randn(4000, 1, generator=generator)}, None, condition)
    for weight in (0.0, 0.5, 2.0):
        guided = classifier_free(shifting, weight)
        x = clean(guided, VECTOR, sampler("heun")(guided, VECTOR, start, grid(60), no_noise), torch.tensor(8.0))["x"]
        assert x.mean().item() == pytest.approx(0.7 * (1 + weight), abs=0.06)
    z, level = {"x": torch.randn(3, 1)}, torch.zeros(3)
    unasked = classifier_free(shifting, 2.0)(z, level, None, None)
    torch.testing.assert_close(unasked, shifting(z, level, None, None))


def test_inpainting_ends_at_what_is_known(generator):
    known = {"x": torch.tensor([[9.0, 0.25]])}
    where = {"x": torch.tensor([[False, True]])}
    guided = inpainting(PRIOR.denoise, known, where)
    start = Batch({"x": torch.randn(2000, 2, generator=generator)})
    path = log_snr_grid(Linear(16.0, -8.0), 60, torch.zeros(()))
    z = sampler("ddim")(guided, VECTOR, start, path, no_noise)
    torch.testing.assert_close(z["x"][:, 1], torch.full((2000,), 0.25), rtol=0, atol=2e-3)
    assert z["x"][:, 0].mean().item() == pytest.approx(PRIOR.mean[0].item(), abs=0.08)
    with pytest.raises(ShapeError, match=r"known values of 'y', got those of \['x'\]"):
        inpainting(PRIOR.denoise, known, {"y": where["x"]})


def test_rigid_parts_keep_their_distances_and_go_where_the_estimate_has_them(generator):
    shape = torch.randn(1, 4, 3, generator=generator, dtype=torch.float64)
    where = torch.tensor([[[True], [True], [True], [True], [False]]])
    known = torch.cat([shape, torch.full((1, 1, 3), 99.0, dtype=torch.float64)], 1)
    turn = torch.linalg.qr(torch.randn(20, 3, 3, generator=generator, dtype=torch.float64))[0]  # mirrors among them
    places = torch.cat([shape @ turn + 5.0, torch.zeros(20, 1, 3, dtype=torch.float64)], 1)
    found = fitted(known.expand(20, -1, -1), where.expand(20, -1, -1), places)
    torch.testing.assert_close(found[:, :4], places[:, :4])
    rough = places + 0.2 * torch.randn(places.shape, generator=generator, dtype=torch.float64)
    guided = inpainting(lambda *z: {"x": rough}, {"x": known.expand(20, -1, -1)}, {"x": where}, rigid=["x"])
    estimate = guided({}, torch.zeros(20), None, None)["x"]
    distances = torch.cdist(shape, shape).expand(20, -1, -1)
    torch.testing.assert_close(torch.cdist(estimate[:, :4], estimate[:, :4]), distances)
    torch.testing.assert_close(estimate[:, 4], rough[:, 4])
    assert (estimate - rough)[:, :4].square().sum() < (places - rough)[:, :4].square().sum()


def test_without_reflections_the_fit_is_a_proper_rigid_motion(generator):
    points = torch.randn(4, 7, 3, generator=generator)
    turn = torch.linalg.qr(torch.randn(4, 3, 3, generator=generator))[0]
    handed = turn * torch.linalg.det(turn)[:, None, None]
    everywhere = torch.ones(1, 7, 1, dtype=torch.bool)
    moved = points @ handed + 3
    torch.testing.assert_close(fitted(points, everywhere, moved, reflect=False), moved)
    image = points @ -handed
    torch.testing.assert_close(fitted(points, everywhere, image), image)
    found = fitted(points, everywhere, image, reflect=False)
    assert float((found - image).abs().amax((1, 2)).min()) > 0.1
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(points, points))
