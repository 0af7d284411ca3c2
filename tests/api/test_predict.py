"""predict: a single predictor's columns are named by its targets, several predictors' by the given names."""

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from sciencegen.api.criteria import trained_oracle
from sciencegen.api.models import folder
from sciencegen.api.science import domain_of
from sciencegen.api.score import predict
from tests.accelerator import DEVICE, accelerated


def test_names_of_columns_are_those_of_the_predictors(workspace):
    folder, table = str(workspace.folder / "predictor"), pd.read_csv(workspace.folder / "clouds.csv")
    items = [*table["cloud"][:3], "junk"]
    one = predict("pointclouds", items, folder, threads=1).table
    two = predict("pointclouds", items, {"a": folder, "b": folder}, threads=1).table
    assert np.array_equal(one["measured"], two["a"], equal_nan=True)
    assert two["a"].equals(two["b"].rename("a"))
    assert one["measured"].notna().tolist() == [True] * 3 + [False]
    assert (one["measured_lower"][:3] <= one["measured_upper"][:3]).all()


def test_networks_are_computed_on_the_device_and_regressions_say_that_they_are_not(workspace, monkeypatch, tmp_path):
    item, form = Chem.AddHs(Chem.MolFromSmiles("CO")), "molecules/structures"
    AllChem.EmbedMolecule(item, randomSeed=1)
    with Chem.SDWriter(str(tmp_path / "item.sdf")) as writer:
        writer.write(item)
    (expected,) = trained_oracle(form, "gap", "qm9-properties").score(
        [domain_of(form).items.parse(Chem.MolToMolBlock(item))]
    )
    monkeypatch.setattr(folder, "resolve_device", lambda device: DEVICE.type)
    with accelerated() as accelerator:
        found = predict("molecules", tmp_path / "item.sdf", {"gap": "qm9-properties"}, threads=1, device="cuda")
    assert sum(accelerator.asked.values())
    assert found.table["gap"][0] == pytest.approx(expected.value, rel=1e-5)
    regression = predict("pointclouds", ["junk"], str(workspace.folder / "predictor"), threads=1, device="cuda")
    assert any("nothing here is computed on `device`" in note for note in regression.notes)
