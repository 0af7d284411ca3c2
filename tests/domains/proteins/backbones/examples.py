"""Backbones with ideal geometry: helices, hairpins and random coils, built from torsions; and the hold-out's files."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.geometry import place_oxygens, unit
from sciencegen.domains.proteins.backbones.items import Backbone, backbone
from sciencegen.items import Refusal
from tests.domains.proteins.conftest import SHARED

DATA = SHARED / "proteins"
"""Real structures, which are no part of the repository."""
needs_structures = pytest.mark.skipif(not (DATA / "structures").is_dir(), reason="needs the hold-out structures")
needs_backbones = pytest.mark.skipif(not (DATA / "backbones.npz").is_file(), reason="needs the table of backbones")
HELIX, STRAND = (-57.0, -47.0), (-120.0, 130.0)


def built(torsions, sequence="", name="built", mirrored=False) -> Backbone:
    """A chain with these torsions (phi, psi) in degrees and ideal bonds; omega is 180."""
    places = [np.array(one, float) for one in ((0, 0, 0), (1.458, 0, 0), (2.009, 1.420, 0))]
    for (_, psi), (phi, _) in pairwise(torsions):
        for length, angle, torsion in ((1.329, 116.6, psi), (1.458, 121.7, 180.0), (1.525, 111.0, phi)):
            places.append(_next(places[-3:], length, np.radians(angle), np.radians(torsion)))
    atoms = np.stack(places).reshape(-1, 3, 3)
    atoms = atoms * (1, 1, -1) if mirrored else atoms
    oxygens = place_oxygens(*atoms.swapaxes(0, 1))
    item = backbone(np.concatenate([atoms, oxygens[:, None]], 1), sequence, name=name)
    assert not isinstance(item, Refusal)
    return item


def _next(last, length, angle, torsion):
    a, b, c = last
    along = unit(c - b)
    normal = unit(np.cross(b - a, along))
    across = np.cross(normal, along)
    return c + length * (-np.cos(angle) * along + np.sin(angle) * (np.cos(torsion) * across + np.sin(torsion) * normal))


def random_chain(seed: int, count: int) -> Backbone:
    """Pieces of helix and strand with random loops; it may clash."""
    generator, torsions = np.random.default_rng(seed), []
    while len(torsions) < count:
        kind = (HELIX, STRAND)[int(generator.integers(2))]
        torsions += [kind] * int(generator.integers(5, 12))
        torsions += [tuple(generator.uniform((-150, -60), (-50, 160))) for _ in range(3)]
    letters = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), count))
    return built(torsions[:count], letters, f"chain{seed}")


@cache
def chains(count: int = 8) -> tuple[Backbone, ...]:
    """Chains of 20 to 34 residues."""
    return tuple(random_chain(seed, 20 + 2 * seed) for seed in range(count))
