"""What must hold of every item of a plate, in the words of goals: `fitness in domain`, `logp <= 3`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sciencegen.api.criteria.goals import check_domains, read_goals
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.science.forms import domain_of
from sciencegen.config import ProposeSettings
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import resolve_oracles, score_safely
from sciencegen.scoring.oracles import Oracle

Judge = Callable[[Sequence[Any]], list[bool]]
"""Whether each of many items may be proposed."""


def meeting(domain: str, settings: ProposeSettings, own: Mapping[str, Oracle]) -> Judge:
    """Which items meet all of `where`; one without a score doesn't. own: oracles of the model at hand."""
    wishes = check_where(domain, settings)
    oracles = resolve_oracles(wishes, OracleBook(domain, settings.predictors, own=own).resolve)

    def met(items: Sequence[Any]) -> list[bool]:
        scores = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        found = [[scores[wish.name][row] for wish in wishes] for row in range(len(items))]
        return [
            all(not score.failed and wish.violation_of(score) == 0 for wish, score in zip(wishes, row, strict=True))
            for row in found
        ]

    return met


def check_where(domain: str, settings: ProposeSettings, further: Collection[str] = ()) -> list[Goal]:
    """The conditions of proposals; what is none is an error. further: names of predictors beside the settings'."""
    wishes = read_goals(domain_of(domain), settings.where) if settings.where else []
    for wish in wishes:
        if wish.is_objective:
            raise ConfigError(
                f"Expected conditions of proposals, such as '{wish.name} >= 1' or 'NAME in domain', got '{wish.text}'. "
                "What is to be the most or the least is the --target."
            )
    check_domains(wishes, {*settings.predictors, *further})
    return wishes
