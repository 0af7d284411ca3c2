"""Notes on the latent map."""

from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.api.reports import sections as maps
from sciencegen.api.reports.sections import latent_map, says_nothing


@pytest.mark.parametrize(("spread", "silent"), [((0.04, 0.03), True), ((0.04, 0.6), False), ((1.0, 1.0), False)])
def test_a_latent_without_information_is_called_that(spread, silent):
    latents = np.random.default_rng(0).standard_normal((500, 2)) * spread
    assert ("carries next to nothing" in says_nothing(latents)) is silent


def test_one_axis_is_enough():
    assert says_nothing(np.full((5, 1), 0.3))
    assert not says_nothing(np.arange(5.0)[:, None])


def test_the_noise_of_a_diffusion_has_no_map(monkeypatch):
    """And no item is encoded for it, which would take hundreds of network evaluations."""
    monkeypatch.setattr("sciencegen.diffusion.sizes.SizedDiffusion", SimpleNamespace)
    monkeypatch.setattr(maps, "latents_of", None)
    run = SimpleNamespace(model=SimpleNamespace(model=SimpleNamespace()), training=object(), items=["item"])
    assert latent_map(run) == ""
