"""This domain's oracles by name: every property, and the identity to a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sciencegen.domains.base import Refusal
from sciencegen.domains.proteins.items import parse
from sciencegen.domains.proteins.properties import PROPERTIES, measure
from sciencegen.domains.proteins.similarity import similarity
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.scoring.oracles import Direction, Oracle, Score

SIMILARITY_PREFIX = "similarity to "
_ESCAPE = "escape from immunity is a risk to watch in observed variants; designing toward it, or by it, is out of scope"
NOT_GOALS = dict.fromkeys(
    ("surveillance", "escape", "immune_escape", "antibody_escape", "immune_evasion", "evescape"), _ESCAPE
)
"""Names that no goal or condition may have, with the reason."""


@dataclass(frozen=True)
class PropertyOracle:
    """A computed property; batches are measured together."""

    name: str
    unit: str
    direction: Direction | None

    def score(self, items: Sequence[str]) -> list[Score]:
        return [Score(float(value)) for value in measure(items, [self.name])[:, 0]]


@dataclass(frozen=True)
class SimilarityOracle:
    """Identity to one sequence."""

    name: str
    reference: str
    unit: str = ""
    direction: Direction | None = "maximize"

    def score(self, items: Sequence[str]) -> list[Score]:
        return [Score(float(value)) for value in similarity(items, [self.reference])[:, 0]]


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; "similarity to <sequence>" too."""
    if name in PROPERTIES:
        return PropertyOracle(name, PROPERTIES[name].unit, PROPERTIES[name].direction)
    if name.startswith(SIMILARITY_PREFIX):
        reference = parse(name.removeprefix(SIMILARITY_PREFIX))
        if isinstance(reference, Refusal):
            raise ConfigError(f"Expected a protein to compare with in '{name[:60]}': {reference.reason}.")
        return SimilarityOracle(f"{SIMILARITY_PREFIX}{reference}", reference)
    raise unknown_name("property of proteins", name, oracle_names())


def oracle_names() -> list[str]:
    return list(PROPERTIES)
