"""Conditions of a model: corrected, imputed, inferred; densities of missing columns."""

import math

import pytest
import torch
from torch import Generator, nn
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.conditions import (
    FEWEST,
    FURTHEST,
    ArbitraryConditionals,
    ConditionImputation,
    DiscreteInference,
    GaussianInference,
    NormalScores,
    _quantile,
)
from sciencegen.vae.conditions import corrected as again
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFitSettings, fit_prior
from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.model import ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_log_prob
from sciencegen.vae.priors import ConditionalGaussianPrior, StandardNormalPrior
from tests.vae.test_model import ConditionalDecoder, Field, MLPField, train


def corrected(make, measure, condition, times):
    return again(make, measure, lambda values: torch.where(condition.isnan(), values, condition), condition, times)


def made_of(slope, offset=0.3):
    return lambda asked: (slope * asked + offset)[:, :, None]


def measured(made):
    return made[:, :, 0]


def test_what_was_missed_is_asked_for_whatever_the_slope():
    condition = torch.tensor([[0.5, -1.0], [2.0, 0.1]])
    for slope in (0.6, 1.0, 1.5, 3.0, 8.0):
        off = [(measured(corrected(made_of(slope), measured, condition, n)) - condition).norm(dim=1) for n in (0, 20)]
        assert (off[1] <= off[0]).all()
        assert off[1].max() < 0.02, slope


def test_properties_that_pull_at_each_other_are_told_apart():
    pull = torch.tensor([[1.0, 0.8], [-0.6, 0.5]])
    condition = torch.tensor([[0.5, -1.0], [2.0, 0.1]])
    made = corrected(lambda asked: (asked @ pull)[:, :, None], measured, condition, 8)
    torch.testing.assert_close(measured(made), condition, rtol=0, atol=1e-3)


def test_of_a_wish_for_some_the_rest_is_free(generator):
    """Told is a sum, which is no column by itself: both columns are asked for what is missing of it."""
    pull = torch.tensor([[1.0, 0.4], [-0.6, 0.7]])
    first = torch.randn(50, 2, generator=generator)
    wish = lambda seen: seen + (2 - seen.sum(1, keepdim=True)) / 2  # noqa: E731
    made = measured(again(lambda asked: (asked @ pull)[:, :, None], measured, wish, first, 8))
    torch.testing.assert_close(made.sum(1), torch.full((50,), 2.0), rtol=0, atol=1e-3)


def test_a_wrong_sign_is_found_out_and_free_columns_stay():
    condition = torch.tensor([[0.5, torch.nan]])
    asked_for = []

    def make(asked):
        asked_for.append(asked)
        return torch.stack([-asked[:, 0], asked[:, 0]], 1)[:, :, None]

    made = corrected(make, measured, condition, 5)
    assert measured(made)[0, 0] == 0.5
    assert all(asked[:, 1].isnan().all() for asked in asked_for)


def test_what_cannot_be_measured_counts_only_where_it_could_be_before():
    condition = torch.tensor([[1.0, 1.0], [1.0, 1.0]])

    def measure(made):
        seen = measured(made).clone()
        seen[:, 1] = torch.nan
        seen[1][seen[1] > 1.3] = torch.nan  # the second row fails at the second try
        return seen

    made = measured(corrected(made_of(0.5, 0.0), measure, condition, 8))
    assert abs(made[0, 0] - 1) < 0.05
    assert made[1].isfinite().all()


DROPOUT = ConditionDropout(some=0.5, everything=0.1, few=0.5)


def conditions(count, generator):
    """The second column follows from the first, the third doesn't."""
    first, other = torch.randn(2, count, generator=generator)
    return torch.stack([first, first.tanh(), other], 1)


def test_until_it_is_fitted_nothing_is_drawn(generator):
    wishes, told = ConditionImputation(3, 2, 16), torch.tensor([[1.0, torch.nan, torch.nan]])
    assert wishes(torch.randn(1, 3, generator=generator), None) is None
    assert wishes(torch.randn(1, 3, generator=generator), told) is told
    few = conditions(FEWEST, generator)
    few[0, 0] = torch.nan
    assert wishes.learn(few, generator, PriorFitSettings(steps=10, batch=16, dropout=DROPOUT)) is None
    assert not wishes.fitted


