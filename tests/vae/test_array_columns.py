"""Columns with likelihoods of their own, series and images among them, and the cells that an encoder reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.array_columns import (
    LIKELIHOODS,
    VALUES,
    ArrayBlock,
    BlockEncoder,
    Cellwise,
    ColumnEncoder,
    LikelihoodColumn,
    groups_of,
    with_dropout,
)
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings

# Laws of the columns of the VAE of arrays: scales, missing cells, and a bound that is one of the evidence.


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


# The VAE of columns of which some are a series or an image.


BLOCKS_COLUMNS = [
    LikelihoodColumn("gaussian"),
    LikelihoodColumn("categorical", classes=3),
    *[LikelihoodColumn("negative_binomial", 4.0, 2.0, 1.5, 0.4, 1.0)] * 6,
    *[LikelihoodColumn("discretized_logistic", 8.0, 4.0, limits=(0.0, 16.0))] * 12,
    *[LikelihoodColumn("bernoulli", 0.5, 0.5, classes=2, levels=(0.0, 1.0))] * 4,
]
BLOCKS = [
    ArrayBlock("series", (2, 3), (2, 4, 6, 3, 5, 7)), ArrayBlock("image", (1, 3, 4), tuple(range(8, 20))),
    ArrayBlock("series", (1, 4), tuple(range(20, 24))),
]  # fmt: skip
BLOCKS_SMALL = {"latent": 3, "width": 16, "components": 4, "flow_width": 8, "flow_layers": 2}


def batch_blocks(mask: torch.Tensor | None = None) -> Batch:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.cat([
        torch.randn(5, 1, generator=generator), torch.randint(0, 3, (5, 1), generator=generator),
        (torch.randint(0, 9, (5, 6), generator=generator) - 4) / 2,
        (torch.randint(0, 17, (5, 12), generator=generator) - 8) / 4,
        (torch.randint(0, 2, (5, 4), generator=generator) - 0.5) / 0.5,
    ], 1)  # fmt: skip
    return Batch({VALUES: numbers if mask is None else numbers * mask}, mask)


def model(columns=BLOCKS_COLUMNS, blocks=BLOCKS, **settings) -> ArrayVAE:
    torch.manual_seed(0)
    return ArrayVAE(len(columns), 0, ArrayVAESettings(**BLOCKS_SMALL, **settings), columns, blocks).eval()


@pytest.mark.parametrize("settings", [{}, {"prior": "vamp"}, {"posterior": "iaf"}, {"bound": "importance_weighted"}])
def test_rows_are_restored_from_their_latents(settings):
    made = model(**settings)
    assert torch.isfinite(made.loss(batch_blocks(), 0, torch.Generator().manual_seed(0))["loss"])
    latent = made.encode(batch_blocks())
    assert latent.shape == (5, 3 + len(BLOCKS_COLUMNS))
    torch.testing.assert_close(made.decode(latent)[VALUES], batch_blocks()[VALUES], atol=1e-4, rtol=1e-4)


def test_a_model_may_hold_one_block_alone():
    columns, block = BLOCKS_COLUMNS[8:20], ArrayBlock("image", (1, 3, 4), tuple(range(12)))
    values = Batch({VALUES: batch_blocks()[VALUES][:, 8:20]})
    made = model(columns, [block])
    torch.testing.assert_close(made.decode(made.encode(values))[VALUES], values[VALUES], atol=1e-4, rtol=1e-4)


def test_unknown_numbers_add_nothing_and_change_nothing():
    mask = torch.ones(5, len(BLOCKS_COLUMNS), dtype=torch.bool)
    mask[:, 9:15] = False
    made, known = model(), batch_blocks(mask)
    other = Batch({VALUES: torch.where(mask, known[VALUES], 0.25)}, mask)
    torch.testing.assert_close(made.bound(known, 4), made.bound(other, 4))
    assert (made.bound(known, 4) > made.bound(batch_blocks(), 4)).all()


def test_every_network_learns():
    made = model()
    made.loss(batch_blocks(), 0, torch.Generator().manual_seed(0))["loss"].backward()
    still = [name for name, one in made.vae.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert not still


# Counts of a multinomial likelihood as inputs of the encoder: of the row's shape alone, and with dropout.


COUNT = LikelihoodColumn(
    "multinomial", mean=2.0, std=1.5, log_mean=1.0, log_std=0.5, shift=1.0, multinomial="m", normalized=True
)
WEIGHTS_COLUMNS = [LikelihoodColumn("gaussian"), *[COUNT] * 4]


def batch_of(counts: torch.Tensor) -> Batch:
    return Batch({"values": torch.cat([torch.ones(len(counts), 1), (counts - COUNT.mean) / COUNT.std], 1)})


@pytest.fixture(params=["columns", "blocks"])
def encoder(request):
    torch.manual_seed(0)
    if request.param == "columns":
        return ColumnEncoder(WEIGHTS_COLUMNS, 16, 1)
    return BlockEncoder(
        [*WEIGHTS_COLUMNS, *[LikelihoodColumn("gaussian")] * 2], [ArrayBlock("series", (1, 2), (5, 6))], 16, 1
    )


def padded(batch: Batch, encoder) -> Batch:
    """With the series of the encoder of blocks."""
    extra = batch["values"].new_zeros(len(batch), len(encoder.columns) - len(WEIGHTS_COLUMNS))
    return Batch({"values": torch.cat([batch["values"], extra], 1)})


def test_features_depend_on_the_shares_of_counts_alone(encoder):
    counts = torch.tensor([[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    once, twice, other = (encoder(padded(batch_of(one), encoder)) for one in (counts, 2 * counts, counts.flip(1)))
    torch.testing.assert_close(once, twice)
    assert (once[0] != other[0]).any()
    assert once.isfinite().all()


def test_dropout_hides_counts_alone_and_keeps_their_mean(encoder):
    columns = encoder.columns
    batch = padded(batch_of(torch.poisson(torch.full((4000, 4), 3.0))), encoder)
    weights = with_dropout(batch, columns, 0.25, Generator().manual_seed(0)).fields["weights"]
    others = [at for at, one in enumerate(columns) if not one.multinomial]
    assert (weights[:, others] == 1).all()
    assert weights[:, 1:5].unique().tolist() == pytest.approx([0.0, 4 / 3])
    torch.testing.assert_close(weights.mean(0), torch.ones(len(columns)), atol=0.03, rtol=0)
    again = with_dropout(batch, columns, 0.25, Generator().manual_seed(0))
    assert (encoder(again) != encoder(batch)).any()
    assert (again.fields["weights"] == weights).all()
    assert with_dropout(batch, columns, 0.0, Generator()) is batch


def test_the_loss_has_dropout_and_the_bound_has_none():
    torch.manual_seed(0)
    settings = ArrayVAESettings(latent=2, width=8, depth=1, flow_layers=0, count_dropout=0.5)
    model = ArrayVAE(5, 0, settings, WEIGHTS_COLUMNS)
    plain = ArrayVAE(5, 0, ArrayVAESettings(latent=2, width=8, depth=1, flow_layers=0), WEIGHTS_COLUMNS)
    plain.load_state_dict(model.state_dict())
    batch = batch_of(torch.poisson(torch.full((20, 4), 3.0)))
    first, second = (one.loss(batch, 9999, Generator().manual_seed(0))["bound"] for one in (model, plain))
    assert first != second
    torch.testing.assert_close(model.bound(batch, 4), plain.bound(batch, 4))


@pytest.mark.parametrize("wrong", [{"count_dropout": 1.0}, {"count_inputs": "norm"}])
def test_wrong_settings_are_errors(wrong):
    with pytest.raises(ConfigError, match="count_"):
        ArrayVAESettings(**wrong)
