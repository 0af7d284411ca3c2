"""Items of various sizes: sizes follow their law, and no item sees another's padding."""

import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings, TypicalConditions
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.diffusion.steering import SteeredModel, Steering
from sciencegen.errors import ConfigError, ShapeError

SIZES, COUNTS = torch.tensor([2, 3, 5]), torch.tensor([60.0, 30.0, 10.0])
TABLE = SizeTable(SIZES, COUNTS, torch.tensor([[-1.0], [0.0], [2.0]]), torch.tensor([[0.5], [1.0], [2.0]]))
LARGEST = 5


class Shrinking(nn.Module):
    """x^ = z / 2 of numbers, of whatever kind; it sees how many positions it is given."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))
        self.seen = []

    def forward(self, z, log_snr, condition, mask):
        assert mask is None
        self.seen.append(z["places"].shape[1])
        return {name: value.softmax(-1) if name == "kinds" else 0.5 * value for name, value in z.items()}


def model(**more):
    fields = {"places": Field(ZeroCentre()), **more}
    shapes = {"places": (LARGEST, 3), "kinds": (LARGEST, 2), "links": (LARGEST, LARGEST, 1)}
    settings = DiffusionSettings(prediction="x", steps=4, flow_steps=40)
    state = State(fields)
    diffusion = DiffusionModel(Shrinking(), state, Cosine(8.0, -8.0), {name: shapes[name] for name in fields}, settings)
    return SizedDiffusion(diffusion.double(), TABLE)


def whole():
    return model(kinds=Field(CategoricalSpace(2)), links=Field(Euclidean(), positions=2))


def test_sizes_come_back_from_their_quantiles():
    counts = torch.tensor([5, 2, 3, 3, 2])
    assert model().counts(model().quantiles(counts)).tolist() == counts.tolist()


@pytest.mark.parametrize("asked", [None, 2.0, float("nan")])
def test_sizes_follow_bayes(asked, generator):
    rows = 40_000
    condition = None if asked is None else torch.full((rows, 1), asked)
    counts = model().counts(torch.randn(rows, generator=generator), condition)
    expected = COUNTS.double() / 100
    if asked == 2.0:
        likelihood = torch.distributions.Normal(TABLE.mean[:, 0].double(), TABLE.std[:, 0].double()).log_prob(
            torch.tensor(2.0, dtype=torch.float64)
        )
        expected = expected * likelihood.exp()
        expected = expected / expected.sum()
    found = torch.stack([(counts == size).double().mean() for size in SIZES])
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)


def test_decoding_inverts_encoding(generator):
    one, counts = model(), torch.tensor([3, 5, 2, 3])
    mask = torch.arange(LARGEST) < counts[:, None]
    places = torch.randn(4, LARGEST, 3, generator=generator, dtype=torch.float64)
    batch = Batch(one.state.project({"places": places}, mask), mask)
    latent = one.encode(batch)
    assert latent.shape == (4, one.latent_size)
    back = one.decode(latent)
    torch.testing.assert_close(back["places"], batch["places"], rtol=0, atol=2e-3)
    assert torch.equal(back.mask, mask)


def test_an_item_is_drawn_alike_alone_and_among_others_and_nothing_stands_in_the_padding(generator):
    one = whole()
    noise = torch.randn(40, one.latent_size, generator=generator, dtype=torch.float64)
    drawn = one.generate(noise)
    assert set(one.diffusion.network.seen) == set(one.counts(noise[:, 0]).tolist())
    for row in (0, 7, 39):
        alone = one.generate(noise[row : row + 1])
        for name, value in alone.fields.items():
            torch.testing.assert_close(value[0], drawn[name][row])
    for row, real in enumerate(drawn.mask):
        assert not drawn["places"][row][~real].any()
        assert not drawn["links"][row][~real].any()
        assert not drawn["links"][row][:, ~real].any()
        torch.testing.assert_close(drawn["links"][row], drawn["links"][row].transpose(0, 1))
    assert drawn["kinds"].dtype == torch.int64


def test_latents_of_the_prior_generate_what_their_noise_does(generator):
    one = model()
    noise = torch.randn(12, one.latent_size, generator=generator, dtype=torch.float64)
    condition = torch.full((12, 1), 2.0, dtype=torch.float64)
    latent = one.sample(noise, condition)
    assert one.counts(latent[:, 0]).tolist() == one.counts(noise[:, 0], condition).tolist()
    assert one.counts(noise[:, 0]).tolist() != one.counts(noise[:, 0], condition).tolist()
    torch.testing.assert_close(one.generate(latent)["places"], one.generate(noise, condition)["places"])


@pytest.mark.parametrize("count", [0, 6, 200])
def test_sizes_that_the_model_does_not_know_are_refused(count):
    one = model()
    with pytest.raises(ConfigError, match=f"Expected items of 1 to 5 positions.*{count}"):
        one.generate_sized(torch.zeros(2, one.latent_size, dtype=torch.float64), torch.tensor([3, count]))
    with pytest.raises(ShapeError):
        one.generate(torch.zeros(2, 3))
    with pytest.raises(ConfigError):
        SizeTable(torch.tensor([0, 2]), torch.ones(2), torch.zeros(2, 0), torch.ones(2, 0))


def test_steered_items_have_the_size_of_their_first_particle_and_a_greater_reward(generator):
    sized = model()
    noise = torch.randn(200 * 4, sized.latent_size, generator=generator)
    reward = lambda x: 4 * x["places"][:, 0, 0]  # noqa: E731
    steered = sized.steered(noise, Steering(reward, 4))
    assert steered.mask.sum(1).tolist() == sized.counts(noise[::4, 0]).tolist()
    assert reward(steered).mean() > reward(sized.generate(noise)).mean() + 0.4
    torch.testing.assert_close(sized.steered(noise[:40], Steering(reward, 4))["places"], steered["places"][:10])
    assert isinstance(sized, SteeredModel)


@pytest.mark.parametrize("asked", [None, float("nan"), 0.5])
def test_particles_of_an_item_have_the_conditions_of_its_first_row(asked, generator):
    sized, seen = model(), []
    sized.typical = TypicalConditions(torch.randn(200, 1, generator=generator), SIZES.repeat_interleave(100)[:200])
    sized.diffusion.network.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[2]))
    noise = torch.randn(20 * 4, sized.latent_size, generator=generator)
    condition = None if asked is None else torch.full((80, 1), asked)
    sized.steered(noise, Steering(lambda x: x["places"][:, 0, 0], 4), condition)
    of_items = [one.unflatten(0, (-1, 4)) for one in seen]
    assert all((one == one[:, :1]).all() for one in of_items)
    first = None if condition is None else condition[::4]
    wanted = sized.typical.complete(noise[::4], sized.counts(noise[::4, 0], first), first)
    assert {*torch.cat(of_items)[:, 0, 0].tolist()} == {*wanted[:, 0].tolist()}
