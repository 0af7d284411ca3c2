"""Priors of maps, and models that start from the weights of others."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Generator, nn

from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, descend, no_progress
from sciencegen.networks.pixels import ConditionKinds
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae import flows as prior_fitting
from sciencegen.vae import image_priors
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.conditions import FEWEST_MORE, ConditionImputation
from sciencegen.vae.flows import PriorFitSettings
from sciencegen.vae.image_priors import MANY, MapFlow, augmented_conditions, fit_map_flow, matched, warm_start
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings
from sciencegen.vae.priors import LATENT_PRIORS
from tests.blobs import Blobs, moments

KINDS = ConditionKinds((0,))


def maps(count, generator):
    """Rare and large numbers where what is above is above 0, nothing elsewhere; told is their sign."""
    above = torch.randn(count, 2, 4, 4, generator=generator)
    sign = (torch.rand(count, 1, generator=generator) < 0.5).float() * 2 - 1
    rare = (torch.rand(count, 1, 4, 4, generator=generator) < 0.3) & (above[:, :1] > 0)
    return 3 * rare * sign[..., None, None] + 0.05 * torch.randn(count, 1, 4, 4, generator=generator), above, sign


def fit(flow, draw, steps, active=(True,)):
    drawn = lambda step: draw(64, Generator().manual_seed(step))  # noqa: E731
    return fit_map_flow(flow, drawn, torch.tensor(active), steps, Generator().manual_seed(1))


def test_until_it_is_fitted_a_map_is_its_noise(generator):
    noise, above, _ = maps(3, generator)
    assert torch.equal(MapFlow((1, 4, 4), 2, KINDS, 8, 2)(noise, above, None), noise)


@pytest.mark.long
def test_draws_have_the_distribution_under_what_is_above_and_told(generator):
    torch.manual_seed(0)
    flow = MapFlow((1, 4, 4), 2, KINDS, 16, 12)
    losses = fit(flow, maps, 500)
    assert sum(losses[-50:]) < 0.5 * sum(losses[:50])
    true, above, sign = maps(1000, generator)
    with torch.no_grad():
        drawn = flow(torch.randn(true.shape, generator=generator), above, sign)
    here = above[:, :1] > 0
    assert abs(drawn[here].std() / true[here].std() - 1) < 0.25
    assert (drawn[~here].abs() > 1.5).float().mean() < 0.5 * (drawn[here].abs() > 1.5).float().mean()
    rare = [(values[here].abs() > 1.5).float().mean() for values in (drawn, true)]
    assert abs(rare[0] - rare[1]) < 0.15
    assert ((drawn * sign[..., None, None])[here] > -1).float().mean() > 0.95


def test_a_channel_that_is_not_active_stays_as_it_is(generator):
    def two(count, generator):
        values, above, sign = maps(count, generator)
        return torch.cat([values, torch.randn(values.shape, generator=generator)], 1), above, sign

    flow = MapFlow((2, 4, 4), 2, KINDS, 8, 2)
    fit(flow, two, 20, (True, False))
    values, above, sign = two(3, generator)
    drawn = flow(values, above, sign)
    assert torch.equal(drawn[:, 1], values[:, 1])
    assert not torch.equal(drawn[:, 0], values[:, 0])
    assert not fit(MapFlow((2, 4, 4), 2, KINDS, 8, 2), two, 20, (False, False))  # nothing to fit


@pytest.mark.long
def test_a_place_hears_its_opposite(generator):
    """Maps that are their own turn by 180 degrees, of independent numbers: sides are too far apart for convolutions
    of places, and all that tells what stands opposite is the place itself."""

    def symmetric(count, generator):
        half = torch.randn(count, 1, 8, 8, generator=generator)
        return (half + half.flip(2, 3)) / 2**0.5, torch.zeros(count, 2, 8, 8), None

    torch.manual_seed(0)
    flow = MapFlow((1, 8, 8), 2, ConditionKinds(), 16, 8)
    fit(flow, symmetric, 70)
    noise, above, _ = symmetric(200, generator)
    with torch.no_grad():
        drawn = flow(torch.randn(noise.shape, generator=generator), above, None)
    both = torch.stack([drawn.flatten(), drawn.flip(2, 3).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.8


# A model that begins with another's weights makes what that one made, then obeys what it is newly told.


PYRAMID = PyramidSettings(width=4, multipliers=(1, 2, 2), known=16, maps=(3, 2))
SETTINGS = ImageVAESettings(
    code=5, pyramid=PYRAMID, flow_layers=3, flow_width=16, wish_layers=3, wish_width=16, map_width=8, map_steps=2
)
KNOWN = ConditionKinds((0,), ((1, 2),))
"""Log flux, e1, e2."""


def model_of(kinds, settings):
    network = VectorDiffusionSettings(8, 2, DiffusionSettings(flow_steps=3))
    prior = DiffusionPrior(5, kinds.count, network) if settings.latent_prior == "diffusion" else None
    return ImageVAE((1, 16, 16), kinds, settings, prior=prior)


def stirred(kinds=KNOWN, settings=SETTINGS):
    """A model in which everything depends on everything."""
    torch.manual_seed(0)
    model = model_of(kinds, settings)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.prior.standardize(torch.randn(50, 5) @ torch.randn(5, 5))
    for flow in model.map_flows:
        flow.active.fill_(1)
    model.wishes.fitted.fill_(True)
    return model.eval()


def begun(trained, kinds, columns, settings=SETTINGS):
    torch.manual_seed(1)
    fresh = model_of(kinds, settings).eval()
    for name, parameter in fresh.named_parameters():
        if not name.startswith("wishes."):  # these are learned anew from where they start
            nn.init.normal_(parameter)
    warm_start(trained, fresh, columns)
    return fresh


CASES = {
    "the same": (KNOWN, (0, 1, 2)),
    "new ones": (ConditionKinds((0, 3, 4), ((1, 2),)), (0, 1, 2, None, None)),
    "fewer": (ConditionKinds((), ((0, 1),)), (1, 2)),
    "none": (ConditionKinds(), ()),
    "in another order": (ConditionKinds((0, 3), ((1, 2),)), (None, 1, 2, 0)),
}


@pytest.mark.long
@pytest.mark.parametrize(("prior", "profiles"), [("flow", 0), ("flow", 2), ("diffusion", 0)])
@pytest.mark.parametrize("case", CASES)
def test_whatever_is_told_of_new_columns_nothing_changes(case, prior, profiles, double_precision, generator):
    (kinds, columns), settings = CASES[case], replace(SETTINGS, latent_prior=prior, profiles=profiles)
    model = stirred(settings=settings)
    fresh = begun(model, kinds, columns, settings)
    batch = Blobs().draw(4, generator).with_condition(None)
    told = torch.randn(4, 3).masked_fill(torch.rand(4, 3) < 0.4, torch.nan)
    columns_here = [torch.randn(4) if there is None else told[:, there] for there in columns]
    here = torch.stack(columns_here, 1) if columns else torch.empty(4, 0)
    told = torch.stack([told[:, n] if n in columns else torch.full((4,), torch.nan) for n in range(3)], 1)
    before, after = model.networks.infer(batch, told, None), fresh.networks.infer(batch, here, None)
    torch.testing.assert_close(after.image, before.image)
    for one, other in zip(after.posteriors, before.posteriors, strict=True):
        torch.testing.assert_close(one.mean, other.mean)
        torch.testing.assert_close(one.log_std, other.log_std)
    code = torch.randn(4, 5)
    torch.testing.assert_close(fresh.prior.log_prob(code, here), model.prior.log_prob(code, told))
    for number, above in enumerate(before.above):
        u = torch.randn(4, *model.networks.map_shapes[number])
        made, same = (one.map_flows[number](u, above, c) for one, c in ((fresh, here), (model, told)))
        torch.testing.assert_close(made, same)
        assert not torch.equal(made, u)
    assert bool(fresh.wishes.fitted) == (case == "the same")
    if case == "the same":
        noise = torch.randn(4, model.latent_size)
        assert torch.equal(fresh.generate(noise, told)["image"], model.generate(noise, told)["image"])


@pytest.mark.parametrize("prior", LATENT_PRIORS)
def test_one_that_heard_nothing_hears(prior, double_precision, generator):
    settings = replace(SETTINGS, latent_prior=prior)
    deaf = stirred(ConditionKinds(), settings)
    fresh = begun(deaf, KNOWN, (None, None, None), settings)
    batch, told, code = Blobs().draw(4, generator).with_condition(None), torch.randn(4, 3), torch.randn(4, 5)
    made, same = (one.networks.infer(batch, c, None).image for one, c in ((fresh, told), (deaf, None)))
    torch.testing.assert_close(made, same)
    torch.testing.assert_close(fresh.prior.log_prob(code, told), deaf.prior.log_prob(code))


@pytest.fixture(autouse=True)
def _few_steps_for_new_columns(monkeypatch):
    monkeypatch.setattr(prior_fitting, "NEW_COLUMN_STEPS", 300)


# --- Conditions -------------------------------------------------------------------------------------------------------

DROPOUT = ConditionDropout(some=0.5, everything=0.1, few=0.5)


def pairs(count, generator, shift=0.0):
    """The second column follows the first."""
    first = shift + torch.randn(count, generator=generator)
    return torch.stack([first, first + 0.3 * torch.randn(count, generator=generator)], 1)


@pytest.fixture(scope="module")
def pretrained():
    torch.manual_seed(0)
    wishes = ConditionImputation(2, 4, 64)
    settings = PriorFitSettings(steps=150, batch=128, dropout=DROPOUT)
    wishes.learn(pairs(4000, Generator().manual_seed(0)), Generator().manual_seed(1), settings)
    model = ImageVAE((1, 16, 16), ConditionKinds((0, 1)), SETTINGS)
    model.wishes = wishes
    return model


def few(count, generator):
    """From elsewhere, and with a new column that is 1 where the first is above 1, or 0."""
    two = pairs(count, generator, shift=1.0)
    return torch.cat([two, (two[:, :1] > 1).float()], 1)


def many(pretrained, rows, columns=(0, 1, None)):
    fresh = begun(pretrained, ConditionKinds(tuple(range(len(columns)))), columns)
    signs, settings = torch.ones(1, len(columns)), PriorFitSettings(steps=250, batch=64, dropout=DROPOUT)
    return augmented_conditions(fresh.pretrained, rows, Generator().manual_seed(2), settings, signs)


@pytest.mark.long
def test_draws_are_like_the_few_and_have_the_new_column(pretrained, generator):
    made, true = many(pretrained, few(500, generator)), few(4000, generator)
    assert made.shape == (MANY, 3)
    assert (made.mean(0)[:2] - 1).abs().max() < 0.5
    assert set(made[:, 2].unique().tolist()) == {0.0, 1.0}, "what is given is something that an item has"
    assert abs(torch.corrcoef(made.T)[0, 1] - torch.corrcoef(true.T)[0, 1]) < 0.1
    assert abs(torch.corrcoef(made.T)[0, 2] - torch.corrcoef(true.T)[0, 2]) < 0.15
    assert made[made[:, 2] == 0, 0].mean() < made[made[:, 2] == 1, 0].mean() - 1


def test_too_few_shift_nothing_and_the_trained_model_stays(pretrained, generator):
    before = [parameter.clone() for parameter in pretrained.wishes.parameters()]
    made = many(pretrained, few(FEWEST_MORE - 1, generator))
    assert made[:, :2].mean(0).abs().max() < 0.15
    assert all(map(torch.equal, pretrained.wishes.parameters(), before))


@pytest.mark.long
def test_a_column_that_is_gone_does_not_hinder(pretrained, generator):
    rows = few(500, generator)[:, 1:]
    rows[:10, 1] = torch.nan
    made = many(pretrained, rows, (1, None))
    assert abs(made[:, 0].mean() - 1) < 0.5
    assert not made.isnan().any()


def test_without_anything_to_draw_by_the_few_are_what_there_is(pretrained, generator):
    rows = few(150, generator)
    assert torch.equal(many(pretrained, rows[:, 2:], (None,)), rows[:, 2:])
    unknown = rows.clone()
    unknown[:, 2] = torch.nan
    assert many(pretrained, unknown) is unknown


def test_donors_are_those_that_are_foreseen_alike(generator):
    known = torch.randn(400, 3, generator=generator)
    given = known @ torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    got = matched(known, given, known, generator)
    assert (got - given).abs().mean(0).max() < 0.4
    assert (matched(known[:1], given[:1], known, generator) == given[0]).all()


# --- Priors -----------------------------------------------------------------------------------------------------------


def test_maps_that_noise_hides_keep_their_priors(generator, monkeypatch):
    monkeypatch.setattr(image_priors, "FEWEST_MAPS", 20)
    trained, told = stirred(), {True: [], False: []}
    for noisy in (True, False):
        fresh = begun(trained, KNOWN, (0, 1, 2))
        batch = Blobs(noise=0.01 if noisy else 0.0).draw(24, generator)
        batch = batch.with_condition(batch.condition[:, [0, 2, 3]])
        heard = partial(lambda told, *one: told.append(one[:3]), told[noisy])
        fresh.finish([batch], Generator().manual_seed(0), 3, 8, 3, progress=heard)
        before, after = trained.map_flows.state_dict(), fresh.map_flows.state_dict()
        assert all(torch.equal(before[name], value) for name, value in after.items()) == noisy
        assert torch.equal(fresh.prior.whitening.centre, trained.prior.whitening.centre), "it goes on from what it was"
        assert not torch.equal(fresh.prior.steps[0].lower, trained.prior.steps[0].lower)
        maps = [(f"prior of map {number} of 2", step, 3) for number in (1, 2) for step in (1, 2, 3)]
        assert [one for one in told[noisy] if one[0].startswith("prior of map")] == ([] if noisy else maps)
        assert {("posteriors", 1, 1), ("prior of codes", 3, 3)} < set(told[noisy])


def test_maps_are_of_no_more_items_than_memory_holds(generator, monkeypatch):
    monkeypatch.setattr(image_priors, "MOST_MAPS", 10)
    batches = [Blobs(noise=0.0).draw(size, generator).with_condition(None) for size in (7, 1, 1, 10)]
    maps = image_priors.posterior_maps(stirred(), 0, batches, generator, no_progress)
    assert len(maps.mean) == len(maps.log_std) == len(maps.above) == 10


SMALL = ImageVAESettings(
    code=6,
    pyramid=PyramidSettings(width=8, multipliers=(1, 2, 2), patch=2, known=64),
    flow_layers=2,
    flow_width=16,
    wish_layers=2,
    wish_width=16,
    beta=Warmup(),
    dropout=ConditionDropout(0.5, 0.2),
)


def train(model, draw, steps, rate):
    def loss(step):
        generator = Generator().manual_seed(step)
        return model.loss(draw(32, generator), step, generator)["loss"]

    descend(model.parameters(), loss, steps, DescentSettings(rate))
    return model.eval()


@pytest.mark.slow
def test_a_new_column_is_obeyed_after_a_short_training_on_few(generator):
    """A number that falls with the flux, with a spread of its own, of 150 blobs."""
    blobs, spread = Blobs(noise=0.002), 0.3

    def drawn(count, generator, new=False):
        batch = blobs.draw(count, generator)
        number = spread * torch.randn(count, 1, generator=generator) - batch.condition[:, :1]
        return batch.with_condition(torch.cat([batch.condition[:, [0, 2, 3]], number][: 1 + new], 1))

    torch.manual_seed(0)
    model = train(ImageVAE((1, 16, 16), KNOWN, SMALL), drawn, 120, 6e-3)
    model.finish([drawn(600, generator)], Generator().manual_seed(5), 150)
    fresh = begun(model, ConditionKinds((0, 3), ((1, 2),)), (0, 1, 2, None), SMALL)
    noise, own = torch.randn(200, fresh.latent_size, generator=generator), drawn(150, generator, new=True)

    def flux(asked):
        told = torch.tensor([torch.nan, torch.nan, torch.nan, asked]).expand(200, 4)
        return float(moments(fresh.generate(noise, told)["image"])[:, 0].median())

    before = flux(1.0) - flux(-1.0)
    train(fresh, lambda count, generator: own.select(torch.randint(150, (count,), generator=generator)), 30, 1e-3)
    fresh.finish([own], Generator().manual_seed(6), 300, 256)
    after = flux(1.0) - flux(-1.0)
    print("asked to differ by 2, log fluxes differed by", before, "and differ by", after)
    assert before == 0
    assert -3 < after < -1
