"""Similarity of crystals, and features for regressors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from sciencegen.domains.base import Regression, Similarity
from sciencegen.domains.crystals.elements import chemical_system, element_data, fractions, reduced_formula
from sciencegen.domains.crystals.geometry import average_distances, described
from sciencegen.domains.crystals.items import SYMBOLS, Crystal
from sciencegen.domains.crystals.properties import relative_distances

# Similarity: how far compositions and structures are from each other, each by a published distance.
#
#     s = exp(-ElMD / 10) exp(-10 max_k |AMD_k / l - AMD'_k / l'|),   l³ = volume of an atom
#
# ElMD is the earth mover's distance of the compositions along Pettifor's (1984) scale of the elements (Hargreaves et
# al. 2020); AMD are average minimum distances (Widdowson et al. 2022), here without the scale, so that NaCl and KCl
# have one structure.

COMPOSITION_SCALE, STRUCTURE_SCALE = 10.0, 0.1


@cache
def _scale() -> np.ndarray:
    """The place of each element on Pettifor's scale, 1 to 103; unknown ones are last."""
    found = np.nan_to_num(element_data()["mendeleev_number"], nan=104.0)
    return found.astype(int)


def compositions(items: Sequence[Crystal]) -> Float[np.ndarray, "item place"]:
    """Cumulative shares of the elements along Pettifor's scale: their differences sum to ElMD."""
    table = np.zeros((len(items), 106))
    for row, item in enumerate(items):
        np.add.at(table[row], _scale()[item.numbers], 1 / len(item))
    return table.cumsum(1)


def structures(items: Sequence[Crystal]) -> Float[np.ndarray, "item neighbour"]:
    """Average minimum distances as multiples of the edge of an atom's cube."""
    rows = [average_distances(item) / (item.volume / len(item)) ** (1 / 3) for item in items]
    return np.reshape(rows, (len(items), -1)) if len(items) else np.zeros((0, 1))


def distances(
    items: Sequence[Crystal], references: Sequence[Crystal]
) -> tuple[Float[np.ndarray, "item reference"], Float[np.ndarray, "item reference"]]:
    """Of compositions, and of structures."""
    if not (len(items) and len(references)):
        return np.zeros((2, len(items), len(references)))[0], np.zeros((len(items), len(references)))
    chemical = cdist(compositions(items), compositions(references), "cityblock")
    return chemical, cdist(structures(items), structures(references), "chebyshev")


def similarity(items: Sequence[Crystal], references: Sequence[Crystal]) -> Float[np.ndarray, "item reference"]:
    """1 for equal crystals, about 0 for crystals with neither chemistry nor structure in common."""
    chemical, structural = distances(items, references)
    return np.exp(-chemical / COMPOSITION_SCALE - structural / STRUCTURE_SCALE)


SIMILARITY = Similarity(
    matrix=similarity,
    maximum=0.9,
    classes={
        "compositions": lambda items: list(map(reduced_formula, items)),
        "chemical systems": lambda items: list(map(chemical_system, items)),
    },
)

# Features: statistics of the elements' data over the composition (Ward et al. 2016, Magpie), their differences between
# neighbours (Ward et al. 2017, with weights by distance in place of Voronoi cells), and shells of neighbours.

ATTRIBUTES = (
    "number", "mass", "covalent_radius", "electronegativity", "mendeleev_number", "group", "period", "melting_point",
    "electron_affinity", "ionization_energy", "molar_volume", "s_valence", "p_valence", "d_valence", "f_valence",
    "unfilled",
)  # fmt: skip
SHELLS = (1, 2, 3, 4, 6, 8, 10, 12, 14, 18, 24, 32, 48, 64, 100)
BONDS = np.linspace(0.8, 2.0, 13)
"""Middles of the bins of distances, as multiples of the sum of covalent radii."""


@cache
def _attributes() -> Float[np.ndarray, "number attribute"]:
    """The elements' data, scaled to a deviation of 1, missing values filled with medians."""
    table: Mapping[str, np.ndarray] = element_data()
    found = np.stack([table[name] for name in ATTRIBUTES], 1)
    found = np.where(np.isnan(found), np.nanmedian(found, 0), found)
    return (found - found.mean(0)) / found.std(0)


@lru_cache(maxsize=100_000)
def row(item: Crystal) -> Float[np.ndarray, " feature"]:
    """The features of one item."""
    values = _attributes()[item.numbers]
    mean = values.mean(0)
    composition = [mean, abs(values - mean).mean(0), values.min(0), values.max(0), np.ptp(values, axis=0)]
    share = fractions(item)
    norms = [np.linalg.norm(share, power) for power in (2, 3, 5)]
    edge = (item.volume / len(item)) ** (1 / 3)
    relative, found = relative_distances(item)
    relative = relative.astype(float)
    weights = np.exp(-0.5 * (np.maximum(relative - 1, 0) / 0.15) ** 2) + 1e-9
    weights_sum = weights.sum(1)
    neighbours = values[found]
    apart = (weights[..., None] * abs(values[:, None] - neighbours)).sum(1) / weights_sum[:, None]
    ionic = (weights * (values[:, None, 3] - neighbours[..., 3]) ** 2).sum(1) / weights_sum
    bond = (weights * relative).sum(1) / weights_sum
    bins = np.exp(-0.5 * ((relative[..., None] - BONDS) / 0.08) ** 2).sum(1).mean(0)
    shells = average_distances(item)[np.array(SHELLS) - 1] / edge
    spread = described(item)[0][:, :12].astype(float)
    shape = [
        edge, np.log(item.volume / len(item)), len(item), relative.min(), relative[:, 0].mean(), relative[:, 0].max(),
        *(f(weights_sum) for f in (np.mean, np.std, np.min, np.max)),
        *(f(bond) for f in (np.mean, np.std, np.min, np.max)),
        *(f(ionic) for f in (np.mean, np.std, np.min, np.max)),
        spread.std(1).mean() / edge, spread.std(0).mean() / edge,
    ]  # fmt: skip
    parts = [*composition, norms, share[1:], shape, shells, bins, apart.mean(0), apart.std(0), apart.max(0)]
    return np.concatenate([np.asarray(part, float).ravel() for part in parts]).astype(np.float32)


def features(items: Sequence[Crystal]) -> Float[np.ndarray, "item feature"]:
    """Statistics of compositions and neighbours, and the share of each element."""
    return np.stack([row(item) for item in items]) if len(items) else np.zeros((0, len(SYMBOLS)), np.float32)


REGRESSION = Regression(features=features, groups=lambda items: list(map(chemical_system, items)))
