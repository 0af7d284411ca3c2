"""A completing model: it draws no items, and adds coordinates to those of another model."""

from __future__ import annotations

import json

import pytest
from rdkit import Chem

pytestmark = pytest.mark.long


def test_training_measures_what_the_coordinates_are_worth(conformers):
    metrics = json.loads((conformers / "metrics.json").read_text())
    assert {"right_bonds_held_out", "stable_atoms_held_out", "stable_molecules_held_out"} <= set(metrics)
    assert json.loads((conformers / "data" / "dataset.json").read_text())["counts"]["refused"] <= 5


def test_it_makes_no_items_of_its_own(cli, conformers):
    for verb in (("generate", "molecules", "-n", 1), ("optimize", "molecules", "--goal", "maximize qed")):
        result = cli(*verb, "--model", conformers)
        assert result.code == 2
        assert "--complete" in result.err


def test_what_it_cannot_complete_is_written_as_before(cli, conformers):
    result = cli("generate", "molecules", "-n", 3, "--complete", conformers, "--threads", 1, "-o", "hits.sdf")
    assert result.code == 0, result.err
    molecules = list(Chem.SDMolSupplier("hits.sdf"))
    assert len(molecules) == 3
    assert all(one.GetConformer().Is3D() and one.GetProp("structure").startswith("ETKDGv3") for one in molecules)


def test_only_such_a_model_completes(cli):
    result = cli("generate", "molecules", "-n", 3, "--complete", "molecules", "-o", "hits.sdf")
    assert result.code == 2
    assert "completes items" in result.err


def test_the_whole_set_is_never_its_sample(cli):
    """With an empty cache and no network, a request for the whole set fails and leaves no folder."""
    training = ("--recipe", "conformers", "--data", "qm9", "--settings", "{sample: false}", "--threads", 1)
    predictor = ("predictor", "molecules", "qm9/test", "--target", "gap", "--settings", "{sample: false}")
    for call in (("molecules", *training), predictor, (*predictor, "--form", "structures")):
        result = cli("train", *call, "-o", "x")
        assert result.code == 3
        assert "Expected to fetch molecules/qm9" in result.err