@pytest.mark.long
def test_what_is_told_stays_and_the_rest_follows_from_it(generator):
    torch.manual_seed(0)
    wishes = ConditionImputation(3, 4, 32)
    settings = PriorFitSettings(steps=200, batch=128, dropout=DROPOUT)
    wishes.learn(conditions(4000, generator), Generator().manual_seed(1), settings)
    noise, told = torch.randn(2000, 3, generator=generator), conditions(2000, generator)
    told[:, 1:] = torch.nan
    with torch.no_grad():
        drawn, free = wishes(noise, told), wishes(noise, None)
    assert torch.equal(drawn[:, 0], told[:, 0])
    apart = [(drawn[:, 1] - first.tanh()).abs().mean() for first in (told[:, 0], told[:, 0].flip(0))]
    assert apart[0] < 0.4 * apart[1]
    assert abs(torch.corrcoef(drawn.T)[0, 2]) < 0.1
    assert (free.std(0) - conditions(2000, generator).std(0)).abs().max() < 0.4
    apart = [(free[:, 1] - first.tanh()).abs().mean() for first in (free[:, 0], free[:, 0].flip(0))]
    assert apart[0] < 0.5 * apart[1]


def test_what_follows_is_made_so(generator):
    wishes = ConditionImputation(2, 1, 8, lambda told, found: found.clamp(min=0))
    wishes.fitted.fill_(True)
    with torch.no_grad():
        assert wishes(torch.randn(20, 2, generator=generator), None).min() == 0


def test_the_flow_of_an_earlier_version_is_loaded_as_such(generator):
    told = torch.tensor([[1.0, torch.nan, torch.nan]])
    earlier, now = ConditionImputation(3, 2, 8), ConditionImputation(3, 2, 8)
    earlier.flow = FlowPrior(3, 3, FlowSettings(2, 8, transform="spline"))
    earlier.fitted.fill_(True)
    now.load_state_dict(earlier.state_dict())
    noise = torch.randn(1, 3, generator=generator)
    with torch.no_grad():
        assert torch.equal(now(noise, told), earlier(noise, told))


in_doubles = pytest.mark.usefixtures("double_precision")

HEADS = {
    "gaussian": lambda: GaussianInference(4, 2),
    "discrete": lambda: DiscreteInference(4, 2, [-1.0, 0.0, 1.0], column=1),
}


@in_doubles
@pytest.mark.parametrize("name", HEADS)
def test_what_is_known_or_forgotten_stays_and_what_is_missing_is_filled(name, generator):
    head = HEADS[name]()
    features = torch.randn(3, 4, generator=generator)
    nan = torch.nan
    condition = torch.tensor([[0.5, 1.0], [0.5, nan], [nan, nan]])
    missing = torch.tensor([[False, False], [False, True], [False, False]])
    done = head.complete(features, condition, missing, generator)
    for row in (0, 2):
        torch.testing.assert_close(done.condition[done.rows == row], condition[row : row + 1], equal_nan=True)
        assert done.kl[row] == 0
        assert (done.log_ratio[done.rows == row] == 0).all()
    filled = done.condition[done.rows == 1]
    assert (filled[:, 0] == 0.5).all()
    assert not torch.isnan(filled).any()
    totals = torch.zeros(3).index_add(0, done.rows, done.log_weight.exp())
    torch.testing.assert_close(totals, torch.ones(3))
    assert done.kl[1] > 0


@in_doubles
@pytest.mark.parametrize("name", HEADS)
def test_the_kl_is_the_expected_log_ratio(name, generator):
    head, count = HEADS[name](), 50_000
    features = torch.randn(1, 4, generator=generator).expand(count, -1)
    missing = torch.tensor([[False, True]]).expand(count, -1)
    done = head.complete(features, torch.full((count, 2), torch.nan), missing, generator)
    ratio = -(done.log_weight.exp() * done.log_ratio).sum() / count
    assert ratio.item() == pytest.approx(done.kl[0].item(), abs=0.03)


