"""All that a search and its controls scored: candidates are the best of it, whichever method found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sciencegen.optimization.objective import Evaluation

FOUND_BY = "found_by"
"""The column of candidates that names the method that found each, if controls were run."""


@dataclass(frozen=True)
class Pooled:
    """traces: method -> what it scored. method: the search; the others are its controls. evaluations: of the distinct
    items, those of the search first. methods: key -> the first of the methods that scored the item."""

    traces: Mapping[str, Sequence[Evaluation]]
    method: str
    evaluations: Sequence[Evaluation]
    methods: Mapping[str, str]

    @classmethod
    def of(cls, traces: Mapping[str, Sequence[Evaluation]], method: str) -> Pooled:
        """What the search and a control both scored counts as the search's."""
        found: dict[str, tuple[str, Evaluation]] = {}
        for name in dict.fromkeys((method, *traces)):
            for one in traces[name]:
                found.setdefault(one.key, (name, one))
        methods = {key: name for key, (name, _) in found.items()}
        return cls(traces, method, [one for _, one in found.values()], methods)

    @property
    def has_controls(self) -> bool:
        return len(self.traces) > 1

    def found_by(self, evaluations: Sequence[Evaluation]) -> list[str]:
        """The method of each."""
        return [self.methods[one.key] for one in evaluations]

    def counts(self, evaluations: Sequence[Evaluation]) -> dict[str, int]:
        """Method -> how many of the evaluations are its own, the search first."""
        names = self.found_by(evaluations)
        return {name: names.count(name) for name in dict.fromkeys((self.method, *self.traces))}


def control_notes(summary: Mapping[str, Any]) -> list[str]:
    """A note if controls found some of the candidates. summary: of a search, with its counts under `FOUND_BY`."""
    counts = dict(summary.get(FOUND_BY, {}))
    own = counts.pop(summary["method"], 0)
    theirs = " and ".join(f"{count} by the control {name}" for name, count in counts.items() if count)
    if not theirs:
        return []
    total = own + sum(counts.values())
    return [f"of {total} candidates {own} were found by the search ({summary['method']}), {theirs} (column {FOUND_BY})"]
