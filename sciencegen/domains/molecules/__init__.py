"""The domain of molecules, which are read and written as SMILES."""

from __future__ import annotations

from sciencegen.domains.base import Domain, ItemIO, Oracles, Regression, Similarity
from sciencegen.domains.capabilities import Moves, Pictures, Structures
from sciencegen.domains.lazy import LazyTable, later
from sciencegen.domains.molecules import (
    alerts,
    edits,
    features,
    files,
    items,
    metrics,
    oracles,
    patterns,
    series,
    structure_files,
)
from sciencegen.domains.molecules.properties import PROPERTIES, measure

__all__ = ["DOMAIN"]

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
        matrix=features.similarity,
        nearest=features.nearest,
        classes={"scaffolds": patterns.scaffolds, "ring patterns": patterns.ring_patterns},
        series=patterns.series,
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
        notes=items.notes,
    ),
    evaluate=metrics.evaluate,
    render=items.render,
    moves=Moves(
        mutate=edits.mutate,
        edit=edits.edit,
        recombine=edits.recombine,
        constraint=patterns.constraint,
        plausible=alerts.is_plausible,
        familiar=alerts.familiar_beside,
        implausible_groups=alerts.implausible_groups,
        from_blocks=later("sciencegen.domains.molecules.synthesis.space:block_moves"),
        analogues=series.ANALOGUES,
        like=later("sciencegen.domains.molecules.analogues:like"),
        shared=later("sciencegen.domains.molecules.paths:shared_core"),
    ),
    structures=Structures(records=files.structure_records, read_scaffold=structure_files.read_scaffold),
    pictures=Pictures(gallery=18),
    reference_sets=metrics.REFERENCE_SETS,
    objects=structure_files.OBJECTS,
    forms={"structures": "sciencegen.domains.molecules.structured:DOMAIN"},
)
