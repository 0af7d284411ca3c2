"""Noise of a batch that processes share, and its density."""

import math
from functools import partial

import pytest
import torch
from torch import Generator

from sciencegen.diffusion.objectives import low_discrepancy_times
from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.shared_noise import LOG_2_PI, Share, SharedNoise, check_latents, standard_normal, whole_batch

# The noise of a part of a batch is that of its rows in the whole batch.


ROWS = 6
DRAWS = {
    "rand": lambda rows, generator: torch.rand(rows, generator=generator),
    "rand of sizes": lambda rows, generator: torch.rand(rows, 5, generator=generator),
    "randn": lambda rows, generator: standard_normal((rows, 4, 7), generator, torch.zeros(())),
    "randint": lambda rows, generator: torch.randint(2, 9, (rows, 4), generator=generator),
    "named size": lambda rows, generator: torch.randn(size=(rows, 4), generator=generator),
    "dropout": lambda rows, generator: ConditionDropout(some=0.5, few=0.5).draw(torch.ones(rows, 8), generator),
    "times": lambda rows, generator: low_discrepancy_times(rows, generator, torch.zeros(())),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_parts_of_processes_are_the_noise_of_one(draw, world):
    whole = draw(ROWS, seeded())
    for rank in range(world):
        share = Share(rank, world, ROWS)
        with SharedNoise(share, seeded(1 + rank)):
            part = draw(share.count, seeded())
        assert torch.equal(part, whole[rank::world])
    assert whole_batch(3) == (3, slice(None)), "nothing is left behind"


def test_samples_by_rows_are_drawn_for_all_rows():
    with SharedNoise(Share(1, 2, ROWS), seeded(1)):
        part = torch.randn(5, 3, 2, generator=seeded())
    assert torch.equal(part, torch.randn(5, ROWS, 2, generator=seeded())[:, 1::2])


@pytest.mark.parametrize(
    "draw",
    [partial(torch.rand, 1), partial(torch.randint, 5, ()), partial(torch.randperm, ROWS), partial(torch.rand, ROWS)],
)
def test_single_numbers_and_noise_of_the_whole_batch_are_those_of_all(draw):
    with SharedNoise(Share(1, 2, ROWS), seeded(1)):
        found = draw(generator=seeded())
    assert torch.equal(found, draw(generator=seeded()))


def test_noise_without_rows_is_a_process_s_own():
    found = []
    for rank in range(2):
        with SharedNoise(Share(rank, 2, ROWS), seeded(1 + rank)):
            found.append(torch.randn(11, generator=seeded()))
    assert not torch.equal(*found)
    assert torch.equal(found[1], torch.randn(11, generator=seeded(2)))


def test_noise_of_no_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.rand(3)
    torch.manual_seed(3)
    with SharedNoise(Share(0, 2, ROWS), seeded(1)):
        assert torch.equal(torch.rand(3), before)


def test_noise_follows_from_its_generator_and_has_the_type_of_what_it_is_for(generator):
    like = torch.zeros(1, dtype=torch.float64)
    noise = standard_normal((1000, 3), generator, like)
    assert (noise.shape, noise.dtype) == ((1000, 3), torch.float64)
    assert noise.equal(
        torch.randn(1000, 3, generator=Generator().manual_seed(generator.initial_seed()), dtype=like.dtype)
    )
    assert abs(float(noise.mean())) < 4 / 3000**0.5
    assert float(noise.std()) == pytest.approx(1, abs=0.05)


def test_the_constant_is_that_of_the_density_at_its_centre():
    centre = torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
    assert math.isclose(-LOG_2_PI / 2, float(centre), rel_tol=1e-6)


def test_latents_are_rows_of_their_size():
    check_latents(torch.zeros(5, 3), 3)
    for shape in ((5, 2), (3,), (1, 5, 3)):
        with pytest.raises(ShapeError, match=rf"Expected latents \[batch 3\], got \[{', '.join(map(str, shape))}\]"):
            check_latents(torch.zeros(shape), 3)
