"""Settings of the sequence VAE whose latent carries the sequence."""

import pytest

from sciencegen.errors import ConfigError
from sciencegen.vae.latent_prior_vae import LatentPriorVAESettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_prior": "vamp"}, "Known: diffusion, flow"),
        ({"radius": 2.0}, "radius between 0 and 1, got 2.0"),
        ({"noised": -0.1}, "noised between 0 and 1, got -0.1"),
        ({"share": 0.0}, "share above 0"),
        ({"length": 1}, "length of 2 or more"),
        ({"beams": 0}, "beams of 1 or more and a length of 2 or more, got 32, 32, 8, 0 and 128"),
        ({"candidates": 0}, "candidates, measured and beams of 1 or more"),
        ({"near": -0.1}, "near of 0 or more, got -0.1"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        LatentPriorVAESettings(**settings)
