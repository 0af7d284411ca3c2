"""The VAE of columns of which some are a series or an image."""

from __future__ import annotations

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.vae.array_columns import VALUES, ArrayBlock, LikelihoodColumn
from sciencegen.vae.array_settings import ArrayVAESettings
from sciencegen.vae.array_vae import ArrayVAE

COLUMNS = [
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
SMALL = {"latent": 3, "width": 16, "components": 4, "flow_width": 8, "flow_layers": 2}


def batch(mask: torch.Tensor | None = None) -> Batch:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.cat([
        torch.randn(5, 1, generator=generator), torch.randint(0, 3, (5, 1), generator=generator),
        (torch.randint(0, 9, (5, 6), generator=generator) - 4) / 2,
        (torch.randint(0, 17, (5, 12), generator=generator) - 8) / 4,
        (torch.randint(0, 2, (5, 4), generator=generator) - 0.5) / 0.5,
    ], 1)  # fmt: skip
    return Batch({VALUES: numbers if mask is None else numbers * mask}, mask)


def model(columns=COLUMNS, blocks=BLOCKS, **settings) -> ArrayVAE:
    torch.manual_seed(0)
    return ArrayVAE(len(columns), 0, ArrayVAESettings(**SMALL, **settings), columns, blocks).eval()


@pytest.mark.parametrize("settings", [{}, {"prior": "vamp"}, {"posterior": "iaf"}, {"bound": "importance_weighted"}])
def test_rows_are_restored_from_their_latents(settings):
    made = model(**settings)
    assert torch.isfinite(made.loss(batch(), 0, torch.Generator().manual_seed(0))["loss"])
    latent = made.encode(batch())
    assert latent.shape == (5, 3 + len(COLUMNS))
    torch.testing.assert_close(made.decode(latent)[VALUES], batch()[VALUES], atol=1e-4, rtol=1e-4)


def test_a_model_may_hold_one_block_alone():
    columns, block = COLUMNS[8:20], ArrayBlock("image", (1, 3, 4), tuple(range(12)))
    values = Batch({VALUES: batch()[VALUES][:, 8:20]})
    made = model(columns, [block])
    torch.testing.assert_close(made.decode(made.encode(values))[VALUES], values[VALUES], atol=1e-4, rtol=1e-4)


def test_unknown_numbers_add_nothing_and_change_nothing():
    mask = torch.ones(5, len(COLUMNS), dtype=torch.bool)
    mask[:, 9:15] = False
    made, known = model(), batch(mask)
    other = Batch({VALUES: torch.where(mask, known[VALUES], 0.25)}, mask)
    torch.testing.assert_close(made.bound(known, 4), made.bound(other, 4))
    assert (made.bound(known, 4) > made.bound(batch(), 4)).all()


def test_every_network_learns():
    made = model()
    made.loss(batch(), 0, torch.Generator().manual_seed(0))["loss"].backward()
    still = [name for name, one in made.vae.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert not still
