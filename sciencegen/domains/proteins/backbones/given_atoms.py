"""Atoms that designs must not overlap: side chains of a motif, and those of a ligand or of a partner chain.

Draws and relaxation move the drawn residues out of the given atoms (`diffusion.around_given`, `relaxation`), and
designs that still overlap don't count as well formed. Atoms overlap that are closer than 3.0 Å, or than 2.5 Å if both
are N or O, which may be bonded by hydrogen.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import cdist

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.backbones.geometry import Coordinates, place_betas
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.residues import BACKBONE, HYDROGENS, Residue
from sciencegen.domains.proteins.structures import read_structure_file
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import version_of
from sciencegen.scoring.oracles import FunctionOracle, Oracle

KINDS = {"N": 0, "O": 1}
"""Number of an element; others are `OTHER`."""
OTHER = 2
WATERS = frozenset({"HOH", "WAT", "DOD"})
OVERLAP = np.array([
    [2.5, 2.5, 3.0],
    [3.0, 3.0, 3.0],
    [3.0, 3.0, 3.0],
    [2.5, 2.5, 3.0],
    [3.0, 3.0, 3.0],
])  # fmt: skip
"""Distances in ångström of N, CA, C, O and an ideal CB to a given N, O and other atom within which they overlap."""
LEAST_TO_GIVEN = np.array([
    [3.3, 2.8, 3.3],
    [3.5, 3.2, 3.4],
    [3.5, 3.3, 3.4],
    [2.8, 2.7, 3.1],
    [3.4, 3.2, 3.3],
    [2.8, 2.6, 2.8],
])  # fmt: skip
"""The same, and of where a side chain begins, to which draws are moved apart: about one pair for 100 residues of native
chains is closer to an atom of a side chain."""
OWN = 1
"""Residues so far from that of a side chain in the chain are bonded to it, and may be near."""
NO_RESIDUE = -1000
SAME = 0.5
"""Ångström: atoms of the motif and kept-free ones within this are the same."""


@dataclass(frozen=True, eq=False)
class GivenAtoms:
    """Heavy atoms in the frame of the motif. kinds: N, O or others (`KINDS`). residues: the row of the residue that an
    atom belongs to, `NO_RESIDUE` if none."""

    places: Float[np.ndarray, "atom 3"]
    kinds: Int[np.ndarray, " atom"]
    residues: Int[np.ndarray, " atom"]

    def __len__(self) -> int:
        return len(self.places)

    def packed(self) -> Float[np.ndarray, "atom 5"]:
        """All as one array, for a batch."""
        return np.column_stack([self.places, self.kinds, self.residues]).astype(np.float32)

    def apart(self, fixed: Bool[np.ndarray, " residue"]) -> Bool[np.ndarray, "residue atom"]:
        """Whether a residue must not overlap an atom: it is drawn, and not bonded to the atom's own."""
        rows = np.arange(len(fixed))[:, None]
        return ~fixed[:, None] & (abs(rows - self.residues) > OWN)


def unpacked(packed: Float[np.ndarray, "atom 5"]) -> GivenAtoms:
    """The inverse of `GivenAtoms.packed`."""
    return GivenAtoms(packed[:, :3].astype(np.float64), packed[:, 3].astype(int), packed[:, 4].astype(int))


def joined(parts: list[GivenAtoms]) -> GivenAtoms:
    """All atoms after each other."""
    places = np.concatenate([np.zeros((0, 3)), *(one.places for one in parts)])
    kinds, residues = (
        np.concatenate([np.zeros(0, int), *(getattr(one, name) for one in parts)]) for name in ("kinds", "residues")
    )
    return GivenAtoms(places, kinds, residues)


def side_chains(residues: list[Residue]) -> GivenAtoms:
    """The atoms of side chains that a file has. residues: those of a motif, in the order of the design."""
    found = [
        (place, KINDS.get(element, OTHER), row)
        for row, residue in enumerate(residues)
        for (name, place), element in zip(residue.atoms.items(), residue.elements, strict=True)
        if name not in (*BACKBONE, "OXT")
    ]
    places, kinds, rows = (np.array([one[part] for one in found]) for part in range(3))
    return GivenAtoms(places.reshape(-1, 3).astype(float), kinds.astype(int), rows.astype(int))


