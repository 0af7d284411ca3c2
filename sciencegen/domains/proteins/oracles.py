"""The domain's oracles by name: every property, and the identity to a sequence."""

from __future__ import annotations

from sciencegen.domains.oracles import property_oracles
from sciencegen.domains.proteins.files import ITEMS
from sciencegen.domains.proteins.properties import PROPERTIES, measure
from sciencegen.domains.proteins.similarity import SIMILARITY

_ESCAPE = "escape from immunity is a risk to watch in observed variants; designing toward it, or by it, is out of scope"
NOT_GOALS = dict.fromkeys(
    ("surveillance", "escape", "immune_escape", "antibody_escape", "immune_evasion", "evescape"), _ESCAPE
)
"""Name that can't be a goal or condition -> reason."""

ORACLES = property_oracles(ITEMS, PROPERTIES, measure, SIMILARITY, noun="protein", not_goals=NOT_GOALS)
