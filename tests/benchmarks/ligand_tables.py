"""Tables of MoleculeACE as landscapes of replayed campaigns: molecules, values, features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from sciencegen.domains.molecules import DOMAIN
from sciencegen.items import Item, Refusal
from sciencegen.optimization.candidates import CampaignSpace, CandidatePool
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.measurements import Measurement

VALUES = "y [pEC50/pKi]"


@dataclass(frozen=True, eq=False)
class Ligands:
    """Measured molecules. texts: their SMILES."""

    texts: list[str]
    items: list[Item]
    values: Float[np.ndarray, " item"]

    def taken(self, rows: np.ndarray) -> Ligands:
        return Ligands([self.texts[row] for row in rows], [self.items[row] for row in rows], self.values[rows])


def read_ligands(path: Path) -> Ligands:
    table = pd.read_csv(path).drop_duplicates("smiles")
    items = [DOMAIN.items.parse(text) for text in table["smiles"]]
    good = [row for row, item in enumerate(items) if not isinstance(item, Refusal)]
    values = table[VALUES].to_numpy(float)
    return Ligands([table["smiles"].iloc[row] for row in good], [items[row] for row in good], values[good])


def space_of(items: list[Item]) -> tuple[CampaignSpace, CandidatePool, FeatureRows]:
    """The space of the items' places, all of which are candidates, and their features."""
    rows = DOMAIN.regression.features(items)
    keys = [str(place) for place in range(len(items))]
    space = CampaignSpace(
        key=str, features=lambda places: rows[np.asarray(places, int)],
        similarity=lambda some, others: np.zeros((len(some), len(others))),
    )  # fmt: skip
    return space, CandidatePool(range(len(items)), keys, np.ones(len(items))), rows


def exact(place: int, value: float) -> Measurement:
    """A measured number of the item at a place."""
    return Measurement(str(place), place, value, math.nan, 1, 0)
