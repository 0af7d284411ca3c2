"""Laws of the columns of the VAE of arrays: scales, missing cells, and a bound that is one of the evidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from sciencegen.batch import Batch
from sciencegen.vae.array_columns import LIKELIHOODS, VALUES, Cellwise, LikelihoodColumn, groups_of
from sciencegen.vae.array_settings import ArrayVAESettings
from sciencegen.vae.array_vae import ArrayVAE

COLUMNS = [
    LikelihoodColumn("gaussian", 170.0, 8.0),
    LikelihoodColumn("student_t", -3.0, 2.0),
    LikelihoodColumn("log_normal", 30_000.0, 9000.0, 10.2, 0.4, 500.0),
    LikelihoodColumn("poisson", 4.0, 2.0, 1.5, 0.4, 1.0),
    LikelihoodColumn("negative_binomial", 6.0, 5.0, 1.7, 0.7, 1.0),
    LikelihoodColumn("discretized_logistic", 48.0, 12.0),
    LikelihoodColumn("categorical", classes=3),
    LikelihoodColumn("bernoulli", classes=2),
    LikelihoodColumn("categorical", 3.0, 1.5, classes=4, levels=(1.0, 2.0, 3.0, 5.0)),
]
NUMBERS = torch.tensor(
    [
        [174.5, -4.0, 21_000.0, 3, 0, 51, 2, 1, 5],
        [161.0, 1.0, 80_000.0, 0, 17, 12, 0, 0, 1],
        [188, -3, 30_000, 7, 5, 48, 1, 1, 2],
    ]
)
MEAN, STD = (torch.tensor([getattr(one, name) for one in COLUMNS]) for name in ("mean", "std"))
VALUE = (NUMBERS - MEAN) / STD
SMALL = {"latent": 3, "width": 16, "components": 4, "flow_width": 8}


def batch(mask: torch.Tensor | None = None, condition: torch.Tensor | None = None) -> Batch:
    return Batch({VALUES: VALUE if mask is None else VALUE * mask}, mask, condition)


def cellwise(mask: torch.Tensor | None = None) -> Cellwise:
    groups = groups_of(COLUMNS)
    outputs = sum(group.parameters for group in groups)
    generator = torch.Generator().manual_seed(0)
    return Cellwise(groups, 0.5 * torch.randn(3, outputs, generator=generator), mask)


def test_each_likelihood_is_among_the_columns():
    assert {column.likelihood for column in COLUMNS} == set(LIKELIHOODS)


def test_densities_are_those_of_the_numbers():
    """Of outputs 0: the standard law on the scale of the column."""
    groups = groups_of(COLUMNS)
    zero = Cellwise(groups, torch.zeros(3, sum(group.parameters for group in groups)))
    found, x = zero.cells(VALUE).numpy(), NUMBERS.numpy().astype(float)
    np.testing.assert_allclose(found[:, 0], stats.norm.logpdf(x[:, 0], 170, 8), rtol=1e-4)
    np.testing.assert_allclose(found[:, 1], stats.t.logpdf(x[:, 1], np.exp(1.5), -3, 2), rtol=1e-4)
    np.testing.assert_allclose(found[:, 2], stats.lognorm.logpdf(x[:, 2], 0.4, -500, np.exp(10.2)), rtol=1e-4)
    np.testing.assert_allclose(found[:, 3], stats.poisson.logpmf(x[:, 3], 4), rtol=1e-4)
    np.testing.assert_allclose(found[:, 4], stats.nbinom.logpmf(x[:, 4], 1, 1 / 7), rtol=1e-4)
    logistic = stats.logistic(48, 12)
    bins = np.log(logistic.cdf(x[:, 5] + 0.5) - logistic.cdf(x[:, 5] - 0.5))
    np.testing.assert_allclose(found[:, 5], bins, rtol=1e-4)
    np.testing.assert_allclose(found[:, 6:], np.log([[1 / 3, 1 / 2, 1 / 4]]).repeat(3, 0), rtol=1e-4)


def test_noise_is_inverse_to_values():
    likelihood = cellwise()
    torch.testing.assert_close(likelihood.from_noise(likelihood.noise(VALUE)), VALUE, rtol=1e-3, atol=1e-3)


def test_a_missing_cell_adds_no_term():
    mask = torch.ones(3, len(COLUMNS), dtype=torch.bool)
    mask[0, 2] = mask[1, 6] = False
    cells = cellwise().cells(VALUE)
    torch.testing.assert_close(cellwise(mask).log_prob(VALUE), (cells * mask).sum(1))


def test_the_encoder_sees_the_mask_and_not_the_cell():
    torch.manual_seed(0)
    model = ArrayVAE(len(COLUMNS), 0, ArrayVAESettings(**SMALL), COLUMNS)
    mask = torch.ones(3, len(COLUMNS), dtype=torch.bool)
    mask[:, 0] = mask[:, 6] = False
    hidden = batch(mask)
    other = Batch({VALUES: hidden[VALUES] + (~mask) * torch.tensor(1.0)}, mask)
    torch.testing.assert_close(model.vae.encoder(hidden), model.vae.encoder(other))
    assert (model.vae.encoder(hidden) - model.vae.encoder(batch())).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("posterior", "prior", "bound"),
    [
        ("gaussian", "standard_normal", "elbo"),
        ("gaussian", "vamp", "importance_weighted"),
        ("iaf", "conditional", "elbo"),
    ],
)
def test_every_posterior_and_prior_has_a_loss_with_gradients(posterior, prior, bound):
    torch.manual_seed(0)
    settings = ArrayVAESettings(**SMALL, posterior=posterior, prior=prior, bound=bound, samples=3)
    model = ArrayVAE(len(COLUMNS), 1, settings, COLUMNS)
    mask = torch.rand(3, len(COLUMNS), generator=torch.Generator().manual_seed(0)) > 0.3
    terms = model.loss(batch(mask, torch.tensor([[0.3], [torch.nan], [-1.0]])), 500, torch.Generator().manual_seed(0))
    terms["loss"].backward()
    own = [value for name, value in model.named_parameters() if not name.startswith("prior.")]  # that is fitted later
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in own)


def test_the_bound_grows_with_samples_and_nears_the_evidence():
    """Of a model whose decoder ignores z, the evidence is the likelihood itself."""
    torch.manual_seed(0)
    model = ArrayVAE(len(COLUMNS), 0, ArrayVAESettings(**SMALL, flow_layers=0), COLUMNS)
    few = torch.stack([model.bound(batch(), 1, torch.Generator().manual_seed(at)) for at in range(50)]).mean(0)
    many = torch.stack([model.bound(batch(), 64, torch.Generator().manual_seed(at)) for at in range(50)]).mean(0)
    assert (many > few).all()
    for layer in model.vae.decoder.network.modules():
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.zeros_(layer.weight)
    expected = model.vae.decoder(torch.zeros(3, 3)).log_prob(VALUE)
    torch.testing.assert_close(model.bound(batch(), 4096), expected, rtol=0, atol=0.1)
