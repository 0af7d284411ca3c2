"""Checks of a generation before any drawing."""

from types import SimpleNamespace

import pytest
from pointclouds import DOMAIN

from sciencegen.api.sampling.request import Asked, check_noise_free
from sciencegen.config import GenerateSettings
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError

SEEN = SimpleNamespace(observation=SimpleNamespace(instrument="telescope"))
"""A representation of items that an instrument sees."""


def asked(**settings):
    return Asked(DOMAIN, SimpleNamespace(tasks=None), None, GenerateSettings(**settings), "it")


def test_noise_free_needs_items_that_an_instrument_sees():
    with pytest.raises(ConfigError, match="pointclouds make has no noise"):
        check_noise_free(DOMAIN, SimpleNamespace(observation=None))
    with pytest.raises(ConfigError, match="as they were seen"):
        check_noise_free(
            DOMAIN, SimpleNamespace(observation=SimpleNamespace(instrument=None, as_seen="as they were seen"))
        )
    check_noise_free(DOMAIN, SEEN)
    with pytest.raises(ConfigError, match="has no noise"):
        check_noise_free(DOMAIN, Representation)


def test_what_is_of_an_observation_is_not_asked_of_noise_free_items():
    check_noise_free(GALAXIES, SEEN, ["flux", "unknown"])
    with pytest.raises(ConfigError, match="no 'signal_to_noise' with `noise_free`"):
        check_noise_free(GALAXIES, SEEN, ["flux", "signal_to_noise"])


def test_a_scaffold_needs_a_domain_that_knows_it():
    assert asked().scaffold is None
    with pytest.raises(ConfigError, match="pointclouds has none"):
        asked(scaffold="part.sdf").check()
    with pytest.raises(ConfigError, match="`raw` or `scaffold`"):
        asked(scaffold="part.sdf", raw=True).check()


def test_patterns_are_checked():
    assert asked(keep=("left",)).keep == ("left",)
    with pytest.raises(ConfigError, match="right"):
        asked(forbid=("rihgt",)).check()
