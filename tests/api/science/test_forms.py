"""Forms with oracles of plain molecules: plugins, latents, tables."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.api.criteria import OracleBook
from sciencegen.api.predictors.folder import TrainedPredictor
from sciencegen.api.scores import Scoring, ScoringTask
from sciencegen.api.writing.writer import open_output, writes_structures
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.geometry import with_structure
from sciencegen.domains.molecules.structure_files import structure_key
from sciencegen.items import Refusal
from sciencegen.prediction.predictor import Prediction

SMILES = ["CCO", "C[C@H](N)C(=O)O"]
FORM = "molecules/structures"


@pytest.fixture(scope="module")
def structures():
    return [with_structure(Chem.MolFromSmiles(one)).molecule for one in SMILES]


def test_a_plugin_sees_the_domain_s_own_items(structures, tmp_path, monkeypatch):
    (tmp_path / "heavy.py").write_text("def count(item): return item.GetNumAtoms()")
    monkeypatch.chdir(tmp_path)
    for domain, items in (("molecules", map(DOMAIN.items.parse, SMILES)), (FORM, structures)):
        scores = OracleBook(domain).resolve("heavy:count").score(list(items))
        assert [score.value for score in scores] == [3, 6]


class OfLatents:
    """A predictor that gives the first latent back."""

    columns = MappingProxyType({"latents": None})
    made_by = None
    summary = MappingProxyType({})

    def predict(self, latents, novel=None):
        first = latents[:, 0].astype(float)
        return Prediction(first, first, first, np.isfinite(first), first)


def test_a_predictor_of_latents_sees_the_same_item_in_a_structure(structures):
    values = []
    for domain, items in (("molecules", list(map(DOMAIN.items.parse, SMILES))), (FORM, structures)):
        trained = TrainedPredictor(domain, Path("p"), OfLatents(), "y", "molecules", {})
        values.append([score.value for score in trained.oracle("y").score(items)])
    assert values[0][0] is not None  # the other has a stereocentre, which the model has not
    assert values[0] == values[1]


def test_a_table_has_the_domain_s_own_text_and_the_record_s_title(structures, tmp_path):
    DOMAIN.items.write(tmp_path / "in.sdf", structures, ["first", "second"], {})
    rows = list(load_domain(FORM).items.read(tmp_path / "in.sdf"))
    assert [row.id for row in rows] == ["first", "second"]
    (chunk,) = Scoring(ScoringTask(FORM, ("mw",), threads=1, timeout_s=600.0), rows)
    assert chunk.values["item"] == [Chem.CanonSmiles(one) for one in SMILES]
    assert chunk.values["id"] == ["first", "second"]
    assert not any(isinstance(DOMAIN.items.parse(item), Refusal) for item in chunk.values["item"])


def test_a_file_of_structures_keeps_their_coordinates(structures, tmp_path):
    assert [writes_structures(name) for name in ("-", "a.csv", "a.smi", "a.parquet", "a.sdf")] == [False] * 4 + [True]
    DOMAIN.items.write(tmp_path / "in.sdf", structures, ["first", "second"], {})
    rows = list(load_domain(FORM).items.read(tmp_path / "in.sdf"))
    scoring = Scoring(ScoringTask(FORM, ("mw",), whole=True, threads=1, timeout_s=600.0), rows)
    with open_output(FORM, str(tmp_path / "out.sdf"), scoring.columns) as writer:
        for chunk in scoring:
            writer.write(chunk.values)
    written = list(Chem.SDMolSupplier(str(tmp_path / "out.sdf"), removeHs=False))
    assert [one.GetProp("_Name") for one in written] == ["first", "second"]
    assert [structure_key(one) for one in written] == [structure_key(one) for one in structures]