@in_doubles
def test_labels_are_judged_only_where_they_are():
    features = torch.randn(2, 4)
    nan = torch.nan
    for head in (make() for make in HEADS.values()):
        none = head.label_log_prob(features, torch.full((2, 2), nan))
        assert none.tolist() == [0.0, 0.0]
        assert (head.label_log_prob(features, torch.tensor([[nan, 1.0]] * 2)) != 0).all()
    discrete = HEADS["discrete"]()
    each = torch.stack([discrete.label_log_prob(features, torch.tensor([[nan, v]] * 2)) for v in (-1.0, 0.0, 1.0)])
    torch.testing.assert_close(each.exp().sum(0), torch.ones(2))


@in_doubles
def test_a_head_without_a_column_or_values_is_refused():
    with pytest.raises(ConfigError, match=r"column below 2, got .* column 2"):
        DiscreteInference(4, 2, [0.0, 1.0], column=2)
    with pytest.raises(ConfigError, match="2 or more values"):
        DiscreteInference(4, 2, [0.0])
    with pytest.raises(ConfigError, match="a column below 2"):
        DiscreteInference(4, 2, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for prior in ([], [1.0]):
        with pytest.raises(ConfigError, match="a prior of as many chances"):
            DiscreteInference(1, 2, [0.0, 1.0], prior=prior)


class TwoMeans(nn.Module):
    """x = z + 3 c exactly known: N(z + 3 c, 0.5^2)."""

    def forward(self, z, condition, batch):
        return Gaussian(z + 3 * condition, torch.tensor(0.5).log())


class ExactOfTwoMeans(nn.Module):
    latent_size = 1

    def forward(self, features, condition):
        precision = 1 + 1 / 0.25
        mean = (features - 3 * condition) / 0.25 / precision
        return DiagonalGaussian(mean, torch.full_like(mean, -0.5 * math.log(precision)))


def model_of_two_means(head):
    return ConditionalVAE(VAEParts(Field(), TwoMeans(), ExactOfTwoMeans(), StandardNormalPrior(1), head), "x")


def log_normal(x, mean, variance):
    return MultivariateNormal(torch.tensor([mean]), torch.tensor([[variance]])).log_prob(x)


@in_doubles
def test_enumeration_of_a_discrete_condition_gives_the_exact_evidence(generator):
    """log p(x) = log sum_c p(c) N(x; 3 c, 1.25) where c is missing, log p(x | c) where it is there."""
    head = DiscreteInference(1, 1, [-1.0, 1.0], prior=[0.3, 0.7])
    model = model_of_two_means(head)
    x = torch.randn(6, 1, generator=generator) * 3
    condition = torch.tensor([[1.0], [torch.nan]] * 3)
    batch = Batch({"x": x}, condition=condition)
    given = log_normal(x, 3.0, 1.25)
    free = torch.logaddexp(given + math.log(0.7), log_normal(x, -3.0, 1.25) + math.log(0.3))
    exact = torch.where(torch.isnan(condition[:, 0]), free, given)
    torch.testing.assert_close(model.bound(batch, 3), exact, rtol=0, atol=1e-6)
    # The ELBO's reconstruction is of one z: many copies of each row, and what is unknown costs KL(q(c) || p(c | x)).
    elbo = model.terms(batch.repeat_interleave(20_000)).elbo.reshape(6, -1)
    error = elbo.std(1) / 20_000**0.5
    assert ((elbo.mean(1) - given)[::2].abs() < 4 * error[::2]).all()
    assert (elbo.mean(1) < exact - 0.1)[1::2].all()


class Difference(nn.Module):
    """A network that reads the difference of two conditions as one."""

    latent_size = 1

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, first, condition, *batch):
        return self.network(first, condition[:, :1] - condition[:, 1:], *batch)


