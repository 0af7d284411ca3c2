"""Properties of crystals: from the cell, the composition and distances alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.domains.crystals.elements import element_data, is_charge_balanced
from sciencegen.domains.crystals.geometry import INSTALL, described, shortest_distance, space_group
from sciencegen.domains.crystals.items import Crystal
from sciencegen.domains.properties import measure_each
from sciencegen.items import Property

GRAMS = 1.66053907
"""g/cm³ of one atomic mass unit in a cubic ångström."""
BONDED = 1.25
"""Atoms are neighbours within this multiple of the sum of their covalent radii."""


def density(item: Crystal) -> float:
    """Of mass, g/cm³."""
    return GRAMS * float(element_data()["mass"][item.numbers].sum()) / item.volume


def packing_fraction(item: Crystal) -> float:
    """Volume of spheres of the atomic radii (Slater 1964), which may overlap, as a share of the cell's."""
    return float(4 / 3 * np.pi * (element_data()["atomic_radius"][item.numbers] ** 3).sum()) / item.volume


def relative_distances(
    item: Crystal,
) -> tuple[Float[np.ndarray, "atom neighbour"], Int[np.ndarray, "atom neighbour"]]:
    """Distances to neighbours as multiples of the sum of covalent radii, and the places of these neighbours."""
    distances, found = described(item)
    radii = np.nan_to_num(element_data()["covalent_radius"], nan=1.6)[item.numbers]
    return distances / (radii[:, None] + radii[found]), found


def shortest_bond(item: Crystal) -> float:
    """The least of these multiples."""
    return float(relative_distances(item)[0].min())


def coordination(item: Crystal) -> float:
    """Mean number of neighbours within `BONDED`; at most 100."""
    near: Bool[np.ndarray, "atom neighbour"] = relative_distances(item)[0] < BONDED
    return float(near.sum(1).mean())


def electronegativity_difference(item: Crystal) -> float:
    """Of the most and the least electronegative element (Pauling); NaN if one has no value."""
    values = element_data()["electronegativity"][item.numbers]
    return float(values.max() - values.min())


_POSITIVE, _SHARE = (0.0, float("inf")), (0.0, 1.0)
PROPERTIES = {
    one.name: one
    for one in (
        Property(
            name="atoms", unit="", low=1.0, high=40.0, direction=None, tolerance=0.0, integer=True,
            description="number of atoms in the cell", possible=(1.0, float("inf")),
        ),
        Property(
            name="elements", unit="", low=1.0, high=7.0, direction=None, tolerance=0.0, integer=True,
            description="number of elements", possible=(1.0, 118.0),
        ),
        Property(
            name="volume_per_atom", unit="Å³", low=5.0, high=50.0, direction=None, tolerance=0.5,
            description="volume of the cell for each atom", possible=_POSITIVE,
        ),
        Property(
            name="density", unit="g/cm³", low=0.5, high=20.0, direction=None, tolerance=0.25,
            description="mass density", possible=_POSITIVE,
        ),
        Property(
            name="space_group", unit="", low=1.0, high=230.0, direction=None, tolerance=0.0, integer=True,
            description="number of the space group within 0.1 Å, by spglib", possible=(1.0, 230.0),
            unknown=f"spglib finds no space group, or isn't installed: {INSTALL}",
        ),
        Property(
            name="packing_fraction", unit="", low=0.1, high=2.0, direction=None, tolerance=0.05,
            description="volume of spheres of atomic radii as a share of the cell's", possible=_POSITIVE,
            unknown="an element has no atomic radius",
        ),
        Property(
            name="shortest_distance", unit="Å", low=0.7, high=4.0, direction=None, tolerance=0.05,
            description="distance of the two closest atoms", possible=_POSITIVE,
        ),
        Property(
            name="shortest_bond", unit="", low=0.6, high=1.4, direction=None, tolerance=0.02,
            description="least distance of two atoms as a multiple of the sum of their covalent radii",
            possible=_POSITIVE,
        ),
        Property(
            name="coordination", unit="", low=0.0, high=16.0, direction=None, tolerance=0.5,
            description="mean number of neighbours within 1.25 times the sum of covalent radii",
            possible=(0.0, 100.0),
        ),
        Property(
            name="charge_balanced", unit="", low=0.0, high=1.0, direction="maximize", tolerance=0.0, integer=True,
            description="1 if oxidation states can sum to zero by SMACT's rule, else 0; metals have 1", possible=_SHARE,
        ),
        Property(
            name="electronegativity_difference", unit="", low=0.0, high=3.2, direction=None, tolerance=0.1,
            description="of the most and the least electronegative element, Pauling's scale", possible=(0.0, 3.4),
            unknown="an element has no electronegativity",
        ),
        Property(
            name="metal_fraction", unit="", low=0.0, high=1.0, direction=None, tolerance=0.05,
            description="share of atoms that are metals", possible=_SHARE,
        ),
    )
}  # fmt: skip

measure = measure_each({
    "atoms": len,
    "elements": lambda item: len(np.unique(item.numbers)),
    "volume_per_atom": lambda item: item.volume / len(item),
    "density": density,
    "space_group": space_group,
    "packing_fraction": packing_fraction,
    "shortest_distance": shortest_distance,
    "shortest_bond": shortest_bond,
    "coordination": coordination,
    "charge_balanced": is_charge_balanced,
    "electronegativity_difference": electronegativity_difference,
    "metal_fraction": lambda item: float(np.nan_to_num(element_data()["metal"][item.numbers], nan=1.0).mean()),
})  # fmt: skip

NOT_GOALS = {
    "formula": "it is a text. For structures of one formula use `core` BaTiO3, of its elements `keep` only:Ba-Ti-O",
    "space_group_symbol": "it is a text. Use the number of the space group, such as space_group = 221 for Pm-3m",
}
"""Columns of results that aren't numbers, and what to ask for in their place."""
