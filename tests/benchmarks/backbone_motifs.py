"""Motif scaffolding: motifs of native chains that the model never saw, and how many designs are sound.

    python tests/benchmarks/backbone_motifs.py structures --model backbones -n 20

The first argument is a folder of PDB files of the docking benchmark BM5. For each motif: the RMSD of its atoms N, CA
and C to the file's after superposition (median and greatest), the share of designs that are unbroken, free of clashes
and have 99% of neighbouring CA at 3.6 to 4.0 Å, and the seconds of a design.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

import sciencegen as sg
from sciencegen.domains.proteins.backbones.files import parse, read_backbones
from sciencegen.domains.proteins.backbones.geometry import TRANS_DISTANCE, ca_clashes, ca_distances, chain_breaks
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.motifs import Range


class Motif(NamedTuple):
    """Pieces of a file's chain, by places from 0 (end excluded), and the numbers of free residues around them."""

    name: str
    file: str
    pieces: tuple[tuple[int, int], ...]
    free: tuple[str, ...]


MOTIFS = (
    Motif("helix, turn, helix", "1E6J_l_u_B", ((14, 37),), ("15-35", "15-35")),
    Motif("hairpin of strands", "2ABZ_l_u_B", ((1, 18),), ("20-40", "20-40")),
    Motif("strand, loop, helix", "1FFW_l_u_B", ((1, 24),), ("15-35", "15-35")),
    Motif("loop that binds a protease", "2SIC_l_u_B", ((60, 74),), ("25-40", "25-40")),
    Motif("hairpin and helix", "1UDI_l_u_B", ((2, 11), (37, 56)), ("5-15", "10-25", "10-25")),
)


def contigs_of(motif: Motif, chain: Backbone) -> str:
    ranges = [
        str(Range(chain.chain, int(chain.numbers[first]), int(chain.numbers[end - 1]))) for first, end in motif.pieces
    ]
    parts = [motif.free[0]]
    for piece, free in zip(ranges, motif.free[1:], strict=True):
        parts += [piece, free]
    return ",".join(parts)


def rmsd(first: np.ndarray, second: np.ndarray) -> float:
    """Of points [point 3], after superposition."""
    first, second = first - first.mean(0), second - second.mean(0)
    _, distance = Rotation.align_vectors(first, second)
    return float(distance / np.sqrt(len(first)))


def motif_rmsd(design: Backbone, motif: np.ndarray) -> float:
    """RMSD of the residues that have letters, which are those of the motif [residue 3 3]."""
    kept = np.array([letter != "X" for letter in design.sequence])
    return rmsd(design.coordinates[kept, :3].reshape(-1, 3), motif.reshape(-1, 3))


def is_sound(design: Backbone) -> bool:
    places = design.coordinates
    distances = ca_distances(places)
    near = np.mean((distances >= TRANS_DISTANCE[0]) & (distances <= TRANS_DISTANCE[1]))
    return not chain_breaks(places) and not ca_clashes(places) and near >= 0.99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", type=Path)
    parser.add_argument("--model", default="backbones")
    parser.add_argument("-n", type=int, default=20)
    chosen = parser.parse_args()
    for motif in MOTIFS:
        path = next(chosen.structures.glob(f"{motif.file}.pdb*"))
        chain = read_backbones(path)[0].item
        assert isinstance(chain, Backbone)
        contigs = contigs_of(motif, chain)
        start = time.process_time()
        result = sg.generate(
            "proteins", n=chosen.n, model=chosen.model, scaffold=str(path), contigs=contigs, raw=True, threads=1
        )
        seconds = (time.process_time() - start) / chosen.n
        designs = [one for one in map(parse, result.table["item"]) if isinstance(one, Backbone)]
        atoms = np.concatenate([chain.coordinates[first:end, :3] for first, end in motif.pieces])
        far = [motif_rmsd(one, atoms) for one in designs]
        sound = sum(map(is_sound, designs)) / chosen.n
        print(
            f"{motif.name} ({motif.file}, {contigs}): RMSD {np.median(far):.3f} Å, at most {max(far):.3f}; "
            f"sound {sound:.0%} of {chosen.n}; {seconds:.1f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main()
