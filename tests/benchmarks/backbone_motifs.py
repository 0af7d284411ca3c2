"""Motif scaffolding: motifs of native chains that the model never saw, and how many designs are sound.

    python tests/benchmarks/backbone_motifs.py structures -n 10 --motifs 24

The first argument is a folder of PDB files of the docking benchmark BM5. Motifs are the five chosen by hand, or with
`--motifs` pieces of 12 to 30 residues at random places of as many chains. For each: the RMSD of its atoms N, CA and C
to the file's after superposition (greatest), the shares of designs that pass each of `JUDGES` and all of them, and the
processor seconds of a design. First the same shares of the folder's unbroken chains as long as designs around random
motifs, whose glycines get an ideal CB as those of designs do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

import sciencegen as sg
from sciencegen.domains.proteins.backbones.files import parse, read_backbones
from sciencegen.domains.proteins.backbones.geometry import (
    TRANS_DISTANCE,
    beta_clashes,
    ca_distances,
    chain_breaks,
    clashes,
    crowded_betas,
    helix_handedness,
    longest_coil,
    ramachandran_outliers,
    secondary_structure,
)  # fmt: skip
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


def bonded_ca(places: np.ndarray) -> bool:
    distances = ca_distances(places)
    near = np.mean((distances >= TRANS_DISTANCE[0]) & (distances <= TRANS_DISTANCE[1]))
    return not chain_breaks(places) and near >= 0.99


JUDGES: dict[str, Callable[[np.ndarray], bool]] = {
    "unbroken, 99% of CA at 3.6 to 4.0": bonded_ca,
    "no heavy atoms or CB within 2.5": lambda places: not clashes(places) and not beta_clashes(places),
    "at most 4 CB pairs within 3.8 for 100": lambda places: crowded_betas(places) <= 0.04 * len(places),
    "at most 6% torsion outliers": lambda places: ramachandran_outliers(places) <= 0.06,
    "right-handed": lambda places: not (helix_handedness(places).share < 0.985),
    "coils of at most 20": lambda places: longest_coil(secondary_structure(places)) <= 20,
}
"""What a design passes, by its atoms [residue 4 3]."""


def random_motifs(folder: Path, count: int) -> Iterator[Motif]:
    """Pieces of whole chains of different files, by a seed for each file."""
    for place, path in enumerate(sorted(folder.glob("*.pdb*"))):
        chain = read_backbones(path)[0].item
        generator = np.random.default_rng(place)
        length = int(generator.integers(12, 31))
        if not isinstance(chain, Backbone) or len(chain.sequence) < length + 20 or chain_breaks(chain.coordinates):
            continue
        first = int(generator.integers(5, len(chain.sequence) - length - 5))
        name = path.name.split(".")[0]
        yield Motif(name, name, ((first, first + length),), ("20-40", "20-40"))
        count -= 1
        if not count:
            return


LENGTHS = range(20 + 12 + 20, 40 + 30 + 40 + 1)
"""Of designs around random motifs."""


def native_shares(folder: Path) -> dict[str, float]:
    """The number of unbroken native chains of such lengths, and the shares of them that pass."""
    chains = [read_backbones(path)[0].item for path in sorted(folder.glob("*.pdb*"))]
    places = [one.coordinates for one in chains if isinstance(one, Backbone) and len(one) in LENGTHS]
    passed = np.array([[judge(one) for judge in JUDGES.values()] for one in places if not chain_breaks(one)])
    return {"chains": len(passed), **dict(zip(JUDGES, passed.mean(0), strict=True)), "all": passed.all(1).mean()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", type=Path)
    parser.add_argument("--model", default="backbones")
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--motifs", type=int, help="random ones in place of the five")
    chosen = parser.parse_args()
    natives = native_shares(chosen.structures)
    print("natives", {name: round(float(value), 3) for name, value in natives.items()}, flush=True)
    motifs = MOTIFS if chosen.motifs is None else random_motifs(chosen.structures, chosen.motifs)
    table = list[dict[str, float]]()
    for motif in motifs:
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
        passed = np.array([[judge(one.coordinates) for judge in JUDGES.values()] for one in designs])
        row = {name: share for name, share in zip(JUDGES, passed.sum(0) / chosen.n, strict=True)}
        row |= {"all": passed.all(1).sum() / chosen.n, "seconds": seconds}
        row["RMSD"] = max(motif_rmsd(one, atoms) for one in designs)
        table.append(row)
        print(motif.name, contigs, {name: round(float(value), 3) for name, value in row.items()}, flush=True)
    print("mean", {name: round(float(np.mean([row[name] for row in table])), 3) for name in table[0]})


if __name__ == "__main__":
    main()
