"""This domain's oracles by name: every property, and the identity to a sequence."""

from __future__ import annotations

from sciencegen.domains.base import Oracles
from sciencegen.domains.oracles import SIMILARITY_PREFIX, property_oracle, similarity_oracle
from sciencegen.domains.proteins.items import parse, text
from sciencegen.domains.proteins.properties import PROPERTIES, measure
from sciencegen.domains.proteins.similarity import similarity
from sciencegen.errors import unknown_name
from sciencegen.scoring.oracles import Oracle

_ESCAPE = "escape from immunity is a risk to watch in observed variants; designing toward it, or by it, is out of scope"
NOT_GOALS = dict.fromkeys(
    ("surveillance", "escape", "immune_escape", "antibody_escape", "immune_evasion", "evescape"), _ESCAPE
)
"""Names that no goal or condition may have, with the reason."""


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; "similarity to <sequence>" too."""
    if name in PROPERTIES:
        return property_oracle(PROPERTIES[name], measure)
    if name.startswith(SIMILARITY_PREFIX):
        return similarity_oracle("protein", name.removeprefix(SIMILARITY_PREFIX), parse, text, similarity)
    raise unknown_name("property of proteins", name, oracle_names())


def oracle_names() -> list[str]:
    return list(PROPERTIES)


ORACLES = Oracles(find=oracle, names=oracle_names, not_goals=NOT_GOALS)
