"""Plots of two quantities that a domain chooses: those of candidates and of draws against those of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sciencegen.errors import ShapeError
from sciencegen.report.lengths import require_length

Points = Sequence[Sequence[float]]
"""[point 2]"""


@dataclass(frozen=True)
class Axis:
    """low, high: fixed ends, if given. tick: distance of the labels. periodic: whether `high` is `low` again, as for
    angles."""

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    tick: float | None = None
    periodic: bool = False

    def __post_init__(self) -> None:
        if self.periodic and (self.low is None or self.high is None):
            raise ShapeError(f"Expected both ends of the periodic Axis('{self.name}'), got {self.low} and {self.high}.")


@dataclass(frozen=True)
class Line:
    """A line to compare with, such as a known law."""

    name: str
    points: Points


@dataclass(frozen=True)
class Chart:
    """Two quantities against each other.

    Parameters
    ----------
    title : str
    x, y : Axis
    candidates, training, generated : [point 2]
        Points of the candidates, the training set and draws of the model; an item may have several.
    labels : sequence of str
        A name for each point of `candidates`, if these are the rows of the candidates table, which they then show.
    contours : bool
        Draw the density of the training set's points, for items with many points; both axes need their ends.
    line : Line, optional
    note : str
    """

    title: str
    x: Axis
    y: Axis
    candidates: Points
    training: Points = ()
    generated: Points = ()
    labels: Sequence[str] = ()
    contours: bool = False
    line: Line | None = None
    note: str = ""

    def __post_init__(self) -> None:
        require_length(f"Chart('{self.title}')", len(self.candidates), labels=self.labels)
        if self.contours and None in (self.x.low, self.x.high, self.y.low, self.y.high):
            raise ShapeError(f"Expected both ends of both axes for the contours of Chart('{self.title}').")
