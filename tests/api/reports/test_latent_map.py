"""Notes on the latent map."""

import numpy as np
import pytest

from sciencegen.api.reports.latent_map import says_nothing


@pytest.mark.parametrize(("spread", "silent"), [((0.04, 0.03), True), ((0.04, 0.6), False), ((1.0, 1.0), False)])
def test_a_latent_without_information_is_called_that(spread, silent):
    latents = np.random.default_rng(0).standard_normal((500, 2)) * spread
    assert ("carries next to nothing" in says_nothing(latents)) is silent


def test_one_axis_is_enough():
    assert says_nothing(np.full((5, 1), 0.3))
    assert not says_nothing(np.arange(5.0)[:, None])
