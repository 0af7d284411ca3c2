import math

import pytest
import torch
from torch import Generator, nn

from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.conditions import ArbitraryConditionals, _quantile
from sciencegen.vae.flows import PriorFitSettings, fit_prior

DROPOUT = ConditionDropout(some=1.0, everything=0.3, few=0.5)


def rows(count, generator):
    """Standard normal columns; the second has correlation 0.8 with the first, the third is one of two values."""
    first, second, third = torch.randn(3, count, generator=generator)
    second = 0.8 * first + 0.6 * second
    return torch.stack([first, second, (third + second > 0) * 2.0 - 1.0], 1)


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    density, generator = ArbitraryConditionals(3, 2, 32), Generator().manual_seed(1)
    data = rows(5000, generator)
    blur = torch.full_like(data, math.log(0.05))
    settings = PriorFitSettings(steps=600, batch=256, dropout=DROPOUT, learning_rate=5e-3)
    fit = fit_prior(density, data, data, generator, log_std=blur, settings=settings)
    assert fit.end < fit.start - 1
    return density


def draws(density, known, generator):
    with torch.no_grad():
        return density(torch.randn(known.shape, generator=generator), known)


def test_a_missing_column_follows_from_any_known_one(fitted, generator):
    for given, asked in ((0, 1), (1, 0)):
        known = torch.full((4000, 3), torch.nan)
        known[:, given] = 1.0
        drawn = draws(fitted, known, generator)
        assert torch.equal(drawn[:, given], known[:, given])
        assert drawn[:, asked].mean() == pytest.approx(0.8, abs=0.12)
        assert drawn[:, asked].std() == pytest.approx(0.6, abs=0.1)


def test_without_known_columns_their_dependences_are_drawn(fitted, generator):
    drawn, data = draws(fitted, torch.full((4000, 3), torch.nan), generator), rows(4000, generator)
    assert (torch.corrcoef(drawn.T) - torch.corrcoef(data.T)).abs().max() < 0.1
    assert ((drawn[:, 2].abs() - 1).abs() < 0.3).float().mean() > 0.95


def test_log_probabilities_integrate_to_one(generator):
    torch.manual_seed(0)
    density = ArbitraryConditionals(2, 2, 16)
    for parameter in density.parameters():
        nn.init.normal_(parameter, std=0.3)
    grid = torch.linspace(-12, 12, 4001)
    values = torch.stack([torch.full_like(grid, 0.7), grid], 1)
    shown = torch.tensor([True, False]).expand_as(values)
    with torch.no_grad():
        assert torch.trapezoid(density._log_prob(values, shown)[:, 1].exp(), grid).item() == pytest.approx(1, abs=1e-3)


def test_quantiles_invert_the_distribution():
    mixture = tuple(torch.tensor([part]) for part in ([math.log(0.3), math.log(0.7)], [-1.0, 2.0], [-1.0, 0.5]))
    for probability in (0.001, 0.3, 0.9):
        value = float(_quantile(torch.tensor([probability]), mixture))
        below = sum(
            weight * float(torch.special.ndtr(torch.tensor((value - mean) / math.exp(log_std))))
            for weight, mean, log_std in ((0.3, -1.0, -1.0), (0.7, 2.0, 0.5))
        )
        assert below == pytest.approx(probability, abs=1e-4)


def test_noise_and_draws_have_the_same_order(fitted):
    noise = torch.zeros(9, 3)
    noise[:, 1] = torch.linspace(-3, 3, 9)
    known = torch.tensor([[0.2, torch.nan, 1.0]]).expand(9, 3)
    with torch.no_grad():
        assert (fitted(noise, known)[:, 1].diff() > 0).all()
