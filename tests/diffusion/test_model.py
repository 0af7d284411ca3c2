import itertools
import math

import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.process import convert
from sciencegen.diffusion.samplers import SAMPLERS, no_noise, noise_of
from sciencegen.diffusion.schedules import Cosine, Learned, Linear
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.diffusion.steering import SteeredModel, Steering, of_estimate, predictor_gradient
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, descend
from sciencegen.networks.mlp import VectorDenoiser
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.train import train
from tests.diffusion.known_data import VECTOR, GaussianData


class Known(nn.Module):
    """The exact network of Gaussian data whose mean is the condition where given, for any prediction."""

    def __init__(self, prediction, std=0.6):
        super().__init__()
        self.prediction, self.std = prediction, std
        self.level = nn.Parameter(torch.zeros(()))  # a model has weights

    def forward(self, z, log_snr, condition, mask):
        mean = torch.zeros(2) if condition is None else condition.nan_to_num(0.0)
        x = GaussianData(mean, self.std).denoise(z, log_snr)
        return convert(VECTOR, x, Batch(z), log_snr, "x", self.prediction)


def known(prediction="v", **settings):
    settings = DiffusionSettings(prediction=prediction, flow_steps=60, steps=60, **settings)
    return DiffusionModel(Known(prediction), VECTOR, Cosine(14.0, -14.0), {"x": (2,)}, settings)


@pytest.mark.parametrize("prediction", ["x", "eps", "v", "score"])
def test_the_same_law_whatever_the_network_predicts(prediction, generator):
    model, batch = known(prediction), GaussianData(torch.zeros(2), 0.6).draw(500, generator)
    exact = GaussianData(torch.zeros(2), 0.6).log_prob(batch["x"])
    torch.testing.assert_close(model.log_prob(batch), exact, rtol=0, atol=1e-2)
    gap = model.terms(batch).nats + exact
    assert abs(gap.mean().item()) < 4 * gap.std().item() / math.sqrt(500)


def test_encoding_is_normal_and_decoding_inverts_it(generator):
    model, data = known(), GaussianData(torch.zeros(2), 0.6)
    batch = data.draw(3000, generator)
    latent = model.encode(batch)
    torch.testing.assert_close(latent, batch["x"] / 0.6, rtol=0, atol=2e-2)
    torch.testing.assert_close(model.decode(latent)["x"], batch["x"], rtol=0, atol=1e-3)
    assert (model.latent_size, model.semantic_size) == (2, 2)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_draw_follows_from_its_own_noise_by_any_sampler(name, generator):
    model, noise = known(sampler=name), torch.randn(4000, 2, generator=generator)
    drawn = model.generate(noise)["x"]
    torch.testing.assert_close(drawn.std(0), torch.full((2,), 0.6), rtol=0.05, atol=0)
    torch.testing.assert_close(model.generate(noise[5:9])["x"], drawn[5:9])
    assert len(drawn.unique(dim=0)) == 4000


@pytest.mark.parametrize("name", ["ddim", "heun", "dpm-solver"])
def test_a_step_from_pure_noise_gives_draws_the_mean_of_the_data(name, generator):
    """At log-SNR -9, N(0, I) lacks alpha times the mean, 0.33: a third of a standard deviation, to the end."""
    noise, mean = torch.randn(4000, 2, generator=generator), torch.full((4000, 2), 30.0)
    middle, asked = {}, {}
    for pure in (False, True):
        settings = DiffusionSettings(sampler=name, steps=30, pure_noise=pure)
        network = Known("v", std=1.0)
        model, levels = DiffusionModel(network, VECTOR, Linear(10.0, -9.0), {"x": (2,)}, settings), []
        network.register_forward_pre_hook(lambda _, inputs, levels=levels: levels.append(inputs[1][0]))
        middle[pure], asked[pure] = model.generate(noise, mean)["x"].mean().item(), len(levels)
    assert middle[False] == pytest.approx(30 - 0.33, abs=0.06)
    assert middle[True] == pytest.approx(30, abs=0.06)
    assert asked[True] == asked[False] + 1


def test_generating_follows_noise_condition_and_guidance(generator):
    noise = torch.randn(2000, 2, generator=generator)
    condition = torch.tensor([[1.0, torch.nan]]).expand(2000, -1)
    drawn = known().generate(noise, condition)["x"]
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, 0.0]), rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0), torch.full((2,), 0.6), rtol=0.05, atol=0)
    torch.testing.assert_close(known().generate(noise[7:8], condition[7:8])["x"][0], drawn[7])
    torch.testing.assert_close(known().sample(noise), noise)
    leaning = known(guidance=1.0).generate(noise, condition)["x"]
    torch.testing.assert_close(leaning.mean(0), torch.tensor([2.0, 0.0]), rtol=0, atol=0.08)


