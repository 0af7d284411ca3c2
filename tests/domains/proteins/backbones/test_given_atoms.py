"""Atoms that designs must not overlap: read from files, kept from draws, and counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.diffusion import Around, given_change, motif_task, placed_with
from sciencegen.domains.proteins.backbones.files import write
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.geometry import place_betas
from sciencegen.domains.proteins.backbones.given_atoms import (
    LEAST_TO_GIVEN,
    NO_RESIDUE,
    OTHER,
    GivenAtoms,
    overlaps,
    read_given_atoms,
    side_chains,
    unpacked,
)
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.motifs import read_motif
from sciencegen.domains.proteins.backbones.relaxation import relaxed
from sciencegen.domains.proteins.backbones.representation import AROUND, OXYGEN, padded_places
from sciencegen.domains.proteins.residues import Residue
from sciencegen.errors import ConfigError, DataError
from sciencegen.networks.residues import ATOMS, TRACE, colour
from tests.domains.proteins.backbones.examples import chains, helix, moved
from tests.domains.proteins.backbones.tiny_model import fitted, noise, tiny_model
from tests.domains.proteins.example_structures import Line, pdb, peptide

PLACES = helix(20)


def beside(row: int, distance: float, kind: int = OTHER, residue: int = NO_RESIDUE) -> GivenAtoms:
    """An atom in front of the side chain of a residue of `PLACES`, at this distance from its CB."""
    beta, alpha = place_betas(PLACES)[row], PLACES[row, 1]
    along = (beta - alpha) / np.linalg.norm(beta - alpha)
    return GivenAtoms((beta + distance * along)[None], np.array([kind]), np.array([residue]))


def ligand(*places: tuple[float, float, float]) -> list[Line]:
    return [Line(f"C{at}", "LIG", 1, place, "L", "HETATM", element="C") for at, place in enumerate(places, 1)]


def test_atoms_overlap_within_3_angstrom_and_polar_ones_within_2_5() -> None:
    assert [overlaps(PLACES, beside(9, distance))[0] for distance in (2.9, 3.1)] == [1, 0]
    assert overlaps(PLACES, beside(9, 2.0))[1] == pytest.approx(2.0, abs=1e-6)
    acceptor = PLACES[19, 3] + (PLACES[19, 3] - PLACES[19, 2]) / 1.231 * 2.7  # of the last residue, which is free
    found = (
        overlaps(PLACES, GivenAtoms(acceptor[None], np.array([kind]), np.array([NO_RESIDUE]))) for kind in range(3)
    )
    assert [count for count, _ in found] == [0, 0, 1]
    assert overlaps(PLACES, beside(9, 2.0, residue=10))[0] == 0  # its neighbours are bonded to it
    fixed = np.zeros(20, bool)
    fixed[9] = True
    assert overlaps(PLACES, beside(9, 2.0), fixed)[0] == 0


def test_no_atoms_are_infinitely_far() -> None:
    assert overlaps(PLACES, side_chains([])) == (0, np.inf)


def test_side_chains_are_what_the_file_has_beyond_the_backbone() -> None:
    atoms = {name: np.full(3, float(at)) for at, name in enumerate(("N", "CA", "C", "O", "CB", "OG", "OXT"))}
    found = side_chains([Residue(1, "", "S", "SER", atoms, ("N", "C", "C", "O", "C", "O", "O"))])
    assert found.places[:, 0].tolist() == [4, 5]
    assert found.kinds.tolist() == [OTHER, 1]
    back = unpacked(found.packed())
    assert (back.kinds.tolist(), back.residues.tolist()) == (found.kinds.tolist(), [0, 0])


def test_a_file_of_atoms_is_read_without_waters_and_hydrogens(tmp_path) -> None:
    water = Line("O", "HOH", 9, (7, 7, 7), "W", "HETATM", element="O")
    hydrogen = Line("H1", "LIG", 1, (3, 3, 3), "L", "HETATM", element="H")
    path = tmp_path / "complex.pdb"
    path.write_text(pdb([*peptide("MK"), *ligand((1, 2, 3), (4, 5, 6)), hydrogen, water]))
    assert read_given_atoms(f"{path}:L").places.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(read_given_atoms(str(path))) == 2 + len(peptide("MK"))
    with pytest.raises(ConfigError, match=r"a chain of .*\(A, L, W\), got 'B'"):
        read_given_atoms(f"{path}:B")
    with pytest.raises(DataError, match="found none"):
        read_given_atoms(f"{path}:W")
    with pytest.raises(DataError, match=r"Expected a structure at .*gone\.pdb"):
        read_given_atoms(str(tmp_path / "gone.pdb"))


def test_atoms_to_keep_free_are_not_those_of_the_motif(tmp_path) -> None:
    path = tmp_path / "motif.pdb"
    path.write_text(pdb([*peptide("MKVLAWGHYE"), *ligand((0, 20, 0))]))
    motif = read_motif(path, "5,A3-6,5", keep_free=f"{path}:L")
    assert (motif.given.residues == NO_RESIDUE).sum() == 1
    assert (motif.given.residues >= 0).sum() == 3 + 4 + 1 + 10  # V, L, A, W
    with pytest.raises(ConfigError, match="lie at the motif's"):
        read_motif(path, "5,A3-6,5", keep_free=str(path))


def test_relaxation_moves_residues_out_of_given_atoms_and_keeps_fixed_ones() -> None:
    around, fixed = beside(9, 1.5), np.zeros(20, bool)
    fixed[:4] = True
    found = relaxed(PLACES[:, :3], fixed, around)
    oxygens = np.concatenate([found, PLACES[:, 3:]], 1)  # not those that were moved, but near enough to count CB
    assert overlaps(oxygens[9:10], around)[0] == 0 < overlaps(PLACES[9:10], around)[0]
    assert np.array_equal(found[:4], PLACES[:4, :3])
    fixed[9] = True
    assert relaxed(PLACES[:, :3], fixed, around) is not None


def around_of(places: np.ndarray, fixed: np.ndarray, given: GivenAtoms) -> Around:
    """Of one chain; the frame is another one."""
    other = moved(places[:, :3].reshape(-1, 3)).reshape(-1, 3, 3)
    atoms = moved(np.concatenate([places[:, :3].reshape(-1, 3), given.places]))[3 * len(places) :]
    return Around(
        torch.from_numpy(other * fixed[:, None, None])[None].float(),
        torch.from_numpy(fixed)[None],
        torch.from_numpy(atoms).float(),
        torch.from_numpy(LEAST_TO_GIVEN[:, given.kinds]).float(),
        torch.from_numpy(given.apart(fixed))[None],
    )


def test_draws_move_out_of_atoms_that_follow_the_motif() -> None:
    fixed, given = np.zeros(20, bool), beside(12, 1.0)
    fixed[:4] = True
    chain = padded_places([PLACES[:, :3]])
    around = around_of(PLACES, fixed, given)
    positions = torch.from_numpy(PLACES[None, :, 1]).float()
    assert placed_with(around, positions, chain[ATOMS])[0].numpy() == pytest.approx(given.places, abs=1e-3)
    change = colour(given_change(chain[TRACE], chain[ATOMS], around), torch.tensor([20]))[0].numpy()
    assert np.abs(change[:4]).max() < 1e-3
    away = PLACES[12, 1] - given.places[0]
    assert change[12] @ away / np.linalg.norm(away) > 0.3
    far = around_of(PLACES, fixed, beside(12, 30.0))
    assert not given_change(chain[TRACE], chain[ATOMS], far).any()


def test_designs_that_overlap_are_not_well_formed() -> None:
    whole, item = padded_places([PLACES[:, :3]]), backbone(PLACES)
    kept = np.where(np.arange(20)[:, None] < 4, 1.0, np.nan) * np.ones((1, 20, 3))
    for row, good in ((2, True), (12, False)):
        around = GivenAtoms(PLACES[row, 1][None], np.array([OTHER]), np.array([NO_RESIDUE])).packed()
        given = {AROUND: torch.from_numpy(around[None]), OXYGEN: torch.from_numpy(kept)}
        assert fitted().well_formed(Batch({**whole.fields, **given}, whole.mask), [item]).tolist() == [good]


@pytest.mark.long
def test_a_column_has_the_least_distance(tmp_path) -> None:
    item = chains()[5]
    write(tmp_path / "motif.pdb", [item], ["motif"], {})
    (tmp_path / "far.pdb").write_text(pdb(ligand((200, 0, 0))))
    files = {"scaffold": str(tmp_path / "motif.pdb"), "keep_free": str(tmp_path / "far.pdb")}
    task = motif_task(tiny_model(), TaskSettings(contigs="3-9,A8-14,3-9", **files))
    with torch.inference_mode():
        (made,) = fitted().decode(task.draw(noise(1)))
    assert task.columns == ("motif_positions", "clearance")
    assert task.cells(made)[1] == pytest.approx(overlaps(made.coordinates, task.motif.given)[1], abs=30)


def test_score_counts_overlaps_with_a_file(tmp_path) -> None:
    item = chains()[5]
    path = tmp_path / "ligand.pdb"
    path.write_text(pdb(ligand(tuple(item.coordinates[9, 1] + [0, 0, 0.5]), (900, 0, 0))))
    oracle = DOMAIN.oracles.find(f"overlaps:{path}")
    (score,) = oracle.score([item])
    assert score.value == overlaps(item.coordinates, read_given_atoms(str(path)))[0] > 0
    with pytest.raises(DataError, match="gone"):
        DOMAIN.oracles.find("overlaps:gone.pdb")