@in_doubles
def test_one_hot_codes_give_what_numbers_give(generator):
    """(1, 0) and (0, 1) stand for 1 and -1."""
    number, code = DiscreteInference(1, 1, [1.0, -1.0]), DiscreteInference(1, 2, [[1.0, 0.0], [0.0, 1.0]])
    code.head.load_state_dict(number.head.state_dict())
    networks = Field(), Difference(TwoMeans()), Difference(ExactOfTwoMeans()), StandardNormalPrior(1)
    coded = ConditionalVAE(VAEParts(*networks, code), "x")
    x, nan = torch.randn(6, 1, generator=generator) * 3, torch.nan
    batch = Batch({"x": x}, condition=torch.tensor([[1.0], [-1.0], [nan]] * 2))
    same = batch.with_condition(torch.tensor([[1.0, 0.0], [0.0, 1.0], [nan, nan]] * 2))
    torch.testing.assert_close(coded.bound(same, 2), model_of_two_means(number).bound(batch, 2))
    judged = code.label_log_prob(x, same.condition)
    torch.testing.assert_close(judged, number.label_log_prob(x, batch.condition))
    assert (judged != 0).tolist() == [True, True, False] * 2
    filled = coded.completed_condition(same)
    assert torch.equal(filled[:, 0] - filled[:, 1], model_of_two_means(number).completed_condition(batch)[:, 0])
    assert torch.equal(filled.sum(1), torch.ones(6))


def exact_head(extra_log_std):
    """q(c | x) = p(c | x) of x = 3 c + N(0, 1.25), c ~ N(0, 1), its spread changed by a factor."""
    head, precision = GaussianInference(1, 1, depth=0), 1 + 9 / 1.25
    log_std = torch.tensor(extra_log_std - 0.5 * math.log(precision))
    head.head.output.weight.data = torch.tensor([[3 / 1.25 / precision], [0.0]])
    head.head.output.bias.data = torch.stack([torch.tensor(0.0), 5 * torch.atanh(log_std / 5)])
    return head


@in_doubles
def test_a_sampled_condition_gives_the_evidence_or_approaches_it_from_below(generator):
    batch = Batch({"x": torch.randn(400, 1, generator=generator) * 3})
    exact = log_normal(batch["x"], 0.0, 10.25)
    torch.testing.assert_close(model_of_two_means(exact_head(0.0)).bound(batch, 2), exact, rtol=0, atol=1e-10)
    wide = model_of_two_means(exact_head(0.7))
    bounds = [float((wide.bound(batch, k) - exact).mean()) for k in (1, 5, 25, 500)]
    assert bounds == sorted(bounds)
    assert bounds[0] < -0.5
    assert abs(bounds[-1]) < 0.01
    assert wide.terms(batch).elbo.mean() < exact.mean() - 0.5


def mostly_unlabelled(condition, generator):
    hidden = torch.rand(len(condition), generator=generator) > 0.1
    return condition.masked_fill(hidden[:, None], torch.nan)


@in_doubles
def test_ten_percent_of_the_labels_tell_the_classes(generator):
    """Two classes in five dimensions, overlapping in each of them; 4 to 5 labels of each class in all."""
    centre = torch.tensor([1.2, -1.2, 1.2, -1.2, 1.2])
    label = 2.0 * torch.randint(2, (100, 1), generator=generator) - 1
    x = label * centre + torch.randn(100, 5, generator=generator)
    batch = Batch({"x": x}, condition=mostly_unlabelled(label, generator))
    assert 5 < int((~torch.isnan(batch.condition)).sum()) < 16
    parts = MLPField(5), ConditionalDecoder(2, 1, 5), GaussianPosterior(32, 2, 1), StandardNormalPrior(2)
    head = DiscreteInference(32, 1, [-1.0, 1.0], width=16)
    train(model := ConditionalVAE(VAEParts(*parts, head), "x"), lambda: batch, 200, generator)
    test = 2.0 * torch.randint(2, (2000, 1), generator=generator) - 1
    unseen = Batch({"x": test * centre + torch.randn(2000, 5, generator=generator)})
    with torch.no_grad():
        right = (model.completed_condition(unseen) == test).double().mean()
    assert right > 0.95


