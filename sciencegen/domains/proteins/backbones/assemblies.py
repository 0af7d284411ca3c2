"""Cyclic assemblies: an item is one chain, its copies are turned about the z axis through the origin."""

from __future__ import annotations

import re
from string import ascii_uppercase

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError

MOST_COPIES = 24
OTHER_SYMMETRIES = ("D", "T", "O", "I")
"""First letters of symmetries that aren't cyclic: dihedral, tetrahedral, octahedral, icosahedral."""
_CYCLIC = re.compile(r"[Cc](\d{1,3})")


def copy_count(symmetry: str) -> int:
    """Number of chains of an assembly: 3 for "C3", 1 for "".

    Raises
    ------
    ConfigError
        For a text that isn't a cyclic symmetry.
    """
    found = _CYCLIC.fullmatch(symmetry.strip())
    if not symmetry:
        return 1
    if found is None or not 2 <= int(found[1]) <= MOST_COPIES:
        why = " Others, such as dihedral ones, can't be drawn." if symmetry[:1].upper() in OTHER_SYMMETRIES else ""
        raise ConfigError(f"Expected a cyclic `symmetry`, C2 to C{MOST_COPIES}, got '{symmetry}'.{why}")
    return int(found[1])


def rotations(count: int) -> Float[np.ndarray, "copy 3 3"]:
    """Rotations about the z axis by multiples of 360 / count degrees; the first is none."""
    angles = 2 * np.pi * np.arange(count) / count
    cosine, sine, none = np.cos(angles), np.sin(angles), np.zeros(count)
    return np.stack([cosine, -sine, none, sine, cosine, none, none, none, none + 1], 1).reshape(-1, 3, 3)


def assembly(places: Float[np.ndarray, "*atom 3"], symmetry: str) -> Float[np.ndarray, "copy *atom 3"]:
    """The places of all copies of a chain's atoms."""
    return np.einsum("cxy,...y->c...x", rotations(copy_count(symmetry)), np.asarray(places, np.float64))


def chain_names(first: str, count: int) -> list[str]:
    """Names of the chains: that of the first one, then the letters that are left."""
    return [first, *(letter for letter in ascii_uppercase if letter != first)][:count]
