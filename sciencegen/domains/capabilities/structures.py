"""The optional part `Structures`: items with coordinates."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

from sciencegen.items import Direction, Given, Item, Json, Reference, Refusal, Row
from sciencegen.report.content import Chart, StructureStyle
from sciencegen.report.letters import Letters
from sciencegen.scoring.oracles import Oracle

Placement = Mapping[str, tuple[Sequence[int], np.ndarray]]
"""Field of a representation -> (positions of `given(item)`, their values)."""


class Points(Protocol):
    """Points (atoms) of one item. numbers: [point] their types. positions: [point 3] in ångström."""

    @property
    def numbers(self) -> np.ndarray: ...

    @property
    def positions(self) -> np.ndarray: ...


class Scaffold(Protocol):
    """A part of an item, read from a file, that must be kept unchanged."""

    @property
    def item(self) -> Item: ...

    @property
    def pattern(self) -> str:
        """The part as a pattern for `Moves.constraint`."""

    def place(self, item: Item, attempt: int = 0) -> Placement | Refusal:
        """Find the part in an item; each attempt uses another match."""

    def fit(self, item: Item, made: Item, known: Placement) -> Item | Refusal:
        """Align the completed item `made` so that the part has its coordinates of the file."""


@dataclass(frozen=True, kw_only=True)
class Structures:
    """Items as points in space.

    Parameters
    ----------
    records : (path) -> (format, texts), optional
        Read a file that `ItemIO.write` wrote for a 3D viewer: the name of a format that 3Dmol.js supports, and the
        record of each item, "" for an item without coordinates.
    read_scaffold : (path) -> Scaffold, optional
    points : (items) -> list of Points or Refusal, optional
        Accepts items of the form and also plain items of the domain, for which coordinates are generated.
    style : "sticks" or "cartoon"
        How the viewer draws the records.
    readouts : mapping
        Property -> name in `networks.harmonics.READOUTS`, if there is one.
    """

    records: Callable[[Path], tuple[str, Iterator[str]]] | None = None
    read_scaffold: Callable[[Path], Scaffold] | None = None
    points: Callable[[Sequence[Item]], Sequence[Points | Refusal]] | None = None
    style: StructureStyle = "sticks"
    readouts: Mapping[str, str] = field(default_factory=dict)


# The optional part `Sequences`: sequences for items with coordinates, and structures predicted from sequences.

Prediction = Any
"""A structure that a program predicted from a sequence. Only the domain interprets it."""


@dataclass(frozen=True)
class SequenceDraws:
    """How sequences are drawn. count: of each item. temperature: of the draws. keep: residues whose letters stay, by
    their numbers (`10-20,35`), "known" for all that the item knows, or "". seed: of all draws; those of an item depend
    on no other item. weights: the name of the network's, "" for the usual ones. omit: letters that are never drawn.
    bias: letters and what is added to their logits, `A=-1,K=0.5`. around: a file of what lies around the items. tied:
    chains of this file with the same sequence, `A,B,C`, the first of which gets it. pack: a folder for items with all
    atoms, or ""."""

    count: int = 8
    temperature: float = 0.1
    keep: str = ""
    seed: int = 0
    weights: str = ""
    omit: str = ""
    bias: str = ""
    around: str = ""
    tied: str = ""
    pack: str = ""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Structures that a program predicts from sequences.

    Parameters
    ----------
    read : (path, sequences) -> list of prediction or Refusal
        Read the file or the folder that the program wrote: a prediction for each sequence.
    compare : (item, prediction) -> mapping
        Values by the names of `columns`.
    columns : () -> names
        Those that can be computed on this computer.
    notes : () -> list of str
        What is left out, and why.
    best : str
        The column by which the sequences of an item are compared: the least is the best.
    good : (name, limit)
        Items whose best value is at most the limit are counted under this name.
    """

    read: Callable[[Path, Sequence[str]], list[Prediction | Refusal]]
    compare: Callable[[Item, Prediction], Mapping[str, float]]
    columns: Callable[[], tuple[str, ...]]
    notes: Callable[[], list[str]] = list
    best: str
    good: tuple[str, float]


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Sequences for items that may lack them. A sequence is an item of the plain domain, which is its own text.

    Parameters
    ----------
    check : (draws, by_program, source) -> draws
        Raises a ConfigError for settings that can't be read or, unless a program draws, if nothing here can. source:
        the path or the text of the items; it may be what lies around them.
    draw : (item, draws) -> list of (sequence, score), or Refusal
    assign : (item, sequence, keep) -> item or Refusal
        The item with this sequence; a Refusal if it has another length, or another letter at a kept residue.
    kept : (item, keep) -> text or Refusal
        The names of the kept residues, parted by blanks, for programs.
    score : (item, sequences, draws) -> list of float
        The scores of given sequences; less is better.
    scores : () -> bool
        Whether `score` works on this computer.
    column : str
        The name of the score.
    name : (item) -> str
        An item's own name, "" without one.
    note : (item, draws) -> str
        What a user may not expect of the sequences that `draw` gives an item, "" for nothing. Results say of how many
        items it holds.
    chosen : (text, draws) -> bool
        Whether the item of a text gets sequences of its own.
    predictions : Predictions, optional
    pack : (item, draws) -> (text, values), optional
        A file of the item, which has a sequence, with all its atoms, and values by the names of `packed`.
    packed : names
    """

    check: Callable[[SequenceDraws, bool, str], SequenceDraws]
    draw: Callable[[Item, SequenceDraws], Sequence[tuple[str, float]] | Refusal]
    assign: Callable[[Item, str, str], Item | Refusal]
    kept: Callable[[Item, str], str | Refusal]
    score: Callable[[Item, Sequence[str], SequenceDraws], Sequence[float]]
    scores: Callable[[], bool]
    column: str
    name: Callable[[Item], str] = lambda item: ""
    note: Callable[[Item, SequenceDraws], str] = lambda item, draws: ""
    chosen: Callable[[str, SequenceDraws], bool] = lambda text, draws: True
    predictions: Predictions | None = None
    pack: Callable[[Item, SequenceDraws], tuple[str, Mapping[str, float]]] | None = None
    packed: tuple[str, ...] = ()


# The optional part `Sidecar`: items in a file next to the table, for texts that are too large for a cell.


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """The file of items next to a table.

    Parameters
    ----------
    ending : str
        Suffix of the file, such as ".fits".
    cell : (item) -> str
        File and number of an item that was read from a file (`stamps.fits[3]`), else "".
    text_at : (path, number) -> str
        The text of the item with this number, counted from 0, in a file that `ItemIO.write` wrote.
    """

    ending: str
    cell: Callable[[Item], str]
    text_at: Callable[[Path, int], str]


# The optional part `Objects`: objects of the science's own libraries, such as RDKit molecules.


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Objects that Python users pass instead of texts, and get back.

    Parameters
    ----------
    kinds : str
        What they are, for messages: "RDKit molecules".
    text : (object) -> str or None
        The text of an object for `ItemIO.parse`; None for an object of another kind. An object of this kind that holds
        no item gets a text that `parse` refuses with the reason.
    of : (item) -> object
        A new object; `parse(text(of(item)))` is the item again.
    """

    kinds: str
    text: Callable[[object], str | None]
    of: Callable[[Item], object]


