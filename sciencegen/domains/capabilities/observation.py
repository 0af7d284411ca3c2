"""The optional part `Observation`: how an instrument observes items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sciencegen.config.data import CutoutSettings
from sciencegen.items import Cell, Item, Json, Part, Refusal


class Instrument(Protocol):
    """Model of the instrument that observed a set of items."""

    def observed(self, items: Sequence[Item], seed: int) -> list[Item | Refusal]:
        """Simulate the observation of noise-free items; items that are already observed are returned unchanged."""

    def to_json(self) -> Json: ...


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Observed and noise-free items.

    Parameters
    ----------
    fit : (items) -> Instrument or None
        Estimate the instrument from observed items; None for noise-free items. A predictor trained on observed items
        passes other items through `Instrument.observed` first.
    load : (data) -> Instrument
        The inverse of `Instrument.to_json`.
    """

    fit: Callable[[Sequence[Item]], Instrument | None]
    load: Callable[[Mapping[str, object]], Instrument]


# The optional part `Restoration` of a recipe: what was observed, without the instrument's blur and noise.


@dataclass(frozen=True)
class Restored:
    """mean: of the samples, with their variance. samples: of the posterior, each as probable as the others. agreement:
    numbers of how they agree with the observation and with each other. remarks: what to know of this item; a note says
    of how many each is true. seen: the item as the model took it, such as on other pixels."""

    mean: Item
    samples: tuple[Item, ...]
    agreement: Mapping[str, float]
    remarks: tuple[str, ...] = ()
    seen: Item | None = None


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """Samples of noise-free items, given an observed one.

    Parameters
    ----------
    restore : (model, representation, item, samples, seed) -> Restored or Refusal
    agreement : tuple of str
        Names of the numbers `Restored.agreement`.
    properties : tuple of str
        What is measured of samples by default.
    notes : (agreements of all restored items) -> notes
        What to know about them.
    origin : tuple of str
        Notes for a file of restored items.
    unable : (representation) -> str
        Why a model with this representation can't restore ("has learned ..."), or "".
    """

    restore: Callable[[Any, Any, Item, int, int], Restored | Refusal]
    agreement: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    notes: Callable[[Sequence[Mapping[str, float]]], list[str]] = lambda agreements: []
    origin: tuple[str, ...] = ()
    unable: Callable[[Any], str] = lambda representation: ""


# The optional part `Cutouts`: items cut out of a large image at the positions of a catalogue.


@dataclass(frozen=True)
class Cut:
    """What was cut for a row of the catalogue. line, name: of the row. values: its other columns, and what is known of
    the cut, such as flags."""

    line: int
    name: str
    item: Item | Refusal
    values: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cutouts:
    """Large images that hold items.

    Parameters
    ----------
    formats : tuple of str
        File endings of images.
    cut : (image, catalogue, settings) -> cuts
        Cuts are made one by one, so that the image may be larger than memory. Errors of the files are raised by the
        call.
    notes : (cuts' values) -> notes
        What to know about all cuts.
    """

    formats: tuple[str, ...]
    cut: Callable[[Path, Path, CutoutSettings], Iterator[Cut]]
    notes: Callable[[list[Mapping[str, Cell]]], list[str]] = lambda values: []


# The optional part `CodedFiles`: files with images that `compress` codes.


@dataclass(frozen=True, kw_only=True)
class CodedFiles:
    """Files whose images are coded.

    Parameters
    ----------
    formats : tuple of str
        File endings, such as ".fits".
    parts : (path) -> parts
        The bytes of a file in order, with its images as arrays. Those that must not lose anything, such as maps of
        variance, say so.
    """

    formats: tuple[str, ...]
    parts: Callable[[Path], Iterator[Part]]


# Items that are rows of a table, with columns that the user's data define.


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Items that consist of cells: tables of items have a column for each, instead of one with the items' texts.

    Parameters
    ----------
    of : (item) -> cells by column
    without : (text, column) -> text
        The text of an item without one of its cells, such as the target of a predictor.
    goal : (text) -> text
        A condition on a column of texts, `city = Oslo`, as one on a number, `city:Oslo = 1`, which goals know; others
        are unchanged.
    """

    of: Callable[[Item], Mapping[str, Cell]]
    without: Callable[[str, str], str]
    goal: Callable[[str], str]
