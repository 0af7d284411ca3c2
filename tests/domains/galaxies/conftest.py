"""A handful of simulated galaxies, observed and without noise."""

from __future__ import annotations

import pytest

from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.survey import Simulated, SurveySettings, simulate


@pytest.fixture(scope="session")
def simulated() -> list[Simulated]:
    return list(simulate(SurveySettings(), 11, 0, 60))


@pytest.fixture(scope="session")
def observed(simulated: list[Simulated]) -> list[Stamp]:
    return [one.observed for one in simulated]


@pytest.fixture(scope="session")
def twins(simulated: list[Simulated]) -> list[Stamp]:
    return [one.twin for one in simulated]
