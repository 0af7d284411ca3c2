"""Molecules with coordinates: the form of the domain in which an item is a structure.

An item is a molecule with explicit hydrogens and one conformer. Functions of the plain molecule get it without
hydrogens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rdkit import Chem

from sciencegen.domains.base import Regression, Similarity
from sciencegen.domains.capabilities import Form, Moves, ReferenceSets, Structures
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.molecules import (
    edits,
    features,
    files,
    items,
    oracles,
    patterns,
    properties,
    property_networks,
    structure_files,
)
from sciencegen.domains.molecules import edits as mutations
from sciencegen.domains.molecules import edits as recombination
from sciencegen.domains.molecules import features as similarity
from sciencegen.domains.molecules import patterns as scaffold_classes
from sciencegen.domains.molecules import structure_files as objects
from sciencegen.domains.molecules.alerts import implausible_groups, is_plausible
from sciencegen.domains.molecules.geometry import METHOD, with_implicit_hydrogens
from sciencegen.domains.molecules.reference_sets import METRIC_UNITS, STRUCTURE_NOTES
from sciencegen.domains.molecules.structure_files import holds_structures, read_scaffold
from sciencegen.domains.regression import MakeFeatures
from sciencegen.items import Cell, Origin, Reference
from sciencegen.scoring.oracles import Oracle, OracleAround, Score


def write(
    path: Path, items: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write structures as .xyz, or by `files.write`; the records of generated structures name the model."""
    if structure_files.ending(path).startswith(".xyz"):
        return structure_files.write_xyz(path, items, names)
    if origin is not None and origin.made and origin.model:
        for item in items:
            item.SetProp(METHOD, f"drawn together with the molecule, by {origin.model}")
    return files.write(path, items, names, values, origin)


def left_out(text: str) -> str:
    """Description of what `parse` removes from the SMILES before the coordinates, which contain dots too."""
    return items.left_out("" if "\n" in text else text.partition(" |")[0])


def measure(structures: Sequence[Chem.Mol], names: Sequence[str]) -> np.ndarray:
    """[structure property] of the molecules."""
    return properties.measure(molecules_of(structures), names)


def similarities(structures: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
    """[structure reference] of the molecules."""
    return similarity.similarity(molecules_of(structures), molecules_of(references))


def nearest(structures: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
    """[structure] greatest similarity of the molecules."""
    return similarity.nearest(molecules_of(structures), molecules_of(references))


def constraint(keep: Sequence[str], forbid: Sequence[str], reference: Reference | None) -> Callable[[Chem.Mol], bool]:
    """`patterns.constraint` for structures."""
    accepts = patterns.constraint(keep, forbid, reference)
    return lambda structure: accepts(with_implicit_hydrogens(structure))


@dataclass(frozen=True)
class MoleculeOracle(OracleAround):
    """Makes an oracle of molecules score structures: it gets them with implicit hydrogens, as it expects."""

    oracle: Oracle

    def score(self, items: Sequence[Chem.Mol]) -> list[Score]:
        return self.oracle.score(molecules_of(items))


def molecules_of(structures: Sequence[Chem.Mol]) -> list[Chem.Mol]:
    """The molecule of each structure, with implicit hydrogens."""
    return [with_implicit_hydrogens(structure) for structure in structures]


def evaluate(
    samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
) -> dict[str, float]:
    """`structure_metrics.evaluate_structures`, imported when called."""
    from sciencegen.domains.molecules.structure_metrics import evaluate_structures

    return evaluate_structures(samples, reference, training)


CLASSES = {
    "scaffolds": lambda structures: scaffold_classes.scaffolds(molecules_of(structures)),
    "ring patterns": lambda structures: scaffold_classes.ring_patterns(molecules_of(structures)),
}
"""Those of the molecules."""


def _of_structures(features_of: Callable[[Sequence[Chem.Mol]], np.ndarray]) -> MakeFeatures:
    """The features of structures, from those of molecules."""
    return lambda structures: features_of(molecules_of(structures))


DOMAIN = replace(
    MOLECULES,
    name="molecules/structures",
    items=replace(
        MOLECULES.items,
        parse=structure_files.parse_structure,
        text=structure_files.structure_text,
        key=structure_files.structure_key,
        formats=structure_files.STRUCTURE_FORMATS,
        read=structure_files.read_structures,
        write=write,
        left_out=left_out,
    ),
    measure=measure,
    similarity=Similarity(matrix=similarities, nearest=nearest, classes=CLASSES),
    oracles=replace(MOLECULES.oracles, find=lambda name: MoleculeOracle(oracles.oracle(name))),
    regression=Regression(
        features=_of_structures(features.features),
        groups=lambda structures: features.groups(molecules_of(structures)),
        splits={"scaffold": None},
        earlier={columns: _of_structures(make) for columns, make in features.EARLIER.items()},
    ),
    evaluate=evaluate,
    moves=Moves(
        mutate=mutations.mutate,
        edit=edits.edit,
        recombine=recombination.recombine,
        constraint=constraint,
        plausible=lambda structure: is_plausible(with_implicit_hydrogens(structure)),
        implausible_groups=implausible_groups,
    ),
    structures=Structures(
        records=files.structure_records,
        read_scaffold=read_scaffold,
        points=property_networks.points,
        readouts=property_networks.READOUTS,
    ),
    reference_sets=ReferenceSets(notes=STRUCTURE_NOTES, units=METRIC_UNITS),
    objects=objects.STRUCTURES,
    form=Form(plain=with_implicit_hydrogens, adapt_oracle=MoleculeOracle, holds=holds_structures),
    forms={},
)
"""The form of molecules with coordinates."""