def read_given_atoms(source: str) -> GivenAtoms:
    """The heavy atoms of a structure file without waters: of its first model, of one chain if it is named, as in
    `complex.pdb:B`.

    Raises
    ------
    ConfigError, DataError
        For a chain that the file lacks, and for a file without atoms.
    """
    name, _, chain = source.rpartition(":") if not Path(source).exists() else (source, "", "")
    path = Path(name or source)
    return _atoms_of(str(path), version_of(str(path)) if path.is_file() else (), chain)


@lru_cache(maxsize=4)
def _atoms_of(name: str, changed: tuple[int, ...], chain: str) -> GivenAtoms:
    path = Path(name)
    structure = read_structure_file(path).structure
    with reading("a structure", path):
        chains = {one.id.strip() or "_": one for one in next(iter(structure))}
        if chain and chain not in chains:
            raise ConfigError(f"Expected a chain of {path} ({', '.join(chains)}), got '{chain}'. Choose one of these.")
        atoms = [
            atom
            for one in ([chains[chain]] if chain else chains.values())
            for residue in one
            if residue.get_resname().strip() not in WATERS
            for atom in residue
            if atom.element not in HYDROGENS
        ]
    places = np.array([atom.coord for atom in atoms], float).reshape(-1, 3)
    if not len(places) or not np.isfinite(places).all():
        raise DataError(f"Expected heavy atoms with finite coordinates in {path}, found none or others.")
    kinds = np.array([KINDS.get(atom.element, OTHER) for atom in atoms])
    return GivenAtoms(places, kinds, np.full(len(places), NO_RESIDUE))


def check_apart(given: GivenAtoms, motif: Float[np.ndarray, "atom 3"], source: str) -> None:
    """Raise a ConfigError if atoms to keep free are those of the motif; warn if the motif overlaps with them."""
    distance = cdist(given.places, motif)
    same = int((distance.min(1) < SAME).sum())
    if same:
        raise ConfigError(
            f"Expected `keep_free` of other atoms than the motif's, got {source}, of which {same} lie at the motif's. "
            "Pass a file of the ligand alone, or name a chain, as in complex.pdb:B."
        )
    if near := int((distance < OVERLAP.min()).sum()):
        warnings.warn(
            f"the motif itself comes within {OVERLAP.min()} Å of {source}: {near} pairs of atoms", stacklevel=1
        )


def overlaps(
    coordinates: Coordinates, given: GivenAtoms, fixed: Bool[np.ndarray, " residue"] | None = None
) -> tuple[int, float]:
    """The number of pairs of N, CA, C, O and ideal CB of drawn residues and given atoms that overlap, and the least
    distance of all in ångström (infinite without atoms). fixed: residues that are the motif's."""
    atoms, count = np.concatenate([coordinates, place_betas(coordinates)[:, None]], 1), len(coordinates)
    drawn = given.apart(np.zeros(count, bool) if fixed is None else fixed)
    distance = cdist(atoms.reshape(-1, 3), given.places).reshape(count, 5, len(given))
    distance = np.where(drawn[:, None], distance, np.inf)
    return int((distance < OVERLAP[:, given.kinds]).sum()), float(distance.min(initial=np.inf))


PREFIX = "overlaps:"
OVERLAPS = f"{PREFIX}FILE"
"""Names of oracles, such as `overlaps:ligand.pdb`."""


def overlap_oracle(name: str) -> Oracle | None:
    """The oracle that counts overlaps with the atoms of a file in the frame of the designs; None for another name."""
    if not name.startswith(PREFIX):
        return None
    source = name.removeprefix(PREFIX)
    read_given_atoms(source)
    return FunctionOracle(name, partial(_count, source), direction="minimize")


def _count(source: str, item: Backbone) -> float:
    return float(overlaps(item.coordinates, read_given_atoms(source))[0])
