"""Surface exposure of each residue of a chain, computed for the chain alone, without other chains of its complex."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.residues import Residue
from sciencegen.domains.proteins.structures import ProteinChain

PROBE_RADIUS = 1.4
"""Radius of a water molecule in ångström."""
SPHERE_POINTS = 200
LARGEST_AREA = {
    "A": 129.0, "R": 274.0, "N": 195.0, "D": 193.0, "C": 167.0, "E": 223.0, "Q": 225.0, "G": 104.0, "H": 224.0,
    "I": 197.0, "L": 201.0, "K": 236.0, "M": 224.0, "F": 240.0, "P": 159.0, "S": 155.0, "T": 172.0, "W": 285.0,
    "Y": 263.0, "V": 174.0,
}  # fmt: skip
"""Theoretical maximum area in Å² of a residue in Gly-X-Gly: Tien et al. 2013, table 1."""
ROWS_AT_ONCE = 1024

Centre = Literal["alpha", "side_chain"]


def relative_accessibility(chain: ProteinChain) -> Float[np.ndarray, " residue"]:
    """The solvent-accessible area (Shrake and Rupley 1973) as a share of the maximum; slightly above 1 at the ends of a
    chain. NaN for an unknown residue, and for one with missing atoms, which would seem buried."""
    from Bio.PDB.SASA import ShrakeRupley

    model = _atoms_of(chain)
    ShrakeRupley(probe_radius=PROBE_RADIUS, n_points=SPHERE_POINTS).compute(model, level="R")
    areas = np.array([residue.sasa for residue in model.get_residues()])
    return areas / np.array([_largest_area(residue) for residue in chain.residues])


def weighted_contact_number(chain: ProteinChain, centre: Centre = "alpha") -> Float[np.ndarray, " residue"]:
    """sum_j 1 / r_ij^2 over the other residues, in Å^-2: high inside, low at the surface (Lin et al. 2008, eq. 1).

    centre: position of a residue: its CA, as in the paper, or the centre of its side chain.
    """
    places = chain.atom("CA") if centre == "alpha" else chain.side_chain()
    found = np.empty(len(places))
    for start in range(0, len(places), ROWS_AT_ONCE):
        part = places[start : start + ROWS_AT_ONCE]
        squared = np.square(part[:, None] - places[None]).sum(-1)
        squared[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        found[start : start + len(part)] = (1 / np.maximum(squared, 1.0)).sum(1)
    return found


def _largest_area(residue: Residue) -> float:
    return np.nan if residue.missing else LARGEST_AREA.get(residue.letter, np.nan)


def _atoms_of(chain: ProteinChain) -> Any:
    """The residues as a Biopython model, numbered from 1; that of the file has hydrogens and alternate locations."""
    from Bio.PDB.Atom import Atom
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Model import Model
    from Bio.PDB.Residue import Residue as Entity

    model, entities = Model(0), Chain("A")
    model.add(entities)
    for number, residue in enumerate(chain.residues, 1):
        entity = Entity((" ", number, " "), residue.name, "")
        for (name, place), element in zip(residue.atoms.items(), residue.elements, strict=True):
            entity.add(Atom(name, place, 0.0, 1.0, " ", name, number, element=element))
        entities.add(entity)
    return model
