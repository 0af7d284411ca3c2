"""Content of a report about a campaign: measured values by round, and their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sciencegen.report.lengths import require_length


@dataclass(frozen=True)
class Rounds:
    """Measured items of a campaign, oldest first. rounds, values: of each. labels: names. table_rows: the row of each
    item in the candidates table, or -1."""

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
    """Predictions of items before they were measured, with intervals at `level`, and the measured values."""

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
