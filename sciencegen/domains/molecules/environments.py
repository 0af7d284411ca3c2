"""Atom environments that no known molecule has: odd chemistry that no list of groups names.

An environment is an atom with all atoms and bonds within two bonds, as Morgan fingerprints see it (Rogers & Hahn, J.
Chem. Inf. Model. 2010, 50, 742). Those of about a million molecules of PubChem are the fragments of the synthetic
accessibility (Ertl & Schuffenhauer, J. Cheminformatics 2009, 1:8). That score is a mean over all atoms, so that a large
molecule may hide an odd part; the number of unknown environments is not.

A bond between two groups that nobody has joined gives several unknown environments. `MOST` is the smallest limit that
at least 95% of measured ligands and of drugs meet; no other list of groups was used to choose it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from rdkit import Chem

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.molecules.synthetic_accessibility import MORGAN, find_fragments

MOST = 2
"""Unknown environments that a candidate of a search may have."""
MOST_KNOWN = 20_000
"""Molecules whose environments count as known; of more, evenly spaced ones. Each takes 0.1 ms."""

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


def familiar_beside(molecules: Sequence[Chem.Mol]) -> Callable[[Chem.Mol], bool]:
    """A test that a molecule has at most `MOST` environments that are unknown in the table and in given molecules."""
    chosen = [molecules[row] for row in evenly_spaced(len(molecules), MOST_KNOWN)]
    known = frozenset(key for molecule in chosen for key in environments(molecule))
    return lambda molecule: unknown_environments(molecule, known) <= MOST
