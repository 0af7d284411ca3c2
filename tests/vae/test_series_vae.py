"""Laws of the VAE of a series with dynamics."""

from __future__ import annotations

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.array_columns import VALUES, ArrayBlock, LikelihoodColumn
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.series_vae import SeriesVAE, SeriesVAESettings

UNITS, TIME = 3, 6
COUNT = LikelihoodColumn("poisson", 2.0, 1.5, 0.9, 0.5, 1.0)
COLUMNS = [LikelihoodColumn("gaussian"), *[COUNT] * (UNITS * TIME)]
SERIES = ArrayBlock(
    "series", (UNITS, TIME), tuple(1 + UNITS * at + unit for unit in range(UNITS) for at in range(TIME))
)
"""Numbers are [time unit] in a row, [unit time] in the block."""
SMALL = {"latent": 2, "width": 16, "factors": 2, "flow_width": 8, "flow_layers": 2}
CASES = [
    {}, {"inputs": 2}, {"posterior": "iaf"}, {"prior": "vamp", "components": 4}, {"bound": "importance_weighted"},
    {"layers": (3, 2)},
]  # fmt: skip


def batch(rows: int = 5, condition: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(0)
    number = torch.randn(rows, 1, generator=generator)
    counts = torch.poisson(torch.full((rows, UNITS * TIME), 2.0), generator=generator)
    return Batch({VALUES: torch.cat([number, (counts - 2.0) / 1.5], 1)}, None, number if condition else None)


def made(properties: int = 0, columns=COLUMNS, **settings) -> SeriesVAE:
    torch.manual_seed(0)
    return SeriesVAE(len(columns), properties, SeriesVAESettings(**SMALL | settings), columns, [SERIES]).eval()


@pytest.mark.parametrize("settings", CASES)
@pytest.mark.parametrize("properties", [0, 1])
def test_rows_are_restored_from_their_latents(settings, properties):
    model, rows = made(properties, **settings), batch(condition=bool(properties))
    assert torch.isfinite(model.loss(rows, 0, torch.Generator().manual_seed(0))["loss"])
    torch.testing.assert_close(model.decode(model.encode(rows))[VALUES], rows[VALUES], atol=1e-4, rtol=1e-4)
    found = model.inferred(model.encode(rows))
    assert found["rates"].shape == (5, TIME, UNITS)
    assert found["factors"].shape == (5, TIME, 2)
    assert ("inputs" in found) == bool(settings.get("inputs"))


@pytest.mark.parametrize("settings", [{}, {"inputs": 1}])
def test_every_network_learns(settings):
    model = made(**settings)
    model.loss(batch(), 0, torch.Generator().manual_seed(0))["loss"].backward()
    still = [name for name, one in model.vae.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    # Without inputs the generator's own input is 0
    assert still == ([] if settings else ["decoder.writers.0.network.weight_ih_l0"])


def test_rates_are_the_means_of_draws():
    """The mean count of many draws with one code is its rate; the columns of the table are [time unit]."""
    model = made(flow_layers=0)
    code = torch.tensor([[1.5, -0.7]])
    noise = torch.randn(20_000, len(COLUMNS), generator=torch.Generator().manual_seed(0))
    drawn = model.decode(torch.cat([code.expand(len(noise), -1), noise], 1))[VALUES]
    counts = (drawn[:, 1:] * 1.5 + 2.0).unflatten(1, (TIME, UNITS)).mean(0)
    rates = model.inferred(torch.cat([code, noise[:1]], 1))["rates"][0]
    torch.testing.assert_close(counts, rates, atol=0.05, rtol=0)


def test_what_is_inferred_does_not_hold_the_noise():
    model = made(inputs=1)
    latent = model.encode(batch())
    other = latent.clone()
    other[:, model.semantic_size :] += 1.0
    for name, one in model.inferred(latent).items():
        assert torch.equal(one, model.inferred(other)[name])


def rotations(count: int, generator: torch.Generator) -> tuple[Batch, torch.Tensor]:
    """Counts of three units whose log rates turn at one speed from a random phase, and their rates [row time unit]."""
    phase = 6.2832 * torch.rand(count, 1, 1, generator=generator)
    angle = phase + 0.8 * torch.arange(TIME)[None, :, None] + torch.tensor([0.0, 2.1, 4.2])
    rates = 2 * (1.2 * torch.cos(angle)).exp()
    values = (torch.poisson(rates, generator=generator).flatten(1) - 2.0) / 1.5
    return Batch({VALUES: torch.cat([torch.zeros(count, 1), values], 1)}), rates


@pytest.mark.parametrize("settings", [{}, pytest.param({"inputs": 1}, marks=pytest.mark.slow)])
def test_rates_are_inferred_from_counts(settings):
    """Single counts explain less than none of it: their noise is as great as the rates."""
    model = made(beta=Warmup("linear", 100), flow_layers=0, **settings).train()
    generator, optimizer = torch.Generator().manual_seed(0), torch.optim.Adam(model.parameters(), 1e-2, fused=True)
    for step in range(160):
        optimizer.zero_grad()
        model.loss(rotations(64, generator)[0], step, generator)["loss"].backward()
        optimizer.step()
    fresh, rates = rotations(500, generator)
    found = model.eval().inferred(model.encode(fresh))["rates"]
    explained = 1 - (found - rates).square().sum() / (rates - rates.mean((0, 1))).square().sum()
    print("explained", explained.item())
    assert explained > 0.7


WRONG = {
    "factors of 1 or more": {"factors": 0},
    "inputs of 0 or more": {"inputs": -1},
    "no semi_supervised with inputs": {"inputs": 1, "posterior": "iaf"},
}


@pytest.mark.parametrize("message", WRONG)
def test_impossible_settings_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        SeriesVAESettings(**WRONG[message])


def test_there_must_be_one_series():
    image = ArrayBlock("image", (1, 2, 9), tuple(range(1, 19)))
    for blocks in ([], [image], [SERIES, image]):
        with pytest.raises(ConfigError, match="Expected one series"):
            SeriesVAE(len(COLUMNS), 0, SeriesVAESettings(**SMALL), COLUMNS, blocks)
