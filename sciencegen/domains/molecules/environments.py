"""Atom environments that no known molecule has: odd chemistry that no list of groups names.

An environment is an atom with all atoms and bonds within two bonds, as Morgan fingerprints see it (Rogers & Hahn, J.
Chem. Inf. Model. 2010, 50, 742). Those of about a million molecules of PubChem are the fragments of the synthetic
accessibility (Ertl & Schuffenhauer, J. Cheminformatics 2009, 1:8). That score is a mean over all atoms, so that a large
molecule may hide an odd part; the number of unknown environments is not.

A bond between two groups that nobody has joined gives several unknown environments. `MOST` is the smallest limit that
at least 95% of measured ligands and of drugs meet; no other list of groups was used to choose it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from rdkit import Chem

from sciencegen.domains.molecules.synthetic_accessibility import MORGAN, find_fragments

MOST = 2
"""Unknown environments that a candidate of a search may have."""

_BITS = 0xFFFFFFFF


def environments(molecule: Chem.Mol) -> set[int]:
    """Identifiers of the environments of radius 0, 1 and 2 of all atoms."""
    return {key & _BITS for key in MORGAN.GetSparseCountFingerprint(molecule).GetNonzeroElements()}


def unknown_environments(molecule: Chem.Mol, known: AbstractSet[int] = frozenset()) -> int:
    """Number of distinct environments that neither the table nor `known` holds."""
    own = environments(molecule) - known
    identifiers = np.fromiter(own, np.uint32, len(own))
    _, found = find_fragments(identifiers)
    return len(found) - int(found.sum())
