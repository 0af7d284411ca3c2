"""Conditions that say the same twice agree, and follow what is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.domains.galaxies.items import magnitude
from sciencegen.domains.galaxies.observation import ObservingConditions
from sciencegen.domains.galaxies.representation import ConditionColumn, ImageRepresentation, settled

COLUMNS = (
    ConditionColumn("flux", 8.0, 1.0),
    ConditionColumn("magnitude", 22.0, 0.9),
    ConditionColumn("e1", 0.0, 0.2),
    ConditionColumn("e2", 0.0, 0.2),
    ConditionColumn("ellipticity", 0.3, 0.15),
    ConditionColumn("m20", -1.9, 0.4),
)
STAMPS = ImageRepresentation(("VIS",), 64, COLUMNS, 8.0, 1.0, ObservingConditions(0.1, ()))


def raw(rows):
    """Of standardized conditions: the values, by name."""
    values = rows.double().numpy() * [one.std for one in COLUMNS] + [one.mean for one in COLUMNS]
    values[:, 0] = np.exp(values[:, 0])
    return dict(zip((one.name for one in COLUMNS), values.T, strict=True))


TOLD = [(), ("flux",), ("magnitude",), ("ellipticity",), ("e1", "e2"), ("magnitude", "ellipticity")]


def draws(columns):
    return torch.randn(200, columns, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("names", TOLD)
def test_what_is_told_stays_and_the_rest_agrees(names):
    found = draws(len(COLUMNS))
    told = torch.full_like(found, torch.nan)
    for name in names:
        told[:, STAMPS.properties.index(name)] = found[:, STAMPS.properties.index(name)]
    before, after = raw(found), raw(settled(STAMPS, told, found))
    np.testing.assert_allclose(after["magnitude"], magnitude(after["flux"]), rtol=1e-5)
    size, good = np.hypot(after["e1"], after["e2"]), np.abs(before["ellipticity"] - 0.5) < 0.49
    np.testing.assert_allclose(after["ellipticity"][good], size[good].clip(0, 0.99), rtol=1e-4)
    for name in (*names, "m20"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-5)
    assert (np.sign(after["e1"]) == np.sign(before["e1"])).all(), "the direction is kept"


def test_a_model_without_them_is_left_alone():
    alone = replace(STAMPS, columns=COLUMNS[-1:])
    found = draws(1)
    assert torch.equal(settled(alone, torch.full_like(found, torch.nan), found), found)
