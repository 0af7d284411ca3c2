"""Predicted structures: they belong to the sequence that they have, and are compared after superposition."""

import gzip
import math
import sys

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones import sequences as self_consistency
from sciencegen.domains.proteins.backbones.files import ITEMS, pdb_lines
from sciencegen.domains.proteins.backbones.sequences import Predicted, ca_rmsd, compare, mean_plddt, read_predicted
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import MIRROR, chains, moved, random_backbone

ITEM, OTHER, THIRD = chains()[:3]


def predicted(item, factor="80.00"):
    """The text of a PDB file of an item with this B-factor, as folding programs write it."""
    return "".join(pdb_lines([item], [])).replace("  1.00  0.00  ", f"  1.00{factor:>6}  ")


def test_motions_cost_nothing_and_mirrors_do():
    trace = random_backbone(40)[:, 1]
    assert ca_rmsd(trace, moved(random_backbone(40))[:, 1]) == pytest.approx(0, abs=1e-6)
    assert ca_rmsd(trace, trace * MIRROR) > 1
    shifted = trace + np.random.default_rng(0).normal(0, 0.5, trace.shape)
    found = ca_rmsd(trace, shifted)
    assert found == pytest.approx(ca_rmsd(shifted, trace))
    assert 0.6 < found < 0.5 * math.sqrt(3)


def test_a_prediction_of_the_backbone_itself_is_perfect():
    pytest.importorskip("tmtools")
    found = compare(ITEM, Predicted(ITEM.sequence, moved(ITEM.coordinates.astype(float))[:, 1], 90.0))
    assert found["sc_rmsd"] == pytest.approx(0, abs=1e-4)
    assert found["sc_tm"] == pytest.approx(1, abs=1e-4)
    assert found["plddt"] == 90
    assert set(found) == set(self_consistency.columns())
    assert self_consistency.notes() == []


def test_without_tmtools_its_column_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "tmtools", None)
    monkeypatch.setattr(self_consistency, "can_align", lambda: False)
    found = compare(ITEM, Predicted(ITEM.sequence, np.asarray(ITEM.trace, float), 90.0))
    assert set(found) == set(self_consistency.columns()) == {"sc_rmsd", "plddt"}
    assert "pip install 'sciencegen[design]'" in self_consistency.notes()[0]


@pytest.mark.parametrize("ending", [".pdb", ".cif", ".pdb.gz"])
def test_files_of_a_folder_are_matched_by_their_sequences(tmp_path, ending):
    inner = tmp_path / "out" / "predictions"
    inner.mkdir(parents=True)
    for name, item in (("anything", OTHER), ("else", ITEM)):
        ITEMS.write(inner / f"{name}{ending}", [item], [name], {})
    (inner / "confidence.json").write_text("{}")
    found = read_predicted(tmp_path / "out", [ITEM.sequence, THIRD.sequence, OTHER.sequence])
    assert [None if isinstance(one, Refusal) else one.sequence for one in found] == [
        ITEM.sequence, None, OTHER.sequence,
    ]  # fmt: skip
    assert found[0].trace == pytest.approx(ITEM.trace, abs=1e-3)
    assert found[1].reason == "no structure with this sequence in the output"


def test_one_file_may_hold_several_models(tmp_path):
    ITEMS.write(tmp_path / "output.pdb", [ITEM, OTHER], ["a", "b"], {})
    (tmp_path / "output.pdb").rename(tmp_path / "output")  # programs write to a name without an ending
    found = read_predicted(tmp_path / "output", [OTHER.sequence, ITEM.sequence])
    assert [one.sequence for one in found] == [OTHER.sequence, ITEM.sequence]


def test_of_several_files_the_first_name_counts(tmp_path):
    for rank, factor in ((2, "50.00"), (1, "70.00")):
        (tmp_path / f"0_rank_00{rank}.pdb").write_text(predicted(ITEM, factor))
    assert read_predicted(tmp_path, [ITEM.sequence])[0].plddt == pytest.approx(70)


def test_a_damaged_file_fails_its_own_sequence(tmp_path):
    (tmp_path / "0.pdb").write_text(predicted(ITEM))
    (tmp_path / "1.pdb").write_text(predicted(OTHER)[:200])
    (tmp_path / "2.pdb.gz").write_bytes(gzip.compress(predicted(THIRD).encode())[:60])
    found = read_predicted(tmp_path, [ITEM.sequence, OTHER.sequence, THIRD.sequence])
    assert found[0].sequence == ITEM.sequence
    assert isinstance(found[1], Refusal)
    assert "1.pdb" in found[1].reason
    assert str(tmp_path) not in found[1].reason
    assert isinstance(found[2], Refusal)


@pytest.mark.parametrize("ending", [".pdb", ".cif"])
@pytest.mark.parametrize("place", ["nan", "inf", "9000"])
def test_a_structure_that_is_no_chain_fails_its_own_sequence(tmp_path, ending, place):
    for name, item in (("0", ITEM), ("1", OTHER)):
        ITEMS.write(tmp_path / f"{name}{ending}", [item], [name], {})
    path = tmp_path / f"0{ending}"
    path.write_text(path.read_text().replace(f"{ITEM.trace[0, 0]:.3f}".rjust(5), f"{place:>5}", 1))
    found = read_predicted(tmp_path, [ITEM.sequence, OTHER.sequence])
    assert isinstance(found[0], Refusal)
    assert f"0{ending} has alpha carbons that aren't finite or too far apart" in found[0].reason
    assert found[1].sequence == OTHER.sequence


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ([80, 90], 85),
        ([0.8, 0.9], 85),
        ([0, 0], math.nan),
        ([0.5, 50], 25.25),
        ([math.nan, 1], math.nan),
        ([80, 300], math.nan),
        ([-1, 80], math.nan),
    ],
)
def test_plddt_of_either_scale_is_in_percent(factors, expected):
    assert mean_plddt(np.array(factors, float)) == pytest.approx(expected, nan_ok=True)
