import math

import pytest
import torch
from torch import Generator

from sciencegen.errors import ShapeError
from sciencegen.networks.shared_noise import LOG_2_PI, check_latents, standard_normal


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
