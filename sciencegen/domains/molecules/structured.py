"""Molecules with their coordinates: the form of the domain in which an item is a structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from sciencegen.domains.molecules import Molecules, property_networks, structure_files
from sciencegen.domains.molecules.geometry import Geometry, with_implicit_hydrogens
from sciencegen.domains.molecules.metric_notes import STRUCTURE_NOTES
from sciencegen.domains.molecules.structure_peek import holds_structures
from sciencegen.domains.molecules.structures import METHOD
from sciencegen.items import Origin, Refusal, Row
from sciencegen.scoring.oracles import Oracle, Score


class Structures(Molecules):
    """An item is a molecule with every hydrogen and one conformer; what asks for the molecule alone sees it without."""

    name = "molecules/structures"
    formats: tuple[str, ...] = structure_files.STRUCTURE_FORMATS

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return structure_files.read_structures(Path(path), column)

    def parse(self, text: str) -> Chem.Mol | Refusal:
        return structure_files.parse_structure(text)

    def text(self, item: Chem.Mol) -> str:
        return structure_files.structure_text(item)

    def key(self, item: Chem.Mol) -> str:
        return structure_files.structure_key(item)

    def write(
        self, path: Path, items: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        if structure_files.ending(Path(path)).startswith(".xyz"):
            return structure_files.write_xyz(Path(path), items, names)
        if origin is not None and origin.made and origin.model:
            for item in items:
                item.SetProp(METHOD, f"drawn together with the molecule, by {origin.model}")
        return super().write(path, items, names, values, origin)

    def measure(self, items: Sequence[Chem.Mol], names: Sequence[str]) -> np.ndarray:
        return super().measure(_flat(items), names)

    def similarity(self, items: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
        return super().similarity(_flat(items), _flat(references))

    def nearest(self, items: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
        return super().nearest(_flat(items), _flat(references))

    def features(self, items: Sequence[Chem.Mol]) -> np.ndarray:
        return super().features(_flat(items))

    def groups(self, items: Sequence[Chem.Mol]) -> list[str]:
        return super().groups(_flat(items))

    def oracle(self, name: str) -> Oracle:
        return self.adapt_oracle(super().oracle(name))

    def adapt_oracle(self, oracle: Oracle) -> Oracle:
        return FlatOracle(oracle)

    def plain(self, item: Chem.Mol) -> Chem.Mol:
        return with_implicit_hydrogens(item)

    @property
    def metric_notes(self) -> Mapping[str, tuple]:
        return STRUCTURE_NOTES

    def left_out(self, text: str) -> str:
        line = "" if "\n" in text else text.partition(" |")[0]  # coordinates have points too
        return super().left_out(line)

    def points(self, items: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
        return property_networks.points(items)

    @property
    def readouts(self) -> Mapping[str, str]:
        return property_networks.READOUTS

    def holds(self, path: Path) -> bool:
        return holds_structures(Path(path))

    @property
    def references(self) -> Sequence[str]:
        return ()

    @property
    def training_sets(self) -> Sequence[str]:
        return ()

    def evaluate(
        self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
    ) -> dict[str, float]:
        from sciencegen.domains.molecules.structure_metrics import evaluate_structures

        return evaluate_structures(samples, reference, training)

    def constraint(self, keep: Sequence[str] = (), forbid: Sequence[str] = ()) -> Callable[[Chem.Mol], bool]:
        accepted = super().constraint(keep, forbid)
        return lambda item: accepted(with_implicit_hydrogens(item))


class FlatOracle:
    """An oracle of molecules, asked about structures: it sees them without their hydrogens, as it expects."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.name, self.unit, self.direction = oracle, oracle.name, oracle.unit, oracle.direction

    def score(self, items: Sequence[Chem.Mol]) -> list[Score]:
        return self.oracle.score(_flat(items))


def _flat(items: Sequence[Chem.Mol]) -> list[Chem.Mol]:
    return [with_implicit_hydrogens(item) for item in items]