# Forms of a domain: the same science with more data for each item, such as molecules with coordinates.


@dataclass(frozen=True, kw_only=True)
class Family:
    """Items with a common reference, which a file or a table of measured variants specifies.

    Parameters
    ----------
    context : (path) -> JSON
        Data that all items of a file share (proteins: the focus of an alignment and its numbering). Prepared data
        contain it.
    variant_rows : (reference, rows) -> rows
        Convert rows of variants of one item, given by name or in full, to rows of the form.
    variant_context : (reference) -> JSON
        `context` of the rows of `variant_rows`.
    with_measured : (rows, context, table, name) -> rows
        Rows of a family, then those of `table()`: measured variants of the context's reference, with the column `name`.
    columns : tuple of str
        Numeric columns that every row has.
    """

    context: Callable[[Path], Json]
    variant_rows: Callable[[Reference, Iterable[Row]], Iterator[Row]]
    variant_context: Callable[[Reference], Json]
    with_measured: Callable[[Iterable[Row], Mapping[str, object], Callable[[], Iterable[Row]], str], Iterator[Row]]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """Functions that relate a form to the domain that it is a form of.

    Parameters
    ----------
    plain : (item) -> item
        Convert an item of the form to an item of the domain.
    adapt_oracle : (oracle) -> oracle
        Make an oracle for items of the domain, such as a plugin's, score items of the form.
    holds : (path) -> bool
        Whether the items of a file have this form.
    family : Family, optional
    recognizes : (text or object) -> bool
        Whether what a Python caller gives as an item has this form, which the domain can't read. Default: no.
    own_key : bool
        Whether items are the same if their keys in the form are equal, and not if their plain items are. Set it if an
        item may lack what its plain item consists of (proteins: a backbone without a sequence). Searches then score
        items of the form, and tables of results contain them.
    """

    plain: Callable[[Item], Item]
    adapt_oracle: Callable[[Oracle], Oracle]
    holds: Callable[[Path], bool]
    family: Family | None = None
    recognizes: Callable[[Given], bool] = lambda given: False
    own_key: bool = False

    def plain_items(self, items: Sequence[Item]) -> list[Item]:
        """Apply `plain` to each item."""
        return [self.plain(item) for item in items]


