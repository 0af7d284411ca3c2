"""Building blocks that a user can buy, with the places of the reactions that each one fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from rdkit import Chem, DataStructs

from sciencegen.domains.molecules.items import text
from sciencegen.domains.molecules.similarity import fingerprints
from sciencegen.domains.molecules.synthesis.reactions import Reaction, Slot, reactions, slots_of
from sciencegen.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Stock:
    """Distinct blocks. names: of each, "" for none. fitting: slot -> indices of the blocks that fit, ascending."""

    molecules: Sequence[Chem.Mol]
    names: Sequence[str]
    fitting: Mapping[Slot, np.ndarray]
    _index: Mapping[str, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.molecules)

    def place(self, smiles: str) -> int | None:
        """The index of the block with this SMILES."""
        return self._index.get(smiles)

    def name(self, smiles: str) -> str:
        """The name of a block, its SMILES if it has none."""
        return self.names[self._index[smiles]] or smiles

    @cached_property
    def fingerprints(self) -> Sequence[DataStructs.ExplicitBitVect]:
        """Of each block."""
        return fingerprints(self.molecules)

    @cached_property
    def usable(self) -> tuple[Reaction, ...]:
        """Reactions with a block for every slot: those that a route can begin with."""
        return tuple(one for one in reactions() if all(slot in self.fitting for slot in one.slots))

    @cached_property
    def unused(self) -> int:
        """The number of blocks that fit to no slot."""
        return len(self) - len({index for indices in self.fitting.values() for index in indices.tolist()})

    def similarities(self, indices: np.ndarray, molecule: Chem.Mol) -> np.ndarray:
        """[index] Tanimoto similarity of blocks to a molecule."""
        (query,) = fingerprints([molecule])
        known = self.fingerprints
        return np.array(DataStructs.BulkTanimotoSimilarity(query, [known[index] for index in indices.tolist()]))


def make_stock(molecules: Sequence[Chem.Mol], names: Sequence[str] = ()) -> Stock:
    """The stock of these molecules; of equal ones the first is kept.

    Raises
    ------
    ConfigError
        If there are no blocks, or none that a reaction accepts.
    """
    given = names or [""] * len(molecules)
    first: dict[str, tuple[Chem.Mol, str]] = {}
    for molecule, name in zip(molecules, given, strict=True):
        first.setdefault(text(molecule), (molecule, name))
    kept = [molecule for molecule, _ in first.values()]
    fitting: dict[Slot, list[int]] = {}
    for index, molecule in enumerate(kept):
        for slot in slots_of(molecule):
            fitting.setdefault(slot, []).append(index)
    arrays = {slot: np.array(indices) for slot, indices in fitting.items()}
    places = {smiles: place for place, smiles in enumerate(first)}
    stock = Stock(kept, [name for _, name in first.values()], arrays, places)
    if not stock.usable:
        raise ConfigError(
            f"Expected building blocks that react with each other, found {len(stock)} blocks, of which {stock.unused} "
            "fit to no reaction. Give reagents such as amines, carboxylic acids, boronic acids and halides."
        )
    return stock
