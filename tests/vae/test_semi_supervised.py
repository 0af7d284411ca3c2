import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.conditions import ConditionInference, DiscreteInference, GaussianInference
from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.model import ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_log_prob
from sciencegen.vae.priors import ConditionalGaussianPrior, StandardNormalPrior
from tests.vae.test_model import ConditionalDecoder, Field, MLPField, train

pytestmark = pytest.mark.usefixtures("double_precision")

HEADS = {
    "gaussian": lambda: GaussianInference(4, 2),
    "discrete": lambda: DiscreteInference(4, 2, [-1.0, 0.0, 1.0], column=1),
}


@pytest.mark.parametrize("name", HEADS)
def test_what_is_known_or_forgotten_stays_and_what_is_missing_is_filled(name, generator):
    head = HEADS[name]()
    assert isinstance(head, ConditionInference)
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


@pytest.mark.parametrize("name", HEADS)
def test_the_kl_is_the_expected_log_ratio(name, generator):
    head, count = HEADS[name](), 50_000
    features = torch.randn(1, 4, generator=generator).expand(count, -1)
    missing = torch.tensor([[False, True]]).expand(count, -1)
    done = head.complete(features, torch.full((count, 2), torch.nan), missing, generator)
    ratio = -(done.log_weight.exp() * done.log_ratio).sum() / count
    assert ratio.item() == pytest.approx(done.kl[0].item(), abs=0.03)


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