# The optional part `Pictures`: pictures of many items.


@dataclass(frozen=True)
class Compared:
    """Items that charts compare: of the training set, draws of the model, and candidates of the search."""

    training: Sequence[Item]
    draws: Sequence[Item]
    candidates: Sequence[Item]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of many items.

    Parameters
    ----------
    gallery : int
        Number of items of each group that a report draws; 0 for no gallery.
    traversals : bool
        Whether neighbours in a latent space look alike; a report then shows rows of pictures along latent directions.
    render_alike : (items, width, height) -> list of str, optional
        `Domain.render` of each item, with a common scale, such as of brightness.
    letters : Letters, optional
    title : (item) -> str, optional
        What a caption calls an item beside its values (crystals: the formula).
    charts : (compared) -> sequence of Chart, optional
        Plots of two quantities that experts of the science look at.
    """

    gallery: int = 0
    traversals: bool = False
    render_alike: Callable[[Sequence[Item], int, int], list[str]] | None = None
    letters: Letters | None = None
    title: Callable[[Item], str] | None = None
    charts: Callable[[Compared], Sequence[Chart]] | None = None


# The optional part `ReferenceSets`: shipped held-out and training sets, and notes on metrics.


class MetricNote(NamedTuple):
    """Meaning of a metric, its better direction (None if there is none), and published values by model."""

    meaning: str
    direction: Direction | None = None
    published: Mapping[str, float] = MappingProxyType({})


CODES = MappingProxyType({
    "bits_per_item": MetricNote("bound of -log2 p of an item to compare with, by the model", "minimize"),
    "bits_per_value": MetricNote("the same for each symbol, residue or pixel of these items", "minimize"),
})  # fmt: skip
"""Of likelihoods as lengths of codes, in any domain."""


@dataclass(frozen=True, kw_only=True)
class ReferenceSets:
    """Shipped sets and notes on metrics.

    Parameters
    ----------
    held_out : () -> tuple of str
        Names of held-out sets that `Domain.evaluate` accepts in place of items.
    training : () -> tuple of str
        Names of training sets whose keys are shipped.
    load_training : (name) -> container of keys, or None where it isn't shipped
    notes : mapping
        Metric -> MetricNote.
    families : mapping
        Beginning of metrics' names, such as `scaled_`, which a column or a set completes -> MetricNote.
    among : (texts of known items) -> test, optional
        Whether an item is one of the known ones though their keys differ (crystals: before and after relaxation).
    units : mapping
        Metric -> unit; not needed for distances between values of a property, which have the property's unit.
    """

    held_out: Callable[[], tuple[str, ...]] = tuple
    training: Callable[[], tuple[str, ...]] = tuple
    load_training: Callable[[str], Container[str] | None] = lambda name: None
    notes: Mapping[str, MetricNote] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, MetricNote] = field(default_factory=dict)
    among: Callable[[Iterable[str]], Callable[[Item], bool]] | None = None

    def note(self, metric: str) -> MetricNote:
        """What is known of a metric, by its name or by how that begins.

        Examples
        --------
        >>> sets = ReferenceSets(families={"scaled_": MetricNote("in standard deviations", "minimize")})
        >>> sets.note("scaled_price").meaning, sets.note("other").meaning
        ('in standard deviations', '')
        """
        found = (note for start, note in self.families.items() if metric.startswith(start))
        return self.notes.get(metric) or next(found, CODES.get(metric, MetricNote("")))
