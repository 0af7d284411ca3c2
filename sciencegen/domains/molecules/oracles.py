"""This domain's oracles by name: every property, structural alerts, similarity to a molecule, the PMO tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from sciencegen.domains.base import Refusal
from sciencegen.domains.molecules import pmo
from sciencegen.domains.molecules.alerts import DEFAULT_CATALOGS, alert_catalog
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.similarity import similarity
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.scoring.oracles import Direction, FunctionOracle, Oracle, Score

ALERTS_PREFIX = "alerts:"
PMO_PREFIX = "pmo:"
SIMILARITY_PREFIX = "similarity to "


@dataclass(frozen=True)
class PropertyOracle:
    """A computed property; batches are measured together."""

    name: str
    unit: str
    direction: Direction | None

    def score(self, items: Sequence[Chem.Mol]) -> list[Score]:
        values = measure(items, [self.name])[:, 0]
        return [Score(None, failure="can't be computed") if np.isnan(v) else Score(float(v)) for v in values]


@dataclass(frozen=True)
class SimilarityOracle:
    """Tanimoto similarity to one molecule."""

    name: str
    reference: Chem.Mol
    unit: str = ""
    direction: Direction | None = "maximize"

    def score(self, items: Sequence[Chem.Mol]) -> list[Score]:
        return [Score(float(value)) for value in similarity(items, [self.reference])[:, 0]]


def similarity_oracle(reference: Chem.Mol | str) -> SimilarityOracle:
    """An oracle of the similarity to a molecule or its SMILES."""
    molecule = parse(reference) if isinstance(reference, str) else reference
    if isinstance(molecule, Refusal):
        raise ConfigError(f"Expected a molecule to compare with, got {reference!r}: {molecule.reason}.")
    return SimilarityOracle(f"{SIMILARITY_PREFIX}{text(molecule)}", molecule)


def alerts_oracle(catalogs: Sequence[str] = DEFAULT_CATALOGS, name: str = "alerts") -> FunctionOracle:
    """How many structural alerts of the catalogs a molecule holds."""
    return FunctionOracle(name, alert_catalog(tuple(catalogs)).count, direction="minimize")


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; "similarity to <SMILES>" and "alerts:PAINS,NIH" too."""
    if name in PROPERTIES:
        return PropertyOracle(name, PROPERTIES[name].unit, PROPERTIES[name].direction)
    if name == "alerts":
        return alerts_oracle()
    if name.startswith(ALERTS_PREFIX):
        return alerts_oracle(name.removeprefix(ALERTS_PREFIX).split(","), name)
    if name.startswith(PMO_PREFIX):
        return FunctionOracle(name, pmo.task(name.removeprefix(PMO_PREFIX)), direction="maximize")
    if name.startswith(SIMILARITY_PREFIX):
        return similarity_oracle(name.removeprefix(SIMILARITY_PREFIX).strip())
    raise unknown_name("property of molecules", name, oracle_names())


def oracle_names() -> list[str]:
    return [*PROPERTIES, "alerts", *(f"{PMO_PREFIX}{name}" for name in pmo.TASKS)]
