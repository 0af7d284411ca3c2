"""Backbones for tests: ideal ones, random ones, moved ones, and native chains outside of the repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sciencegen.domains.proteins.backbones.torsions import backbone_of

MIRROR = np.array([1.0, 1.0, -1.0])
SHARED = Path(__file__).parents[5] / "shared" / "data" / "proteins"


def helix(size: int = 20) -> np.ndarray:
    return backbone_of(np.full(size, -57.0), np.full(size, -47.0))


def random_backbone(size: int, seed: int = 0) -> np.ndarray:
    return backbone_of(*np.random.default_rng(seed).uniform(-180, 180, (2, size)))


def moved(backbone: np.ndarray, seed: int = 0) -> np.ndarray:
    """Rotated at random and translated by (10, -20, 30) Å."""
    return backbone @ Rotation.random(rng=seed).as_matrix().T + np.array([10.0, -20.0, 30.0])


@cache
def native_file() -> dict[str, np.ndarray]:
    path = SHARED / "backbones.npz"
    if not path.exists():
        pytest.skip(f"native chains are absent: {path}")
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def natives(count: int) -> list[tuple[np.ndarray, str]]:
    """Evenly spaced native chains, with the secondary structure that DSSP assigned, in its own letters."""
    stored = native_file()
    rows = np.linspace(0, len(stored["length"]) - 1, count).astype(int)
    offset = stored["offset"]
    return [(stored["xyz"][offset[row] : offset[row + 1]] / 100.0, str(stored["dssp"][row])) for row in rows]