def test_a_predictor_of_ones_own_guides_a_draw(generator):
    """log p(y | x) = 0.5 x_1: with x^ in the place of x, the mean of a Gaussian moves by about half of its variance."""
    model, z = known(), Batch({"x": torch.randn(4000, 2, generator=generator)})

    def bend(denoise):
        return predictor_gradient(denoise, model.state, of_estimate(denoise, lambda x: 0.5 * x["x"][:, 0]))

    drawn = model.draw(z, "heun", 60, bend=bend)["x"]
    torch.testing.assert_close(drawn.mean(0), torch.tensor([0.18, 0.0]), rtol=0, atol=0.04)


MOLECULE = State(
    {"place": Field(ZeroCentre()), "kind": Field(CategoricalSpace(3)), "link": Field(Euclidean(), positions=2)}
)


class Pointwise(nn.Module):
    """Each entry by itself: all that a state needs of a network."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.3))

    def forward(self, z, log_snr, condition, mask):
        return {name: self.gain * torch.tanh(z[name]) for name in ("place", "kind", "link")}


def molecules(generator, count=4, positions=5):
    return Batch(
        {
            "place": torch.randn(count, positions, 3, generator=generator),
            "kind": torch.randint(3, (count, positions), generator=generator),
            "link": torch.randn(count, positions, positions, generator=generator),
            "name": torch.arange(count),
        },
        torch.arange(positions) < torch.randint(1, positions + 1, (count, 1), generator=generator),
    )


def test_a_model_of_several_fields_trains_and_draws_by_every_sampler(generator):
    shapes = {"place": (5, 3), "kind": (5, 3), "link": (5, 5)}
    model, batch = DiffusionModel(Pointwise(), MOLECULE, Cosine(), shapes), molecules(generator)
    assert model.latent_size == 15 + 15 + 25
    model.loss(batch, 0, generator)["loss"].backward()
    assert model.network.gain.grad.abs() > 0
    noise = torch.randn(4, model.latent_size, generator=generator)
    drawn = model.generate(noise, None, like=batch)
    assert drawn["kind"].dtype == torch.int64
    assert drawn["name"].tolist() == [0, 1, 2, 3]
    assert torch.equal(drawn.mask, batch.mask)
    torch.testing.assert_close(drawn["place"].sum(1), torch.zeros(4, 3))
    z = Batch({**batch.fields, **MOLECULE.noise(MOLECULE.embed(batch), generator)}, batch.mask)
    for name in SAMPLERS:
        again = model.draw(z, name, 6, noise_of(MOLECULE, generator))
        assert all(torch.isfinite(again[field]).all() for field in ("place", "link"))
    with pytest.raises(ConfigError, match="categorical"):
        model.encode(batch)
    with pytest.raises(ConfigError, match="a sampler that is random, got none"):
        model.draw(z, "ancestral", 6, no_noise)
    assert torch.isfinite(model.terms(batch).nats).all()


@pytest.mark.long
def test_training_lowers_the_bound_and_learns_the_schedule(generator):
    """Two well separated points: from the zero network most of the way to their entropy."""
    points = torch.tensor([[1.0, -0.5], [-1.0, 0.5]])
    schedule = Learned(6.0, -6.0, 16, generator).double()
    network = VectorDenoiser("x", 2, 1, width=48, depth=2, generator=generator).double()
    settings = DiffusionSettings(weighting="elbo", dropout=ConditionDropout(everything=0.5))
    model = DiffusionModel(network, VECTOR, schedule, {"x": (2,)}, settings)

    def batch(count):
        which = torch.randint(2, (count,), generator=generator)
        return Batch(
            {"x": points[which] + 0.1 * torch.randn(count, 2, generator=generator)}, None, which[:, None] * 1.0
        )

    held = batch(2000)
    before = model.terms(held).nats.mean()
    descend(
        model.parameters(),
        lambda step: model.loss(batch(128), step, generator)["loss"],
        300,
        DescentSettings(learning_rate=8e-3),
    )
    after, free = model.terms(held), model.terms(held.with_condition(None))
    entropy = 2 * (math.log(0.1) + 0.5 * math.log(2 * math.pi * math.e))
    print("bound", before.item(), after.nats.mean().item(), free.nats.mean().item(), "entropy", entropy)
    assert before > entropy + 3
    assert after.nats.mean() < entropy + 0.8
    assert free.nats.mean() > after.nats.mean() + 0.3  # log 2 nats say which of the two it is
    assert schedule.rise.grad.abs().sum() > 0
    drawn = model.generate(torch.randn(500, 2, generator=generator), torch.ones(500, 1))["x"]
    assert ((drawn - points[1]).norm(dim=1) < 0.5).double().mean() > 0.95


def test_single_precision_is_enough(generator):
    """From the noisiest z, where alpha is 1e-3, to the least noisy, where sigma is."""
    model, noise = known(), torch.randn(50, 2, generator=generator)
    double = model.generate(noise)["x"]
    latent = model.encode(Batch({"x": double}))
    torch.set_default_dtype(torch.float32)
    single = model.float().generate(noise.float())["x"]
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=2e-4)
    torch.testing.assert_close(model.encode(Batch({"x": single})).double(), latent, rtol=0, atol=2e-3)


def test_the_trainer_trains_it_with_its_schedule(tmp_path):
    """The contract of `training`: a loss by (batch, step, generator), and weights that can be averaged."""
    torch.set_default_dtype(torch.float32)
    points, made = torch.randn(64, 2), Generator().manual_seed(0)
    schedule = Learned(width=4, generator=made)
    model = DiffusionModel(VectorDenoiser("x", 2, width=8, depth=1, generator=made), VECTOR, schedule, {"x": (2,)})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = lambda start: (Batch({"x": points[16 * (step % 4) :][:16]}) for step in itertools.count(start))  # noqa: E731
    train(model, batches, TrainingSettings(steps=12, batch_size=16, warmup_steps=1), tmp_path)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"network.outward.weight", "schedule.rise", "schedule.slope"} <= moved


def test_the_same_generator_gives_the_same_loss(generator):
    model, batch = known(), GaussianData(torch.zeros(2), 0.6).draw(8, generator)
    losses = [model.loss(batch, 0, Generator().manual_seed(seed))["loss"].item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_wrong_models_and_latents_are_refused():
    with pytest.raises(ConfigError, match=r"a shape for each of \['x'\], got those of \['y'\]"):
        DiffusionModel(Known("v"), VECTOR, Cosine(), {"y": (2,)})
    with pytest.raises(ShapeError, match=r"latents \[batch 2\], got \[3, 4\]"):
        known().decode(torch.zeros(3, 4))
    with pytest.raises(ShapeError, match=r"'x' of shape \[batch 2\], got \[1, 3\]. Pad items"):
        known().encode(Batch({"x": torch.zeros(1, 3)}))
    for setting in ({"prediction": "w"}, {"weighting": "none"}, {"sampler": "leapfrog"}, {"steps": 0}):
        with pytest.raises(ConfigError):
            DiffusionSettings(**setting)
    for weight in (-3.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match=f"finite guidance of 0 or more, got {weight}"):
            DiffusionSettings(guidance=weight)


def test_less_noise_a_step_narrows_steered_draws(generator):
    noise, spread = Batch({"x": torch.randn(400, 2, generator=generator)}), {}
    for factor in (0.0, 0.5, 1.0):
        spread[factor] = (
            known(step_noise=factor).draw_steered(noise, Steering(lambda x: 0 * x["x"][:, 0], 1))["x"].std()
        )
    assert spread[0.0] < spread[0.5] < spread[1.0]


@pytest.mark.long
def test_steered_draws_tilt_the_density_and_follow_from_their_own_noise(generator):
    """p(x) e^(x_1): the mean of a Gaussian moves by its variance. The best of an item's particles lies beyond it."""
    model, noise = known(), torch.randn(4000, 2, generator=generator)
    reward = lambda x: x["x"][:, 0]  # noqa: E731
    all_particles = model.draw_steered(Batch({"x": noise}), Steering(reward, 4000))["x"]
    torch.testing.assert_close(all_particles.mean(0), torch.tensor([0.36, 0.0]), rtol=0, atol=0.05)
    noise = noise[:1600]
    best = model.steered(noise, Steering(reward, 8))["x"]
    assert best.shape == (200, 2)
    assert best[:, 0].mean() > 0.5
    torch.testing.assert_close(model.steered(noise[80:160], Steering(reward, 8))["x"], best[10:20])
    asked = torch.tensor([[0.0, 3.0]]).expand(1600, -1)
    torch.testing.assert_close(
        model.steered(noise, Steering(reward, 8), asked)["x"][:, 1].mean(), torch.tensor(3.0), rtol=0.03, atol=0
    )
    assert isinstance(model, SteeredModel)
