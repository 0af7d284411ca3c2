"""Impossible values are refused before any work, in every verb that designs items."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.api.criteria import parse_conditions, read_goals
from sciencegen.api.science import domain_of
from sciencegen.errors import ConfigError


@pytest.mark.parametrize(
    ("domain", "wish", "told"),
    [
        ("galaxies", "half_light_radius = -2", "of 0 arcsec or more"),
        ("galaxies", "ellipticity in 1.2..1.5", r"from 0 to 1 \("),
        ("galaxies", "e1 <= -1.5", r"from -1 to 1 \("),
        ("molecules", "qed >= 1.5", r"from 0 to 1 \("),
        ("molecules", "mw <= -1", "of 0 g/mol or more"),
        ("proteins", "isoelectric_point = 20", "from 0 to 14 pH"),
    ],
)
def test_impossible_values_are_refused(domain, wish, told):
    for read in (lambda: parse_conditions([wish], domain_of(domain)), lambda: read_goals(domain_of(domain), [wish])):
        with pytest.raises(ConfigError, match=told) as error:
            read()
        assert wish in str(error.value)


def test_shares_of_one_whole_that_exceed_it_are_refused():
    science = domain_of("proteins/structures")
    wishes = ["helix >= 0.6", "strand >= 0.6"]
    for read in (lambda: parse_conditions(wishes, science), lambda: read_goals(science, wishes)):
        with pytest.raises(ConfigError, match=r"shares of residues.*'helix >= 0.6' and 'strand >= 0.6'.*sum to 1\.2"):
            read()
    for fine in (["helix = 0.6", "strand = 0.4"], ["helix >= 0.6", "strand <= 0.6"], ["helix >= 0.6", "rg >= 10"]):
        assert len(parse_conditions(fine, science)) == 2
    assert len(read_goals(science, ["helix >= 0.6", "helix >= 0.5"])) == 2


@pytest.mark.parametrize("name", ["molecules", "proteins", "galaxies"])
def test_what_is_possible_holds_the_data_and_what_is_measured(name):
    science = domain_of(name)
    for one in science.properties.values():
        low, high = one.possible
        assert low <= one.low < one.high <= high
        for wish in (f"{one.name} >= {one.low}", f"{one.name} <= {one.high}", f"maximize {one.name}"):
            assert len(read_goals(science, [wish])) == 1
    if name == "galaxies":
        texts = [text for text, _ in science.items.simulate({"side": 32}, 0, 0, 3)]
    else:
        texts = {"molecules": ["C", "[Na+].[Cl-]", "CCO"], "proteins": ["M", "WWWW", "KKKK", "IIII", "RRRRR"]}[name]
    items = [science.items.parse(text) for text in texts]
    values = science.measure(items, list(science.properties))
    for column, one in zip(values.T, science.properties.values(), strict=True):
        assert ((column >= one.possible[0]) & (column <= one.possible[1]) | np.isnan(column)).all(), one.name
