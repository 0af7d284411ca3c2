"""Whether a molecule is like known ones: few unknown atom environments, and no large ring that none of them has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rdkit import Chem

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.molecules.environments import MOST, environments, unknown_environments
from sciencegen.domains.molecules.large_rings import large_ring_texts

MOST_KNOWN = 20_000
"""Molecules that count as known; of more, evenly spaced ones. Each takes 0.1 ms."""


def familiar_beside(molecules: Sequence[Chem.Mol]) -> Callable[[Chem.Mol], bool]:
    """A test that a molecule has at most `MOST` environments that are unknown in the table and in given molecules, and
    that each of its rings of eight or more atoms is a ring of a given molecule."""
    chosen = [molecules[row] for row in evenly_spaced(len(molecules), MOST_KNOWN)]
    known = frozenset(key for molecule in chosen for key in environments(molecule))
    rings = frozenset(text for molecule in chosen for text in large_ring_texts(molecule))
    return lambda molecule: (
        rings.issuperset(large_ring_texts(molecule)) and (unknown_environments(molecule, known) <= MOST)
    )
