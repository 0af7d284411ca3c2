"""What lies around a backbone in a file: other chains, tied ones, ligands; not the backbone itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains.capabilities import SequenceDraws
from sciencegen.domains.proteins.backbones.files import ITEMS, pdb_lines, read_backbones
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.sequences import biases
from sciencegen.domains.proteins.backbones.surroundings import find_around, scene_of
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import chains

SEQUENCES, ITEM = DOMAIN.sequences, chains()[0]
ZINC = "HETATM  900 ZN    ZN A 301    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00          ZN\n"
WATER = "HETATM  901  O   HOH A 302    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           O\n"
MARK = "HETATM  902  O   DUM A 303    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           O\n"


def shifted(by: float, chain: str, sequence: str = ""):
    return replace(backbone(ITEM.coordinates + by, sequence or ITEM.sequence), chain=chain)


def write_complex(path: Path, *others) -> Path:
    """The item as chain A, other chains, a zinc ion 6 Å from its first CA, and what isn't seen."""
    atoms = [line for one in (ITEM, *others) for line in pdb_lines([one], []) if line.startswith("ATOM")]
    place = ITEM.trace[0] + np.array([6.0, 0.0, 0.0])
    path.write_text("".join([*atoms, *(line.format(*place) for line in (ZINC, WATER, MARK)), "END\n"]))
    return path


def test_other_chains_and_ligands_are_seen_and_the_backbone_is_not_twice(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb", shifted(12.0, "B"))
    first, second = (piece.item for piece in read_backbones(path))
    for item, other in ((first, second), (second, first)):
        scene = scene_of(item, str(path))
        assert np.allclose(scene.coordinates, np.concatenate([item.coordinates, other.coordinates]))
        assert (scene.letters, scene.designed) == (other.sequence, len(item))
        assert scene.elements.tolist() == [30]
    assert str(find_around(first, str(path))) == "20 residues of chain B, 1 ZN"


def test_tied_chains_share_letters_by_their_numbers(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb", shifted(12.0, "B"), shifted(-12.0, "C"))
    scene = scene_of(read_backbones(path)[0].item, str(path), "A,C")
    assert scene.groups.shape == (40, 2)
    assert scene.groups[:20].tolist() == [[row, row + 40] for row in range(20)]
    assert scene.letters == ITEM.sequence, "chain B keeps its letters"
    rows = [ITEMS.text(piece.item) for piece in read_backbones(path)]
    assert [SEQUENCES.chosen(row, SequenceDraws(tied="A,C")) for row in rows] == [True, False, False]


def test_a_file_without_the_backbone_is_seen_wholly_unless_it_lies_on_it(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb", shifted(12.0, "B"))
    assert len(scene_of(replace(ITEM, coordinates=ITEM.coordinates + 5.0), str(path)).coordinates) == 60
    found = scene_of(replace(ITEM, coordinates=ITEM.coordinates + np.float32(0.2)), str(path))
    assert isinstance(found, Refusal)
    assert "residue 1 of chain A around lies on this backbone" in found.reason


def test_far_residues_are_not_seen_unless_they_are_tied(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb", shifted(200.0, "B"))
    assert len(scene_of(ITEM, str(path)).coordinates) == 20
    assert len(scene_of(ITEM, str(path), "A,B").coordinates) == 40


def test_of_a_folder_the_file_that_holds_the_backbone_counts(tmp_path) -> None:
    write_complex(tmp_path / "x.pdb", shifted(12.0, "B"))
    ITEMS.write(tmp_path / "y.pdb", [shifted(50.0, "A")], ["y"], {})
    item = read_backbones(tmp_path / "x.pdb")[0].item
    assert len(scene_of(item, str(tmp_path)).coordinates) == 40
    assert "no file in" in scene_of(replace(item, name="y_A"), str(tmp_path)).reason


def test_an_assembly_has_the_sequence_of_one_chain(random_weights) -> None:
    assembly = replace(ITEM, coordinates=ITEM.coordinates + np.float32([8, 0, 0]), symmetry="C3")
    scene = scene_of(assembly)
    assert np.allclose(scene.coordinates, assembly.copies.reshape(-1, 4, 3), atol=1e-3)
    assert scene.groups[1].tolist() == [1, 21, 41]
    drawn, alone = (SEQUENCES.draw(one, SequenceDraws(count=1)) for one in (assembly, replace(assembly, symmetry="")))
    assert len(drawn[0][0]) == len(ITEM)
    assert drawn != alone


@pytest.mark.usefixtures("random_weights")
def test_a_ligand_changes_the_sequences_of_its_weights_alone(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb")
    for weights, differ in (("ligand", True), ("soluble", False), ("membrane", False)):
        draws = SequenceDraws(count=2, temperature=1.0, weights=weights)
        seen = SEQUENCES.draw(ITEM, replace(draws, around=str(path)))
        assert (SEQUENCES.draw(ITEM, draws) != seen) is differ, weights
    draws = SEQUENCES.check(SequenceDraws(weights="ligand"), False, str(path))
    assert draws.around == str(path)
    assert SEQUENCES.note(ITEM, draws) == "seen around backbones: 1 ZN"
    assert "found no ligand" in SEQUENCES.note(ITEM, SequenceDraws(weights="ligand"))


def test_kept_letters_stay_though_omitted(random_weights) -> None:
    item = replace(ITEM, sequence="C" * len(ITEM))
    drawn = SEQUENCES.draw(item, SequenceDraws(count=4, temperature=5.0, keep="1-5", omit="C", bias="W=1"))
    assert all(sequence.startswith("CCCCC") and "C" not in sequence[5:] for sequence, _ in drawn)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"omit": "CZ"}, "letters of amino acids such as CM for `omit`, got 'Z'"),
        ({"omit": "ACDEFGHIKLMNPQRSTVWY"}, "got all 20"),
        ({"bias": "A:1"}, "such as A=-1,K=0.5 for `bias`, got 'A:1'"),
        ({"bias": "A=inf"}, "got 'A=inf'"),
        ({"bias": "A=1,K=1,A=nan"}, "got 'A=nan'"),
        ({"bias": "Z=1"}, "got 'Z=1'"),
        ({"weights": "solubel"}, "Did you mean 'soluble'"),
        ({"around": "nothing.pdb"}, "there is none at 'nothing.pdb'"),
        ({"tied": "A"}, "two or more different chains for `tied`, such as A,B,C, got 'A'"),
        ({"tied": "A,B"}, "structure files as the input for `tied`"),
    ],
)
@pytest.mark.usefixtures("random_weights")
def test_settings_that_cannot_be_read_are_errors(settings, said) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", "\\(")):
        SEQUENCES.check(SequenceDraws(**settings), False, "items.csv")


def test_absent_tied_chains_and_a_program_with_omitted_letters_are_errors(tmp_path) -> None:
    path = write_complex(tmp_path / "complex.pdb", shifted(12.0, "B"))
    with pytest.raises(ConfigError, match=r"`tied` chains of .*complex.pdb \(A, B\), got D"):
        SEQUENCES.check(SequenceDraws(tied="A,D"), True, f"{path}:A")
    with pytest.raises(ConfigError, match="without a program"):
        SEQUENCES.check(SequenceDraws(omit="C"), True, str(path))


def test_a_letter_is_omitted_though_it_has_a_bias() -> None:
    assert biases("c", "C=3, a = 1") == {"C": -np.inf, "A": 1.0}
