"""Counts of a multinomial likelihood as inputs of the encoder: of the row's shape alone, and with dropout."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.array_columns import ArrayBlock, BlockEncoder, ColumnEncoder, LikelihoodColumn, with_dropout
from sciencegen.vae.array_settings import ArrayVAESettings
from sciencegen.vae.array_vae import ArrayVAE

COUNT = LikelihoodColumn(
    "multinomial", mean=2.0, std=1.5, log_mean=1.0, log_std=0.5, shift=1.0, multinomial="m", normalized=True
)
COLUMNS = [LikelihoodColumn("gaussian"), *[COUNT] * 4]


def batch_of(counts: torch.Tensor) -> Batch:
    return Batch({"values": torch.cat([torch.ones(len(counts), 1), (counts - COUNT.mean) / COUNT.std], 1)})


@pytest.fixture(params=["columns", "blocks"])
def encoder(request):
    torch.manual_seed(0)
    if request.param == "columns":
        return ColumnEncoder(COLUMNS, 16, 1)
    return BlockEncoder([*COLUMNS, *[LikelihoodColumn("gaussian")] * 2], [ArrayBlock("series", (1, 2), (5, 6))], 16, 1)


def padded(batch: Batch, encoder) -> Batch:
    """With the series of the encoder of blocks."""
    extra = batch["values"].new_zeros(len(batch), len(encoder.columns) - len(COLUMNS))
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
    model = ArrayVAE(5, 0, settings, COLUMNS)
    plain = ArrayVAE(5, 0, ArrayVAESettings(latent=2, width=8, depth=1, flow_layers=0), COLUMNS)
    plain.load_state_dict(model.state_dict())
    batch = batch_of(torch.poisson(torch.full((20, 4), 3.0)))
    first, second = (one.loss(batch, 9999, Generator().manual_seed(0))["bound"] for one in (model, plain))
    assert first != second
    torch.testing.assert_close(model.bound(batch, 4), plain.bound(batch, 4))


@pytest.mark.parametrize("wrong", [{"count_dropout": 1.0}, {"count_inputs": "norm"}])
def test_wrong_settings_are_errors(wrong):
    with pytest.raises(ConfigError, match="count_"):
        ArrayVAESettings(**wrong)
