"""Hamiltonian refinement on a model of known evidence: a true bound, no looser than that of the encoder alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.bounds import importance_weighted_bound
from sciencegen.vae.model import ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import (
    DiagonalGaussian,
    HamiltonianPosterior,
    HamiltonianRefinement,
    JointDensity,
    Reversal,
)
from sciencegen.vae.priors import StandardNormalPrior
from tests.vae.linear_gaussian import CORRELATED, LinearDecoder
from tests.vae.test_posteriors import shaken

pytestmark = pytest.mark.usefixtures("double_precision")


class Features(nn.Module):
    """The encoder: x itself."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return batch["x"]


class Nearest(nn.Module):
    """The diagonal Gaussian nearest to the exact posterior, which is correlated."""

    latent_size = 2

    def forward(self, features: torch.Tensor, condition: None = None) -> DiagonalGaussian:
        return CORRELATED.best_gaussian(features)


def model(steps: int = 0) -> ConditionalVAE:
    refinement = HamiltonianRefinement(2, steps) if steps else None
    parts = VAEParts(Features(), LinearDecoder(CORRELATED), Nearest(), StandardNormalPrior(2), refinement=refinement)
    return ConditionalVAE(parts, "x")


def data(count: int, seed: int = 0) -> Batch:
    return Batch({"x": CORRELATED.data(count, Generator().manual_seed(seed))})


def test_the_refined_bound_is_below_the_evidence_and_above_that_of_the_encoder(generator):
    refined, batch = model(3), data(128)
    optimizer = torch.optim.Adam(refined.refinement.parameters(), 0.1)
    for step in range(80):
        optimizer.zero_grad()
        refined.loss(batch, step, generator)["loss"].backward()
        optimizer.step()
    fresh = data(5000, 1)
    evidence = CORRELATED.evidence(fresh["x"]).mean()
    plain, better = (one.terms(fresh).elbo.mean() for one in (model(), refined))
    print("evidence", evidence, "encoder", plain, "refined", better)
    assert plain + 0.3 * (evidence - plain) < better < evidence + 0.02


def distribution(step: float, count: int = 4, base: DiagonalGaussian | None = None) -> HamiltonianPosterior:
    batch = data(3)
    joint = JointDensity(LinearDecoder(CORRELATED), StandardNormalPrior(2).log_prob, "x", batch)
    base = base or CORRELATED.best_gaussian(batch["x"])
    return HamiltonianPosterior(base, joint, Reversal(2), torch.full((2,), step), count)


def test_weighted_samples_estimate_the_evidence():
    x = data(3)["x"]
    wide = DiagonalGaussian(CORRELATED.posterior_mean(x), torch.zeros(3, 2))
    moved = distribution(0.1, 2, wide)
    z, log_q = moved.sample(Generator().manual_seed(0), 4000)
    bound = importance_weighted_bound((moved.joint(z) - log_q).unflatten(0, (3, -1)))
    torch.testing.assert_close(bound, CORRELATED.evidence(x), atol=0.1, rtol=0)


def test_without_steps_samples_and_bound_are_those_of_the_encoder():
    still = distribution(0.0)
    z, log_q = still.sample(Generator().manual_seed(0), 5)
    expected, density = still.base.sample(Generator().manual_seed(0), 5)
    assert z.shape == (15, 2)
    torch.testing.assert_close(still.base.log_prob(z), log_q)
    torch.testing.assert_close(z[:1], expected[:1])
    torch.testing.assert_close(density[:1], log_q[:1])
    torch.testing.assert_close(still.mean, still.base.mean)


def test_steps_keep_the_energy():
    """With r = N(0, I) the bound is the encoder's, up to the error of small steps."""
    terms = []
    for one in (distribution(1e-2), distribution(0.0)):
        z, log_q = one.sample(Generator().manual_seed(0), 20)
        terms.append(one.joint(z) - log_q)
    torch.testing.assert_close(*terms, atol=1e-3, rtol=0)


def test_the_centre_climbs_to_the_mode():
    off = DiagonalGaussian(CORRELATED.posterior_mean(data(3)["x"]) + 0.3, torch.full((3, 2), -1.0))
    climbing = distribution(0.1, base=off)
    assert (climbing.joint(climbing.mean) > climbing.joint(off.mean)).all()


def test_the_reversal_is_a_density():
    """It sums to 1 over a grid of momenta."""
    reversal = shaken(Reversal(2), Generator().manual_seed(0), 0.3)
    axis = torch.linspace(-8, 8, 161)
    momenta = torch.cartesian_prod(axis, axis)
    others = [torch.full_like(momenta, value) for value in (0.4, -0.7)]
    assert (reversal(momenta, *others).exp().sum() * 0.1**2).item() == pytest.approx(1, abs=1e-6)


def test_it_works_where_no_gradients_are_recorded():
    refined = model(2)
    with torch.inference_mode():
        found = refined.terms(Batch({"x": torch.ones(4, 3)})).elbo
    assert found.isfinite().all()
    assert not found.requires_grad


def test_there_must_be_steps():
    with pytest.raises(ConfigError, match="1 or more leapfrog steps, got 0"):
        HamiltonianRefinement(2, 0)


def test_steps_stay_near_where_the_posterior_is_much_narrower_than_the_encoder_says(generator):
    narrow = LinearDecoder(replace(CORRELATED, std=1e-4))
    joint = JointDensity(narrow, StandardNormalPrior(2).log_prob, "x", data(3))
    wide = DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2))
    moved = HamiltonianPosterior(wide, joint, Reversal(2), torch.full((2,), 0.9), 10)
    assert moved.sample(generator)[0].abs().max() < 1e4  # 1e79 without a limit
