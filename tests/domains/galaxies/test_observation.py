"""Noise-free stamps seen by a survey."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.data.observation import convolve
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import key
from sciencegen.domains.galaxies.observation import observed as observe
from sciencegen.items import Refusal


def test_it_is_the_convolved_stamp_and_white_noise(observed, twins):
    variance = observed[0].variance
    for one in twins[:5]:
        seen = observe(one, observed[0].psf, variance, np.random.default_rng(0))
        clean = convolve(one.image.astype(float), seen.psf.astype(float))
        assert np.var(seen.image - clean) == pytest.approx(seen.variance[0], rel=0.08)
        assert seen.variance[0] == pytest.approx(variance[0])


def test_without_psf_and_noise_it_is_the_stamp(twins):
    assert key(observe(twins[0], None, np.zeros(1), np.random.default_rng(0))) == key(twins[0])


def test_the_same_generator_gives_the_same_bytes(observed, twins):
    psf, variance = observed[0].psf, observed[0].variance
    pair = [key(observe(twins[0], psf, variance, np.random.default_rng(4))) for _ in range(2)]
    assert pair[0] == pair[1]


def test_what_is_observed_already_cannot_be_observed(observed):
    refused = observe(observed[0], None, np.zeros(1), np.random.default_rng(0))
    assert isinstance(refused, Refusal)
    assert "has a PSF or noise already" in refused.reason


class TestObservingConditions:
    """Stamps are seen as those that conditions were taken from, and only once."""

    def test_their_psf_and_noise_are_those_of_some_stamp(self, observed, twins):
        found = DOMAIN.observation.fit(observed)
        seen = found.observed(twins[:6], 3)
        psfs = [one.psf.tobytes() for one in observed]
        for one, twin in zip(seen, twins, strict=False):
            assert one.psf.tobytes() in psfs
            clean = convolve(twin.image.astype(float), one.psf.astype(float))
            assert np.var(one.image - clean) == pytest.approx(observed[0].variance[0], rel=0.1)
        assert [key(one) for one in found.observed(twins[:6], 3)] == [key(one) for one in seen]
        assert key(found.observed(twins[:1], 4)[0]) != key(seen[0])

    def test_a_seen_stamp_stays(self, observed):
        assert DOMAIN.observation.fit(observed).observed(observed[:2], 0) == observed[:2]

    def test_they_are_kept_as_json(self, observed, twins):
        found = DOMAIN.observation.fit(observed)
        again = DOMAIN.observation.load(json.loads(json.dumps(found.to_json())))
        assert key(again.observed(twins[:1], 0)[0]) == key(found.observed(twins[:1], 0)[0])

    def test_stamps_without_noise_have_none(self, twins):
        assert DOMAIN.observation.fit(twins) is None

    def test_other_pixels_and_bands_are_refused(self, observed, twins):
        found = DOMAIN.observation.fit(observed)
        coarse = replace(twins[0], pixel_scale=0.2)
        colour = replace(twins[0], image=np.repeat(twins[0].image, 2, 0), bands=("a", "b"), variance=np.zeros(2))
        reasons = [one.reason for one in found.observed([coarse, colour], 0)]
        assert 'pixels of 0.2"' in reasons[0]
        assert "2 band(s)" in reasons[1]
