"""Names for goals are listed, with units and the model's conditions."""

from __future__ import annotations

import json
import re

import pytest

from sciencegen.api.science import domain_of


@pytest.mark.parametrize("domain", ["molecules", "proteins", "galaxies"])
def test_every_property_is_listed_with_its_unit_and_meaning(cli, domain):
    listed = cli("properties", domain).out
    assert re.split("  +", listed.splitlines()[0])[3:5] == ["tolerance", "conditioned"]
    rows = {line.split()[0]: line for line in listed.splitlines()}
    for name, one in domain_of(domain).properties.items():
        cells = re.split("  +", rows[name])
        assert (cells[1] == one.unit) == bool(one.unit)
        assert cells[-1] == one.description


def test_what_a_model_is_told_is_marked(cli):
    rows = {line.split()[0]: line for line in cli("properties", "galaxies").out.splitlines()}
    assert "  yes  " in rows["half_light_radius"]
    assert "  yes  " not in rows["signal_to_noise"]
    said = json.loads(cli("properties", "molecules", "--model", "qm9-molecules", "--json").out)
    assert "dipole" in said["conditions"]
    assert "alerts" in said["further"]
    assert {"similarity to ITEM", "dock:TARGET"} <= set(said["open_names"])
    assert "`dock:TARGET`" in cli("properties", "molecules").out
    assert said["predicted"]["gap"] == "qm9-properties"
    assert next(one for one in said["properties"] if one["name"] == "mw")["possible"] == [0, None]
    assert "anomaly" in json.loads(cli("properties", "galaxies", "--json").out)["knows"]
    assert next(one for one in said["properties"] if one["name"] == "qed")["possible"] == [0, 1]


def test_a_wrong_model_is_told_and_a_domain_without_weights_has_none(cli):
    assert cli("properties", "galaxies", "--model", "galaxie").code == 2
    other = cli("properties", "molecules", "--model", "galaxies")
    assert other.code == 4
    assert "weights for molecules" in other.err
    assert json.loads(cli("properties", "proteins", "--json").out)["conditions"] == []


def test_a_predictor_is_told_from_a_model(cli, workspace):
    told = cli("properties", "pointclouds", "--model", workspace.folder / "predictor")
    assert told.code == 4
    assert "holds a predictor of measured. Pass it to --predictor as NAME=" in told.err
