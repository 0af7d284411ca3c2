"""The denoiser's own earlier estimate: when it is given, and to whom."""

import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.distillation import Distillation
from sciencegen.diffusion.model import (
    DiffusionModel,
    DiffusionSettings,
    after_first_estimate,
    earlier,
    vary,
    with_last_estimate,
)
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.steering import Steering
from sciencegen.errors import ConfigError
from tests.diffusion.known_data import VECTOR

EARLIER = earlier("x")


class Recording(nn.Module):
    """Remembers the earlier estimate of each call, None where there is none; estimates weight z."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen, self.recalls = nn.Parameter(torch.full((), 0.5)), [], True

    def forward(self, z, log_snr, condition, mask):
        self.seen.append(z.get(EARLIER))
        return {"x": self.weight * z["x"]}


@pytest.fixture
def network():
    return Recording()


def model_of(network, share=1.0, **settings):
    chosen = DiffusionSettings(prediction="x", self_conditioning=share, steps=4, flow_steps=2, **settings)
    return DiffusionModel(network, VECTOR, Cosine(), {"x": (2,)}, chosen)


def batch():
    return Batch({"x": torch.randn(6, 2, generator=Generator().manual_seed(0))})


def test_the_second_estimate_alone_has_a_gradient(network):
    z = {"x": torch.ones(3, 2)}
    after_first_estimate(network)(z, torch.zeros(3), None, None)["x"].sum().backward()
    assert network.seen[0] is None
    assert torch.equal(network.seen[1], torch.full((3, 2), 0.5))
    assert not network.seen[1].requires_grad
    assert network.weight.grad == 6.0


def test_each_call_sees_the_estimate_before(network):
    following = with_last_estimate(network)
    found = [following({"x": torch.full((1, 2), value)}, torch.zeros(1), None, None)["x"] for value in (1.0, 3.0, 5.0)]
    assert network.seen[0] is None
    assert torch.equal(network.seen[1], found[0])
    assert torch.equal(network.seen[2], found[1])


@pytest.mark.parametrize(("share", "calls"), [(0.0, 1), (1.0, 2)])
def test_training_follows_the_setting(network, share, calls):
    model_of(network, share).loss(batch(), 0, Generator().manual_seed(0))
    assert len(network.seen) == calls


def test_a_share_of_the_training_batches_sees_it(network):
    model = model_of(network, 0.5)
    for step in range(200):
        model.loss(batch(), step, Generator().manual_seed(step))
    assert 70 < sum(one is not None for one in network.seen) < 130


@pytest.mark.parametrize("sampler", ["ddim", "ancestral", "heun"])
def test_draws_see_it_after_the_first_step(network, sampler):
    model_of(network, sampler=sampler).generate(torch.randn(3, 2))
    assert network.seen[0] is None
    assert all(one is not None for one in network.seen[1:])


def test_each_draw_begins_without(network):
    model = model_of(network)
    latent = torch.randn(3, 2, generator=Generator().manual_seed(0))
    assert torch.equal(model.generate(latent)["x"], model.generate(latent)["x"])
    assert sum(one is None for one in network.seen) == 2


def test_variations_see_it(network):
    vary(model_of(network), batch(), {"x": torch.randn(6, 2)}, 0.9)
    assert network.seen[0] is None
    assert network.seen[-1] is not None


def test_a_function_of_z_alone_does_not_see_it(network):
    model = model_of(network)
    latent = model.encode(batch())
    model.decode(latent)
    model.log_prob(batch())
    model.terms(batch())
    model.steered(torch.randn(4, 2), Steering(lambda x: x["x"].sum(1), count=2))
    assert network.seen
    assert all(one is None for one in network.seen)


@pytest.mark.parametrize("recalls", [False, None])
def test_a_network_that_would_not_see_it_is_an_error(network, recalls):
    network.recalls = recalls
    with pytest.raises(ConfigError, match=r"got 0\.5 with Recording\. Leave self_conditioning out"):
        model_of(network, 0.5)
    assert model_of(network, 0.0).settings.self_conditioning == 0
    with pytest.raises(ConfigError, match="with Linear"):
        model_of(nn.Linear(2, 2), 0.5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_distilled_student_is_trained_as_it_draws(network, share):
    """The target is the teacher's with its first estimates, as in its draws."""
    halving = Distillation(model_of(network, share), 2)
    halving.loss(batch(), 0, Generator().manual_seed(0))["loss"].backward()
    for model, calls in ((halving.student, 1), (halving.teacher, 2)):
        wanted = [False, True] * calls if share else [False] * calls
        assert [one is not None for one in model.network.seen] == wanted


def test_a_share_is_from_0_to_1():
    with pytest.raises(ConfigError, match=r"self_conditioning in 0\.\.1, got 1\.5"):
        DiffusionSettings(self_conditioning=1.5)
