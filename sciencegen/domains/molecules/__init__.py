"""Molecules: SMILES in, drug-like candidates out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from sciencegen.domains.base import Recipe
from sciencegen.domains.molecules import (
    edits,
    features,
    files,
    items,
    mutations,
    oracles,
    patterns,
    recombination,
    render,
    similarity,
)
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.items import Origin, Property, Refusal, Row
from sciencegen.scoring.oracles import Oracle


class Molecules:
    """The `Domain` of molecules: each member is one of this folder's functions."""

    name = "molecules"
    item_columns = files.ITEM_COLUMNS
    formats: tuple[str, ...] = files.FORMATS
    properties: Mapping[str, Property] = PROPERTIES
    splits: Mapping[str, Any] = {"scaffold": None}
    gallery = 18

    @cached_property
    def recipes(self) -> Mapping[str, Recipe]:
        from sciencegen.domains.molecules.models import RECIPES  # on use: needs torch

        return RECIPES

    @cached_property
    def forms(self) -> Mapping[str, Any]:
        from sciencegen.domains.molecules.structured import Structures

        return {"structures": Structures()}

    @property
    def default_recipe(self) -> str:
        return next(iter(self.recipes))

    @cached_property
    def metric_notes(self) -> Mapping[str, tuple]:
        from sciencegen.domains.molecules.metric_notes import METRIC_NOTES

        return METRIC_NOTES

    metric_units: Mapping[str, str] = {
        "lengths": "Å", "angles": "°", "dihedrals": "°", "strain": "kcal/mol", "reference_strain": "kcal/mol",
    }  # fmt: skip

    @property
    def references(self) -> Sequence[str]:
        """Held-out sets that come in compact form; `evaluate` takes their names."""
        from sciencegen.domains.molecules.reference_sets import REFERENCES

        return tuple(REFERENCES)

    @property
    def training_sets(self) -> Sequence[str]:
        from sciencegen.domains.molecules.reference_sets import TRAINING_SETS

        return tuple(TRAINING_SETS)

    def training_set(self, name: str) -> Any:
        """The keys of a training set, to ask with `in`; None where it isn't shipped."""
        from sciencegen.domains.molecules.reference_sets import load_training_filter

        return load_training_filter(name) if name in self.training_sets else None

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return files.read(Path(path), column)

    def write(
        self, path: Path, items: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        files.write(Path(path), items, names, values)

    def structure_records(self, path: Path) -> tuple[str, Iterator[str]]:
        """The name of the format and each molecule's record, without its data items; "" for one that is flat."""
        return "sdf", files.drawable_records(Path(path))

    def parse(self, text: str) -> Chem.Mol | Refusal:
        return items.parse(text)

    def left_out(self, text: str) -> str:
        return "several molecules (salts, solvents, mixtures), of which the largest organic one is taken" * (
            "." in text
        )

    def text(self, item: Chem.Mol) -> str:
        return items.text(item)

    def key(self, item: Chem.Mol) -> str:
        return items.key(item)

    def similarity(self, items: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
        return similarity.similarity(items, references)

    def nearest(self, items: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
        return similarity.nearest(items, references)

    def mutate(self, item: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        return mutations.mutate(item, generator)

    def edit(self, item: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        return edits.edit(item, generator)

    def recombine(self, item: Chem.Mol, other: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        return recombination.recombine(item, other, generator)

    def measure(self, items: Sequence[Chem.Mol], names: Sequence[str]) -> np.ndarray:
        return measure(items, names)

    def oracle(self, name: str) -> Oracle:
        return oracles.oracle(name)

    def oracle_names(self) -> Sequence[str]:
        return oracles.oracle_names()

    def features(self, items: Sequence[Chem.Mol]) -> np.ndarray:
        return features.features(items)

    def groups(self, items: Sequence[Chem.Mol]) -> list[str]:
        return features.groups(items)

    def constraint(self, keep: Sequence[str] = (), forbid: Sequence[str] = ()) -> Callable[[Chem.Mol], bool]:
        return patterns.constraint(keep, forbid)

    def scaffold(self, path: Path) -> Any:
        from sciencegen.domains.molecules.scaffolds import read_scaffold

        return read_scaffold(Path(path))

    def evaluate(
        self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
    ) -> dict[str, float]:
        from sciencegen.domains.molecules.metrics import evaluate  # on use: needs torch

        return evaluate(samples, reference, training)

    def render(self, item: Chem.Mol, width: int = 220, height: int = 160) -> str:
        return render.render(item, width, height)


DOMAIN = Molecules()
