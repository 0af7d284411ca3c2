import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem

from sciencegen.domains.molecules import geometry_models as module
from sciencegen.domains.molecules.geometry import Geometry, geometry_of, speaks, with_structure
from sciencegen.domains.molecules.geometry_models import fit, fit_geometries
from sciencegen.domains.molecules.structure_files import structure_text
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.items import Refusal


@pytest.fixture(scope="module")
def arrays(qm9_molecules):
    return [geometry_of(one) for one in qm9_molecules[:300]]


@pytest.fixture(scope="module")
def representation(arrays, qm9_rows):
    values = np.array([[row.values["gap"], row.values["dipole"]] for row in qm9_rows[: len(arrays)]])
    return fit_geometries(arrays, values, ("gap", "dipole"))


def test_decode_inverts_batch(representation, arrays, qm9_molecules):
    batch = representation.batch(representation.encode(qm9_molecules[:40]))
    assert batch["types"].shape == (40, batch.mask.shape[1], 5)
    for old, new in zip(qm9_molecules, representation.decode(batch), strict=False):
        assert Chem.MolToSmiles(new) == Chem.MolToSmiles(old)
        centred = old.GetConformer().GetPositions() - old.GetConformer().GetPositions().mean(0)
        np.testing.assert_allclose(new.GetConformer().GetPositions(), centred, atol=1e-5)


def test_bonds_are_perceived_where_the_batch_has_none(representation, arrays, qm9_molecules):
    plain = replace(representation, bonded=False)
    batch = plain.batch(arrays[:40])
    assert set(batch.fields) == {"positions", "types", "charges"}
    found = [Chem.MolToSmiles(one, isomericSmiles=False) for one in plain.decode(batch)]
    assert found == [Chem.MolToSmiles(one, isomericSmiles=False) for one in qm9_molecules[:40]]


def test_what_the_fields_hold(representation, arrays):
    batch = representation.batch(arrays[:16], np.full((16, 2), 3.0))
    real = batch.mask
    assert batch["positions"].sum(1).abs().max() < 1e-4
    assert (batch["types"].sum(-1) == real).all()
    pairs = (real[:, :, None] & real[:, None] & ~torch.eye(real.shape[1], dtype=torch.bool)).float()
    assert torch.equal(batch["bonds"].sum(-1), pairs)
    assert torch.equal(batch["bonds"], batch["bonds"].transpose(1, 2))
    assert (batch["positions"][~real] == 0).all()
    scales = representation.standardization
    assert batch.condition[0] == pytest.approx((3.0 - scales.mean) / scales.std, rel=1e-5)


def test_saved_and_loaded_is_the_same(representation):
    data = json.loads(json.dumps(representation.to_json()))
    assert module.load(data).to_json() == representation.to_json()
    assert representation.elements.tolist() == [1, 6, 7, 8, 9]
    assert data["distances"]["C=O"][0] < 1.2 < data["distances"]["C=O"][1] < data["distances"]["C-O"][1]
    assert 1.6 < data["distances"]["C O"][0] < 2.0


def test_a_file_of_before_knows_no_distances_and_one_of_others_is_an_error(representation):
    data = representation.to_json()
    older = module.load({name: value for name, value in data.items() if name != "distances"})
    assert older.distances is None
    assert "distances" not in older.to_json()
    with pytest.raises(IncompatibleError, match="kind of bond such as 'C=O'"):
        module.load(data | {"distances": {"C?O": [1.0, 2.0]}})


def test_what_counts_as_well_formed_has_known_distances(representation, arrays):
    batch = representation.batch(arrays[:20])
    assert representation.well_formed(batch, representation.decode(batch)).all()
    batch["positions"].mul_(1.08)  # the same bonds are perceived
    items = representation.decode(batch)
    assert sum(speaks(item, None) for item in items) > 10
    assert not representation.well_formed(batch, items).any()


def test_conditions_are_standardized(representation):
    row = representation.condition({"gap": float(representation.standardization.mean[0])})
    assert row[0] == 0
    assert np.isnan(row[1])
    with pytest.raises(ConfigError, match="Unknown condition 'gab'"):
        representation.condition({"gab": 1})


def test_unknown_elements_and_flat_molecules_are_refused(representation):
    chloride = with_structure(Chem.MolFromSmiles("CCl")).molecule
    refusals = representation.encode([chloride, Chem.MolFromSmiles("C")])
    assert refusals[0] == Refusal("holds Cl, absent from the training set")
    assert "no 3D coordinates" in refusals[1].reason


def test_a_generated_batch_may_hold_anything(representation):
    """NaN coordinates and coincident atoms decode to refusals, one and two atoms to molecules."""
    one = Geometry(np.array([9, 1]), np.array([[0, 0, 0], [0, 0, 0.92]]), np.zeros(2, int), np.array([[0, 1, 1]]))
    batch = representation.batch([one] * 3)
    batch["positions"][1] = float("nan")
    batch["positions"][2] = 0.0
    found = representation.decode(batch)
    assert Chem.MolToSmiles(found[0]) == "[H]F"
    assert "no finite number" in found[1].reason
    assert "0.00 Å apart" in found[2].reason


def test_fitting_reads_texts_and_needs_structures(qm9_molecules):
    fitted = fit([structure_text(one) for one in qm9_molecules[:5]], np.empty((5, 0)), ())
    assert sum(fitted.sizes.values()) == 5
    with pytest.raises(DataError, match="found none with 3D coordinates"):
        fit(["CCO"], np.empty((1, 0)), ())


def test_a_bonded_batch_needs_bonds(representation):
    unbonded = Geometry(np.array([1]), np.zeros((1, 3)), np.zeros(1, int))
    with pytest.raises(DataError, match="molecule 0 has none"):
        representation.batch([unbonded])
