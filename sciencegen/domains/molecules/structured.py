"""Molecules with coordinates: the form of the domain in which an item is a structure.

An item is a molecule with explicit hydrogens and one conformer. Functions of the plain molecule get it without
hydrogens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import Chem

from sciencegen.data.writers import write_text
from sciencegen.domains.base import MakeFeatures, Regression, Similarity
from sciencegen.domains.capabilities import Form, Moves, ReferenceSets, Structures
from sciencegen.domains.lazy import later
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.molecules import edits, features, files, items, oracles, patterns, properties, structure_files
from sciencegen.domains.molecules.alerts import implausible_groups, is_plausible
from sciencegen.domains.molecules.geometry import METHOD, points, with_implicit_hydrogens
from sciencegen.domains.molecules.metrics import METRIC_UNITS, STRUCTURE_NOTES
from sciencegen.domains.molecules.structure_files import holds_structures, read_scaffold
from sciencegen.domains.properties import PlainOracle
from sciencegen.items import Cell, Origin, Reference

# Input of property networks for molecules: the readout of each property, and the atoms of each item.
#
# For a molecule without coordinates (a SMILES) a structure is computed first, by distance geometry and a force field
# (geometry.py). If the network was trained on other structures (QM9's are by density functional theory), its
# intervals don't include this difference. If no structure is found, there is no score.

READOUTS: Mapping[str, str] = {
    "dipole": "dipole",
    "homo": "mean",
    "lumo": "mean",
    "gap": "mean",
    "polarizability": "sum",
    "zpve": "sum",
    "u0": "sum",
    "u298": "sum",
    "h298": "sum",
    "g298": "sum",
    "cv": "sum",
}
"""Column, named as in QM9's card -> readout. For other columns it is chosen by the data (prediction/columns.py)."""


def write(
    path: Path, items: Sequence[Chem.Mol], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write structures as blocks of one .xyz file (lengths in ångström), or by `files.write`; the records of generated
    structures name the model."""
    if structure_files.ending(path).startswith(".xyz"):
        return write_text(path, map(structure_files.xyz_block, items, names))
    if origin is not None and origin.made and origin.model:
        for item in items:
            item.SetProp(METHOD, f"drawn together with the molecule, by {origin.model}")
    return files.write(path, items, names, values, origin)


def left_out(text: str) -> str:
    """Description of what `parse` removes from the SMILES before the coordinates, which contain dots too."""
    return items.left_out("" if "\n" in text else text.partition(" |")[0])


def constraint(keep: Sequence[str], forbid: Sequence[str], reference: Reference | None) -> Callable[[Chem.Mol], bool]:
    """`patterns.constraint` for structures."""
    accepts = patterns.constraint(keep, forbid, reference)
    return lambda structure: accepts(with_implicit_hydrogens(structure))


def molecules_of(structures: Sequence[Chem.Mol]) -> list[Chem.Mol]:
    """The molecule of each structure, with implicit hydrogens."""
    return [with_implicit_hydrogens(structure) for structure in structures]


adapted_oracle = partial(PlainOracle, plain=with_implicit_hydrogens)
"""Makes an oracle of molecules score structures: it gets them with implicit hydrogens, as it expects."""
CLASSES = {
    "scaffolds": lambda structures: patterns.scaffolds(molecules_of(structures)),
    "ring patterns": lambda structures: patterns.ring_patterns(molecules_of(structures)),
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
    measure=lambda structures, names: properties.measure(molecules_of(structures), names),
    similarity=Similarity(
        matrix=lambda one, others: features.similarity(molecules_of(one), molecules_of(others)),
        nearest=lambda one, others: features.nearest(molecules_of(one), molecules_of(others)),
        classes=CLASSES,
    ),
    oracles=replace(
        MOLECULES.oracles, find=lambda name: oracles.xtb_oracle(name) or adapted_oracle(oracles.oracle(name))
    ),
    regression=Regression(
        features=_of_structures(features.features),
        groups=lambda structures: features.groups(molecules_of(structures)),
        splits={"scaffold": None},
        earlier={columns: _of_structures(make) for columns, make in features.EARLIER.items()},
    ),
    evaluate=later("sciencegen.domains.molecules.structure_metrics:evaluate_structures"),
    moves=Moves(
        mutate=edits.mutate,
        edit=edits.edit,
        recombine=edits.recombine,
        constraint=constraint,
        plausible=lambda structure: is_plausible(with_implicit_hydrogens(structure)),
        implausible_groups=implausible_groups,
    ),
    structures=Structures(
        records=files.structure_records,
        read_scaffold=read_scaffold,
        points=points,
        readouts=READOUTS,
    ),
    reference_sets=ReferenceSets(notes=STRUCTURE_NOTES, units=METRIC_UNITS),
    objects=structure_files.STRUCTURES,
    form=Form(plain=with_implicit_hydrogens, adapt_oracle=adapted_oracle, holds=holds_structures),
    forms={},
)
"""The form of molecules with coordinates."""