@pytest.mark.long
@in_doubles
def test_ten_percent_of_the_labels_tell_a_number(generator):
    slope = torch.tensor([1.0, -1.0, 0.5, 2.0])
    c = torch.randn(400, 1, generator=generator)
    x = c * slope + 0.3 * torch.randn(400, 4, generator=generator)
    batch = Batch({"x": x}, condition=mostly_unlabelled(c, generator))
    parts = MLPField(4), ConditionalDecoder(1, 1, 4), GaussianPosterior(32, 1, 1), ConditionalGaussianPrior(1, 1, 16)
    settings = VAESettings(label_weight=5.0, dropout=ConditionDropout(everything=0.1))
    model = ConditionalVAE(VAEParts(*parts, GaussianInference(32, 1, 16)), "x", settings)
    train(model, lambda: batch, 300, generator)
    hidden = torch.isnan(batch.condition)
    with torch.no_grad():
        inferred = model.completed_condition(batch)
    assert torch.equal(inferred[~hidden], c[~hidden])
    assert (inferred - c)[hidden].abs().mean() < 0.25
    terms = model.loss(batch, 0, generator)
    assert {"loss", "reconstruction", "kl", "bound", "beta", "label"} == set(terms)


@pytest.mark.long
@in_doubles
def test_without_a_head_a_missing_condition_is_marginalized(generator):
    """The bound of a row without its condition doesn't exceed the evidence of the marginal."""

    def draw():
        c = torch.randn(128, 1, generator=generator)
        x = 2 * c + 0.5 * torch.randn(128, 1, generator=generator)
        return Batch({"x": x}, condition=c.masked_fill(torch.rand(128, 1, generator=generator) < 0.5, torch.nan))

    parts = MLPField(1), ConditionalDecoder(1, 1, 1), GaussianPosterior(32, 1, 1), ConditionalGaussianPrior(1, 1, 16)
    model = train(ConditionalVAE(VAEParts(*parts), "x"), draw, 400, generator)
    fresh = torch.randn(2000, 1, generator=generator)
    observed = 2 * fresh + 0.5 * torch.randn(2000, 1, generator=generator)
    free = model.bound(Batch({"x": observed}, condition=torch.full((2000, 1), torch.nan)), 20).mean()
    given = model.bound(Batch({"x": observed}, condition=fresh), 20).mean()
    assert free == pytest.approx(float(log_normal(observed, 0.0, 4.25).mean()), abs=0.15)
    truth = standard_normal_log_prob((observed - 2 * fresh) / 0.5) - math.log(0.5)
    assert given == pytest.approx(float(truth.mean()), abs=0.15)


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


DENSITY_DROPOUT = ConditionDropout(some=1.0, everything=0.3, few=0.5)


def rows(count, generator):
    """Standard normal columns; the second has correlation 0.8 with the first, the third is one of two values."""
    first, second, third = torch.randn(3, count, generator=generator)
    second = 0.8 * first + 0.6 * second
    return torch.stack([first, second, (third + second > 0) * 2.0 - 1.0], 1)


@pytest.fixture(scope="module")
def fitted_density():
    torch.manual_seed(0)
    density, generator = ArbitraryConditionals(3, 2, 32), Generator().manual_seed(1)
    data = rows(5000, generator)
    blur = torch.full_like(data, math.log(0.05))
    settings = PriorFitSettings(steps=600, batch=256, dropout=DENSITY_DROPOUT, learning_rate=5e-3)
    fit = fit_prior(density, data, data, generator, log_std=blur, settings=settings)
    assert fit.end < fit.start - 1
    return density


def draws(density, known, generator):
    with torch.no_grad():
        return density(torch.randn(known.shape, generator=generator), known)


def test_a_missing_column_follows_from_any_known_one(fitted_density, generator):
    for given, asked in ((0, 1), (1, 0)):
        known = torch.full((4000, 3), torch.nan)
        known[:, given] = 1.0
        drawn = draws(fitted_density, known, generator)
        assert torch.equal(drawn[:, given], known[:, given])
        assert drawn[:, asked].mean() == pytest.approx(0.8, abs=0.12)
        assert drawn[:, asked].std() == pytest.approx(0.6, abs=0.1)


def test_without_known_columns_their_dependences_are_drawn(fitted_density, generator):
    drawn, data = draws(fitted_density, torch.full((4000, 3), torch.nan), generator), rows(4000, generator)
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


def test_noise_and_draws_have_the_same_order(fitted_density):
    noise = torch.zeros(9, 3)
    noise[:, 1] = torch.linspace(-3, 3, 9)
    known = torch.tensor([[0.2, torch.nan, 1.0]]).expand(9, 3)
    with torch.no_grad():
        assert (fitted_density(noise, known)[:, 1].diff() > 0).all()
