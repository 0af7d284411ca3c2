"""Noise-free stamps seen by a survey."""

import numpy as np
import pytest

from sciencegen.domains.base import Refusal
from sciencegen.domains.galaxies.items import key
from sciencegen.domains.galaxies.observation import observed as observe
from sciencegen.domains.galaxies.observation import observed_by
from sciencegen.domains.galaxies.survey import convolve
from sciencegen.domains.galaxies.surveys import SURVEYS


def test_it_is_the_convolved_stamp_and_white_noise(twins):
    for one in twins[:5]:
        seen = observed_by(one, SURVEYS["euclid"], np.random.default_rng(0))
        clean = convolve(one.image.astype(float), seen.psf.astype(float))
        assert np.var(seen.image - clean) == pytest.approx(seen.variance[0], rel=0.08)
        assert seen.variance[0] == pytest.approx(SURVEYS["euclid"].bands[0].variance(0.1))


def test_without_psf_and_noise_it_is_the_stamp(twins):
    assert key(observe(twins[0], None, np.zeros(1), np.random.default_rng(0))) == key(twins[0])


def test_the_same_generator_gives_the_same_bytes(twins):
    pair = [key(observed_by(twins[0], SURVEYS["euclid"], np.random.default_rng(4))) for _ in range(2)]
    assert pair[0] == pair[1]


def test_what_cannot_be_observed(observed, twins):
    generator = np.random.default_rng(0)
    for refused, reason in (
        (observed_by(observed[0], SURVEYS["euclid"], generator), "has a PSF or noise already"),
        (observed_by(twins[0], SURVEYS["lsst"], generator), "has pixels of 0.1 arcsec, lsst of 0.2"),
    ):
        assert isinstance(refused, Refusal)
        assert reason in refused.reason
