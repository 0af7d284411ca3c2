"""Backbones for tests: ideal ones, built from torsions, random ones, and moved ones, as arrays and as items."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sciencegen.domains.proteins.backbones.geometry import backbone_of, place_oxygens
from sciencegen.domains.proteins.backbones.items import Backbone, backbone
from sciencegen.items import Refusal
from tests.domains.proteins.conftest import SHARED

DATA = SHARED / "proteins"
"""Real structures, which are no part of the repository."""
needs_structures = pytest.mark.skipif(not (DATA / "structures").is_dir(), reason="needs the hold-out structures")
needs_backbones = pytest.mark.skipif(not (DATA / "backbones.npz").is_file(), reason="needs the table of backbones")
HELIX, STRAND = (-57.0, -47.0), (-120.0, 130.0)
MIRROR = np.array([1.0, 1.0, -1.0])


def helix(size: int = 20) -> np.ndarray:
    return backbone_of(np.full(size, HELIX[0]), np.full(size, HELIX[1]))


def random_backbone(size: int, seed: int = 0) -> np.ndarray:
    return backbone_of(*np.random.default_rng(seed).uniform(-180, 180, (2, size)))


def moved(places: np.ndarray, seed: int = 0) -> np.ndarray:
    """Rotated at random and translated by (10, -20, 30) Å."""
    rotation = Rotation.from_quat(np.random.default_rng(seed).standard_normal(4))
    return places @ rotation.as_matrix().T + np.array([10.0, -20.0, 30.0])


def built(torsions, sequence="", name="built") -> Backbone:
    """A chain with these torsions (phi, psi) in degrees and ideal bonds; omega is 180."""
    places = backbone_of(*np.array(torsions).T)
    places[:, 3] = place_oxygens(*places[:, :3].swapaxes(0, 1))
    item = backbone(places, sequence, name=name)
    assert not isinstance(item, Refusal)
    return item


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
