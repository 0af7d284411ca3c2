"""The domain of molecules, which are read and written as SMILES."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from rdkit import Chem

from sciencegen.domains.base import Domain, ItemIO, Oracles, Regression, Similarity
from sciencegen.domains.capabilities import BlockMoves, Moves, Pictures, ReferenceSets, Scaffold, Structures
from sciencegen.domains.lazy import LazyTable
from sciencegen.domains.molecules import alerts as familiar
from sciencegen.domains.molecules import alerts as kept_parts
from sciencegen.domains.molecules import alerts as reactive
from sciencegen.domains.molecules import edits, features, files, items, oracles, patterns, render
from sciencegen.domains.molecules import edits as mutations
from sciencegen.domains.molecules import edits as recombination
from sciencegen.domains.molecules import features as similarity
from sciencegen.domains.molecules import items as stereo
from sciencegen.domains.molecules import patterns as scaffold_classes
from sciencegen.domains.molecules import structure_files as objects
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.reference_sets import METRIC_NOTES, METRIC_UNITS

__all__ = ["DOMAIN"]


def evaluate(
    samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
) -> dict[str, float]:
    """`metrics.evaluate`, imported when called: it needs torch."""
    from sciencegen.domains.molecules import metrics

    return metrics.evaluate(samples, reference, training)


def held_out_sets() -> tuple[str, ...]:
    """Names of the shipped held-out sets, imported when called."""
    from sciencegen.domains.molecules.reference_sets import REFERENCES

    return tuple(REFERENCES)


def training_sets() -> tuple[str, ...]:
    """Names of the shipped training sets, imported when called."""
    from sciencegen.domains.molecules.reference_sets import TRAINING_SETS

    return tuple(TRAINING_SETS)


def load_training_set(name: str) -> Container[str] | None:
    """The keys of a training set, or None if it isn't shipped."""
    from sciencegen.domains.molecules.reference_sets import load_training_filter

    return load_training_filter(name) if name in training_sets() else None


def read_scaffold(path: Path) -> Scaffold:
    """`structure_files.read_scaffold`, imported when called."""
    from sciencegen.domains.molecules import structure_files as scaffolds

    return scaffolds.read_scaffold(path)


def moves_from_blocks(blocks: Sequence[Chem.Mol], names: Sequence[str], steps: int) -> BlockMoves:
    """`synthesis.space.block_moves`, imported when called: it compiles the reactions."""
    from sciencegen.domains.molecules.synthesis.space import block_moves

    return block_moves(blocks, names, steps)


DOMAIN = Domain(
    name="molecules",
    items=ItemIO(
        parse=items.parse,
        text=items.text,
        key=items.key,
        columns=files.ITEM_COLUMNS,
        formats=files.FORMATS,
        read=files.read,
        write=files.write,
        fields=files.fields,
        left_out=items.left_out,
    ),
    properties=PROPERTIES,
    measure=measure,
    recipes=LazyTable("sciencegen.domains.molecules.models:RECIPES"),
    similarity=Similarity(
        matrix=similarity.similarity,
        nearest=similarity.nearest,
        classes={"scaffolds": scaffold_classes.scaffolds, "ring patterns": scaffold_classes.ring_patterns},
        series=scaffold_classes.series,
    ),
    oracles=Oracles(
        find=oracles.oracle,
        names=oracles.oracle_names,
        classifiers=frozenset(oracles.CLASSIFIERS),
        open_names=oracles.OPEN_NAMES,
        left_open=oracles.LEFT_OPEN,
    ),
    regression=Regression(
        features=features.features,
        groups=features.groups,
        splits={"scaffold": None},
        earlier=features.EARLIER,
        notes=stereo.notes,
    ),
    evaluate=evaluate,
    render=render.render,
    moves=Moves(
        mutate=mutations.mutate,
        edit=edits.edit,
        recombine=recombination.recombine,
        constraint=patterns.constraint,
        plausible=reactive.is_plausible,
        familiar=familiar.familiar_beside,
        implausible_groups=kept_parts.implausible_groups,
        from_blocks=moves_from_blocks,
    ),
    structures=Structures(records=files.structure_records, read_scaffold=read_scaffold),
    pictures=Pictures(gallery=18),
    reference_sets=ReferenceSets(
        held_out=held_out_sets,
        training=training_sets,
        load_training=load_training_set,
        notes=METRIC_NOTES,
        units=METRIC_UNITS,
    ),
    objects=objects.OBJECTS,
    forms={"structures": "sciencegen.domains.molecules.structured:DOMAIN"},
)
