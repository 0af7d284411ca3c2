"""Checks of a generation before any drawing."""

from types import SimpleNamespace

import pytest
from pointclouds import DOMAIN

from sciencegen.api.sampling.request import check_noise_free, check_patterns, check_unobserved, read_scaffold
from sciencegen.config import GenerateSettings
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError


def test_noise_free_needs_items_that_an_instrument_sees():
    with pytest.raises(ConfigError, match="pointclouds make has no noise"):
        check_noise_free(DOMAIN, SimpleNamespace(observation=None))
    with pytest.raises(ConfigError, match="as they were seen"):
        check_noise_free(
            DOMAIN, SimpleNamespace(observation=SimpleNamespace(instrument=None, as_seen="as they were seen"))
        )
    check_noise_free(DOMAIN, SimpleNamespace(observation=SimpleNamespace(instrument="telescope")))
    with pytest.raises(ConfigError, match="has no noise"):
        check_noise_free(DOMAIN, Representation)


def test_what_is_of_an_observation_is_not_asked_of_noise_free_items():
    check_unobserved(GALAXIES, ["flux", "unknown"])
    with pytest.raises(ConfigError, match="no 'signal_to_noise' with `noise_free`"):
        check_unobserved(GALAXIES, ["flux", "signal_to_noise"])


def test_a_scaffold_needs_a_domain_that_knows_it():
    assert read_scaffold(DOMAIN, GenerateSettings()) is None
    with pytest.raises(ConfigError, match="pointclouds has none"):
        read_scaffold(DOMAIN, GenerateSettings(scaffold="part.sdf"))
    with pytest.raises(ConfigError, match="`raw` or `scaffold`"):
        read_scaffold(DOMAIN, GenerateSettings(scaffold="part.sdf", raw=True))


def test_patterns_are_checked():
    assert check_patterns(DOMAIN, GenerateSettings(keep=("left",))) == (None, ("left",))
    with pytest.raises(ConfigError, match="right"):
        check_patterns(DOMAIN, GenerateSettings(forbid=("rihgt",)))
