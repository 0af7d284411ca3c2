"""Frames of residues by flow matching: geodesics, their ends, draws by a perfect denoiser, and rotations."""

import math
from dataclasses import replace

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.process import FROM_X, coefficients
from sciencegen.domains.proteins.backbones.representation import padded_places
from sciencegen.networks.residues import ATOMS, TRACE, ResidueNetworkSettings
from tests.benchmarks import backbone_states
from tests.benchmarks.frame_flow import Turning, geodesic, ideal_atoms, rotations_of, toward, uniform_rotations
from tests.domains.proteins.backbones.examples import chains

SMALL = ResidueNetworkSettings(width=16, pair_width=8, layers=1, heads=2, radial=4, context=16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def double(batch):
    return batch.map(lambda value: value.double() if value.is_floating_point() else value)


@pytest.fixture
def ends():
    return uniform_rotations(50, generator(1)), uniform_rotations(50, generator(2))


@pytest.fixture(scope="module")
def x():
    """Chains with ideal residues."""
    batch = double(padded_places([item.coordinates[:, :3] - item.trace.mean(0) for item in chains()[:3]]))
    atoms = toward(batch[ATOMS], batch[ATOMS], torch.zeros(3), batch.mask)
    return Batch({**batch.fields, ATOMS: atoms}, batch.mask)


@pytest.fixture
def model(monkeypatch, x):
    """With random weights."""
    monkeypatch.setattr(backbone_states, "NETWORK", SMALL)
    made = backbone_states.make("frames", x.mask.shape[1], 0, 1.0).double()
    for name, parameter in made.named_parameters():
        torch.nn.init.normal_(parameter, std=0.003 if ".pull_" in name or ".vectors.3" in name else 0.1)
    return made.eval()


class Perfect(torch.nn.Module):
    """A network that knows the data: v = (alpha z - x) / sigma."""

    recalls = True

    def __init__(self, state, x):
        super().__init__()
        self.state, self.x = state, x

    def forward(self, z, log_snr, condition, mask):
        at = {name: coefficients(self.state, name, log_snr, z[name]) for name in self.state.fields}
        return {name: FROM_X["v"](self.x[name], z[name], at[name]) for name in self.state.fields}


def far(one, other):
    return float((one - other).abs().max())


def test_frames_are_those_of_the_ideal_atoms(ends):
    assert far(rotations_of(ideal_atoms(ends[0])), ends[0]) < 1e-12


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_geodesic_ends_at_its_ends(ends, share):
    assert far(geodesic(*ends, torch.full((50,), share)), ends[int(share)]) < 1e-12


def test_a_geodesic_turns_evenly_about_one_axis(ends):
    first, last = ends
    angle = lambda one, other: torch.arccos((((one.mT @ other).diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))  # noqa: E731
    part = geodesic(first, last, torch.full((50,), 0.3, dtype=torch.float64))
    whole = angle(first, last)
    assert far(angle(first, part), 0.3 * whole) < 1e-7
    assert far(angle(part, last), 0.7 * whole) < 1e-7


def test_rotations_are_uniform():
    """The mean of R is 0, and the angle of R has the mean pi / 2 + 2 / pi."""
    found = uniform_rotations(20_000, generator())
    angle = torch.arccos(((found.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    assert float(found.mean(0).abs().max()) < 0.02
    assert float(angle.mean()) == pytest.approx(math.pi / 2 + 2 / math.pi, abs=0.02)


def test_padding_stays_zero(x, model):
    z = model.noise_at(x, torch.full((3,), 0.4, dtype=torch.float64), generator())
    assert not x.mask.all()
    assert not z[ATOMS][~x.mask].any()
    assert not z[TRACE][~x.mask].any()


@pytest.mark.parametrize("rate", [0.0, 10.0])
def test_a_perfect_denoiser_draws_the_data(x, model, rate):
    model.network, model.turning = Perfect(model.state, x), Turning(rate=rate)
    found = model.draw(model.start(x, generator()), 20)
    assert max(far(found[name], x[name]) for name in (TRACE, ATOMS)) < 1e-10


def test_straight_steps_follow_the_path_of_training(x, model):
    """Frames of a draw by a perfect denoiser lie on the geodesics that noised frames lie on, and reach the data."""
    model.network, model.turning = Perfect(model.state, x), Turning(rate=0.0)
    model.settings = replace(model.settings, crowding=1.0)
    start = model.start(x, generator())
    found = list(model.flow(model, start, 10))
    for step, z in enumerate(found, 1):
        share = torch.full((3,), step / 10, dtype=torch.float64)
        assert far(z[ATOMS], toward(start[ATOMS], x[ATOMS], share, x.mask)) < 1e-10


def turned(batch, rotation):
    atoms = (batch[ATOMS].unflatten(2, (2, 3)) @ rotation.T).flatten(2)
    return Batch({**batch.fields, TRACE: batch[TRACE] @ rotation.T, ATOMS: atoms}, batch.mask)


def test_a_rotation_of_the_noise_rotates_the_draw(x, model):
    """Without noise of steps, whose random numbers are those of the start."""
    model.settings = replace(model.settings, step_noise=0.0)
    rotation, start = uniform_rotations(1, generator(5))[0], model.start(x, generator())
    found, expected = (model.draw(turned(start, rotation), 5), turned(model.draw(start, 5), rotation))
    assert max(far(found[name], expected[name]) for name in (TRACE, ATOMS)) < 1e-10
    assert far(found[ATOMS], x[ATOMS]) > 0.1


def test_the_loss_of_a_perfect_denoiser_is_zero(x, model):
    model.network = Perfect(model.state, x)
    assert float(model.loss(x, 0, generator())["loss"]) < 1e-20


def test_the_first_time_has_uniform_frames(x, model):
    """At time 1 nothing of the data is left in the frames."""
    one = torch.ones(3, dtype=torch.float64)
    other = turned(x, uniform_rotations(1, generator(5))[0])
    z, same = (model.noise_at(batch, one, generator()) for batch in (x, other))
    assert far(z[ATOMS], same[ATOMS]) < 1e-10
