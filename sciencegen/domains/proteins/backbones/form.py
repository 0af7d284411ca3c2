"""Backbones of proteins: the form of the domain in which an item is a chain with coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.domains.base import Regression
from sciencegen.domains.capabilities import Form, Structures
from sciencegen.domains.properties import property_oracles
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins.backbones.files import ITEMS, OBJECTS, SIDECAR, is_backbone, read
from sciencegen.domains.proteins.backbones.items import Backbone, parse_text
from sciencegen.domains.proteins.backbones.metrics import (
    FEATURES,
    PICTURES,
    PROPERTIES,
    REFERENCE_SETS,
    evaluate,
    measure,
)
from sciencegen.domains.proteins.backbones.render import render, viewer_record
from sciencegen.domains.proteins.backbones.sequences import PERPLEXITIES, SEQUENCES, with_weights_checked
from sciencegen.domains.proteins.backbones.similarity import SIMILARITY
from sciencegen.domains.proteins.properties import NOT_GOALS, ORACLES
from sciencegen.domains.proteins.residues import UNKNOWN
from sciencegen.domains.proteins.structures import STRUCTURE_FORMATS
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import Oracle, OracleAround, Score


def sequence_of(item: Backbone) -> str:
    """The sequence of a backbone, 'X' for unknown residues."""
    return item.sequence


@dataclass(frozen=True)
class SequenceOracle(OracleAround):
    """An oracle of proteins that scores the sequences of backbones; without a whole sequence there is no score."""

    oracle: Oracle

    def score(self, items: Sequence[Backbone]) -> list[Score]:
        known = [item.sequence for item in items if UNKNOWN not in item.sequence]
        scores = iter(self.oracle.score(known) if known else [])
        missing = Score(None, failure="residues without a known amino acid")
        return [missing if UNKNOWN in item.sequence else next(scores) for item in items]


def features(items: Sequence[Backbone]) -> Float[np.ndarray, "item feature"]:
    """Properties as features of regressors."""
    return measure(items, FEATURES).astype(np.float32)


def records(path: Path) -> tuple[str, Iterator[str]]:
    """The name of the format, and each item of a file as a PDB record; "" for one that can't be read."""
    items = (parse_text(row.text) for row in read(path))
    return "pdb", ("" if isinstance(item, Refusal) else viewer_record(item) for item in items)


OF_SEQUENCES = {name: SequenceOracle(ORACLES.find(name)) for name in PROTEINS.properties if name not in PROPERTIES}
OTHERS: Mapping[str, Oracle] = {**OF_SEQUENCES, **PERPLEXITIES}

DOMAIN = replace(
    PROTEINS,
    name="proteins/structures",
    items=ITEMS,
    properties=PROPERTIES,
    measure=measure,
    similarity=SIMILARITY,
    oracles=with_weights_checked(
        property_oracles(ITEMS, PROPERTIES, measure, SIMILARITY, OTHERS, "backbone", NOT_GOALS)
    ),
    regression=Regression(features=features),
    evaluate=evaluate,
    render=render,
    moves=None,
    variants=None,
    design=None,
    sidecar=SIDECAR,
    structures=Structures(records=records, style="cartoon"),
    sequences=SEQUENCES,
    pictures=PICTURES,
    reference_sets=REFERENCE_SETS,
    objects=OBJECTS,
    orders=None,
    form=Form(
        plain=sequence_of,
        adapt_oracle=SequenceOracle,
        holds=lambda path: path.name.lower().endswith(STRUCTURE_FORMATS),
        recognizes=is_backbone,
        own_key=True,
    ),
    forms={},
)
"""The form of proteins with coordinates."""
