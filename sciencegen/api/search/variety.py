"""How many classes of a domain the candidates of a search are from, and what the limit to each class costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.quotas import quota_limit
from sciencegen.optimization.variety import DiversityFilter

DEFAULT_SHARE = 0.1
"""Greatest share of the candidates in one class. Of 1,000 held-out molecules of MOSES the commonest ring pattern holds
12%, the next 9%: the limit asks for about the variety of known molecules."""


def diversity_filter(domain: Domain, share: float | None) -> DiversityFilter | None:
    """The filter of a setting `maximum_share`; None without a limit."""
    kinds = domain.similarity.classes
    if share is not None and share < 1 and not kinds:
        raise ConfigError(
            f"Expected no `maximum_share`, since {domain.name} have no classes. Use `maximum_similarity`."
        )
    limit = DEFAULT_SHARE if share is None else share
    return DiversityFilter(list(kinds.values()), domain.items.key, limit) if kinds and limit < 1 else None


def class_counts(domain: Domain, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """For each kind of classes the number of classes (count), and the largest class with its size."""
    found: dict[str, dict[str, Any]] = {}
    for kind, classify in domain.similarity.classes.items():
        counts = Counter(label for label in classify(items) if label)
        label, size = max(counts.items(), key=lambda pair: pair[1], default=("", 0))
        found[kind] = {"count": len(counts), "largest": label, "size": size}
    return found


def variety_of(
    domain: Domain, goals: Sequence[Goal], picked: Sequence[Evaluation], best: Sequence[Evaluation], share: float,
    n: int,
) -> dict[str, Any]:  # fmt: skip
    """Part of a summary: the limit, the classes, how many of the best items were passed over, and mean values with and
    without the limit. best: what is picked without it. share: of the n requested candidates."""
    kept = {evaluation.key for evaluation in picked}
    return {
        "maximum_share": share,
        "limit": quota_limit(share, n),
        "classes": class_counts(domain, [evaluation.item for evaluation in picked]),
        "passed_over": sum(evaluation.key not in kept for evaluation in best),
        "means": {
            goal.name: {"limited": _mean(picked, goal.name), "unlimited": _mean(best, goal.name)}
            for goal in goals
            if goal.is_objective and picked
        },
    }


def _mean(evaluations: Sequence[Evaluation], name: str) -> float:
    return float(np.mean([evaluation.values[name] for evaluation in evaluations]))


def class_notes(summary: Mapping[str, Any]) -> list[str]:
    """The classes of a search's candidates, and what the limit costs; [] without a limit or candidates."""
    variety, count = summary.get("variety"), summary["candidates"]
    if variety is None or not count:
        return []
    kinds = variety["classes"]
    over = " and ".join(f"{found['count']} {kind}" for kind, found in kinds.items())
    sizes = " and ".join(f"{found['size']} ({found['largest']})" for found in kinds.values() if found["size"])
    notes = [f"{count} candidates over {over}" + (f"; the largest hold {sizes}" if sizes else "")]
    if max((found["size"] for found in kinds.values()), default=0) > variety["limit"]:
        notes[0] += f", above the limit of {variety['limit']}, since too few others meet the goals"
    if variety["passed_over"]:
        means = ", ".join(
            f"mean {name} {found['limited']:.4g} instead of {found['unlimited']:.4g}"
            for name, found in variety["means"].items()
        )
        share, rest = f"{100 * variety['maximum_share']:g}%", f": {means}" if means else ""
        notes.append(
            f"keeping each class within {share} passed over {variety['passed_over']} of the best {count}{rest}"
        )
    return notes
