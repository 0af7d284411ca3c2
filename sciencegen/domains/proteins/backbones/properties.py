"""Properties of backbones: length, shares of secondary structure, compactness, and errors of the geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.backbones.bond_geometry import ca_clashes, chain_breaks
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.secondary_structure import COIL, HELIX, STRAND, secondary_structure
from sciencegen.domains.proteins.backbones.shape import expected_radius, radius_of_gyration
from sciencegen.errors import unknown_name
from sciencegen.items import Property

PROPERTIES: dict[str, Property] = {
    prop.name: prop
    for prop in (
        Property("length", "", 40.0, 256.0, None, 0.5, "residues", integer=True, possible=(1, math.inf)),
        Property("helix", "", 0.0, 0.8, None, 0.08, "share of residues in helices", possible=(0, 1),
                 share_of="residues"),
        Property("strand", "", 0.0, 0.6, None, 0.08, "share of residues in bridges of strands", possible=(0, 1),
                 share_of="residues"),
        Property("coil", "", 0.2, 0.8, None, 0.08, "share of residues in neither", possible=(0, 1),
                 share_of="residues"),
        Property("rg", "Å", 8.0, 25.0, None, 0.5, "radius of gyration of the alpha carbons", possible=(0, math.inf)),
        Property("rg_ratio", "", 0.9, 1.5, None, 0.05, "radius of gyration / (2.2 Å N^0.38), that of a globule",
                 possible=(0, math.inf)),
        Property("breaks", "", 0.0, 5.0, "minimize", 0.5, "peptide bonds longer than 2 Å", integer=True,
                 possible=(0, math.inf)),
        Property("clashes", "", 0.0, 5.0, "minimize", 0.5, "pairs of alpha carbons closer than 3.4 Å", integer=True,
                 possible=(0, math.inf)),
    )
}  # fmt: skip
SHARES = {"helix": HELIX, "strand": STRAND, "coil": COIL}


def measure(items: Sequence[Backbone], names: Sequence[str]) -> Float[np.ndarray, "item property"]:
    """[item property] of computed properties."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("property of backbones", name, PROPERTIES)
    return np.array([_row(item, names) for item in items], float).reshape(len(items), len(names))


def _row(item: Backbone, names: Sequence[str]) -> list[float]:
    structure = secondary_structure(item.coordinates) if set(SHARES) & set(names) else ""
    radius = radius_of_gyration(item.coordinates)
    found = {name: structure.count(letter) / len(item) for name, letter in SHARES.items()}
    found |= {"length": len(item), "rg": radius, "rg_ratio": radius / expected_radius(len(item))}
    found |= {"breaks": chain_breaks(item.coordinates), "clashes": ca_clashes(item.coordinates)}
    return [found[name] for name in names]
