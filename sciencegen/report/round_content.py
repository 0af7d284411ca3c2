"""What a report says of a campaign: what was measured round by round, and what had been expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sciencegen.report.lengths import require_length


@dataclass(frozen=True)
class Rounds:
    """Measured items of a campaign, oldest first. rounds, values: of each. labels: names. table_rows: where each stands
    in the candidates table, -1 where it doesn't."""

    name: str
    rounds: Sequence[int]
    values: Sequence[float]
    labels: Sequence[str] = ()
    table_rows: Sequence[int] = ()
    unit: str = ""
    direction: Literal["maximize", "minimize"] = "maximize"

    def __post_init__(self) -> None:
        parts = {"values": self.values, "labels": self.labels, "table_rows": self.table_rows}
        require_length("Rounds", len(self.rounds), **parts)


@dataclass(frozen=True)
class Agreement:
    """What was expected of items before they were measured, within `level` intervals, and what was found."""

    name: str
    rounds: Sequence[int]
    predicted: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    measured: Sequence[float]
    labels: Sequence[str] = ()
    table_rows: Sequence[int] = ()
    unit: str = ""
    level: float = 0.9

    def __post_init__(self) -> None:
        names = ("predicted", "lower", "upper", "measured", "labels", "table_rows")
        require_length("Agreement", len(self.rounds), **{name: getattr(self, name) for name in names})
