import torch
from torch import Generator

from sciencegen.vae.conditions import FURTHEST, NormalScores


def table(count, generator):
    """A column with an edge, one that is one of three, and one far from standard normal."""
    edge = torch.rand(count, generator=generator).sqrt()
    kind = torch.randint(3, (count,), generator=generator).float()
    skewed = torch.randn(count, generator=generator).mul(2).exp()
    return torch.stack([edge, kind, skewed], 1)


def fitted(rows):
    marginals = NormalScores(rows.shape[1])
    marginals.fit(rows)
    return marginals


def test_scores_are_standard_normal(generator):
    rows = table(20_000, generator)
    scores = fitted(rows).to_scores(rows, generator)
    assert scores.mean(0).abs().max() < 0.02
    assert (scores.std(0) - 1).abs().max() < 0.02
    quarters = torch.quantile(scores, torch.tensor([0.25, 0.75]), 0)
    assert (quarters.abs() - 0.6745).abs().max() < 0.04


def test_normal_draws_become_values_with_the_same_edges_and_kinds(generator):
    rows = table(20_000, generator)
    made = fitted(rows).to_values(torch.randn(20_000, 3, generator=generator))
    assert made[:, 0].max() <= rows[:, 0].max()
    others = ((made[:, 1] - made[:, 1].round()).abs() > 1e-6).float().mean()
    assert others < 0.04  # between two kinds lies one step of the knots
    shares = made[:, 1].round().long().bincount() / len(made)
    assert (shares - 1 / 3).abs().max() < 0.02
    apart = (made.sort(0).values - rows.sort(0).values).abs().mean(0) / rows.std(0)
    assert apart.max() < 0.05


def test_values_come_back(generator):
    rows = table(5000, generator)
    marginals = fitted(rows)
    back = marginals.to_values(marginals.to_scores(rows, generator))
    assert (back - rows)[:, :2].abs().max() < 1e-5
    inside = rows[:, 2] < rows[:, 2].quantile(0.999)
    assert ((back - rows)[inside, 2].abs() / rows[inside, 2]).max() < 1e-3


def test_what_lies_beyond_the_data_has_the_outermost_score(generator):
    marginals = fitted(table(5000, generator))
    scores = marginals.to_scores(torch.tensor([[-1.0, 5.0, 1e9]]), generator)
    assert torch.equal(scores, torch.tensor([[-FURTHEST, FURTHEST, FURTHEST]]))


def test_until_it_is_fitted_values_are_their_own_scores(generator):
    rows = torch.randn(100, 2, generator=generator)
    assert torch.allclose(NormalScores(2).to_scores(rows, Generator().manual_seed(0)), rows, atol=1e-5)
    assert torch.allclose(NormalScores(2).to_values(rows), rows, atol=1e-5)


def test_draws_that_are_not_standard_normal_become_values_of_the_data(generator):
    rows, marginals = table(20_000, generator), NormalScores(3)
    draws = 0.8 * torch.randn(40_000, 3, generator=generator) + 0.3
    marginals.fit(rows, draws[:20_000])
    made = marginals.to_values(draws[20_000:])
    assert ((made.sort(0).values - rows.sort(0).values).abs().mean(0) / rows.std(0)).max() < 0.06
