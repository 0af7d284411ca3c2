"""The record `Domain`: one science as a frozen record. A new domain is a package with an entry point, or a folder
here and a line in `DOMAINS`.

Code outside `sciencegen.domains` uses a science only through this record. The core parts are required; the optional
parts of `capabilities/` are None where a science doesn't have them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sciencegen.data.tables import READ_TABLES, in_trials, read_lines, read_table
from sciencegen.data.workbooks import file_of
from sciencegen.data.writers import write_table, write_text
from sciencegen.domains.capabilities import (
    Cells,
    CodedFiles,
    Cutouts,
    Design,
    Form,
    Moves,
    Objects,
    Observation,
    Orders,
    Pictures,
    ReferenceSets,
    Sequences,
    Sidecar,
    Structures,
    Variants,
)
from sciencegen.domains.recipes import Recipe
from sciencegen.errors import DataError
from sciencegen.files import check_regular
from sciencegen.items import Cell, Item, Json, Origin, Property, Reference, Refusal, Row
from sciencegen.progress import Report
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    from sciencegen.prediction.columns import FeatureBlock
    from sciencegen.prediction.training_tables import Split


class FittedFeatures(Protocol):
    """Features for regressors, fitted to the training items."""

    @property
    def blocks(self) -> Sequence[FeatureBlock]: ...

    @property
    def defaults(self) -> Mapping[str, object]:
        """Settings of a predictor that work well with these features."""

    def encode(self, items: Sequence[Item]) -> Sequence[np.ndarray | Refusal]: ...

    def novel(self, items: Sequence[Item]) -> np.ndarray:
        """[item] whether an item has a feature that no training item had."""

    def refusal(self, item: Item) -> str | None: ...

    def to_json(self) -> Json: ...


MakeFeatures = Callable[[Sequence[Item]], np.ndarray]
"""items -> [item feature]"""

MakeSplit = Callable[[Sequence[Item], Any], "Split"]
"""(items, the domain's own `FittedFeatures`) -> Split."""


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Inputs of property regressors.

    Parameters
    ----------
    features : (items) -> [item feature]
    groups : (items) -> list of str, optional
        A label for each item (molecules: the scaffold), "" for an item without a group; a grouped split keeps items
        with equal labels together. Default: no item has a group.
    splits : mapping
        Name -> (items, fitted features) -> Split: a split by how new items may differ from measured ones. None: split
        by `groups`.
    fit : (items, reference) -> FittedFeatures or None, optional
        Fit features to training items; returns None if `features` are to be used instead.
    load : (data) -> FittedFeatures, optional
        The inverse of `FittedFeatures.to_json`.
    earlier : mapping
        Number of columns -> `features` of an earlier version, for predictors that were trained on it.
    notes : (texts) -> list of str, optional
        What a predictor of these training items can't know, in sentences for the log. Texts are those of `ItemIO.text`.
    """

    features: MakeFeatures
    groups: Callable[[Sequence[Item]], list[str]] = lambda items: [""] * len(items)
    splits: Mapping[str, MakeSplit | None] = field(default_factory=dict)
    fit: Callable[[Sequence[Item], Reference | None], FittedFeatures | None] | None = None
    load: Callable[[Mapping[str, object]], FittedFeatures] | None = None
    earlier: Mapping[int, MakeFeatures] = field(default_factory=dict)
    notes: Callable[[Sequence[str]], list[str]] = lambda texts: []


ItemTable = Mapping[str, Sequence[Cell]]
"""Columns of a table by name."""


LINES = ".txt"
"""The ending of files with an item in each line."""


class WriteItems(Protocol):
    """(path, items, names, further columns, origin) -> None: write a file in the format of the path's suffix."""

    def __call__(
        self, path: Path, items: Sequence[Item], names: Sequence[str], values: ItemTable, origin: Origin | None = None
    ) -> None: ...


def _set_defaults(record: object, **defaults: Callable[..., object]) -> None:
    """Set functions that are None to default methods, and default methods of another record to this record's.

    `dataclasses.replace` passes the old record's defaults as if a caller had passed them. To keep the default of
    another record, wrap it: `key=lambda item: other.key(item)`.
    """
    for name, default in defaults.items():
        value = vars(record)[name]
        if value is None or (isinstance(value, MethodType) and value.__func__ is default):
            object.__setattr__(record, name, MethodType(default, record))


_UNSET: Any = None
"""A function that `__post_init__` sets to the default method."""


@dataclass(frozen=True, kw_only=True)
class ItemIO:
    """Items as text and in files.

    Parameters
    ----------
    parse : (text) -> item or Refusal
        Read and standardize one item. Untrusted text is parsed in a killable worker.
    text : (item) -> str
        The item as one cell of a table; `parse(text(item))` is the item again.
    key : (item) -> str, optional
        Identity: equal keys are the same item. Default: `text`.
    columns : tuple of str
        Accepted names of the item's column in a table, most preferred first.
    formats : tuple of str
        File endings that `read` accepts, such as ".smi".
    read : (path, column) -> rows, optional
        Stream the rows of a user's file; `Row.values` holds the numeric columns of tables. Default: reads tables, and
        .txt files with one item per line.
    write : (path, items, names, values, origin) -> None, optional
        Default: writes tables, and lines of items (.txt).
    fields : (path) -> rows or None, optional
        The rows of a file that `write` wrote, as mappings from the names of a row's parts to their texts; together
        they hold each byte of a row. None for a format of which `read` finds all that was written. Default: None.
    reads_folders : bool
        Whether `read` accepts a folder of files.
    left_out : (text) -> str
        Description of what `parse` removes from a text, such as the counter-ions of a salt, or "".
    repeats : bool
        Whether equal items are different observations, such as equal rows of a table: prepared data and draws keep
        them. Otherwise the first one is kept.
    classes : bool
        Whether columns of few different texts beside the items of a table are classes: prepared data then have a number
        `column:text` for each, 1 where the cell is this text and 0 where it is another.
    given : frozenset of str
        Properties whose values in a file are preferred to measured ones (galaxies: values without noise); prepared
        data hold the file's value if there is one.
    readable : mapping
        Name of a column -> the cell that tells a reader what an item is (crystals: the formula), None if unknown.
        Tables of results have these columns after the item, unless a table that is read has its own.
    labels : mapping
        Name of a label (proteins: `taxon`) -> function that finds it in an item's name, "" if there is none.
    simulate : (settings, seed, start, stop) -> rows, optional
        Rows start to stop - 1, as (text, values), of a dataset that its card declares as simulated. The random numbers
        of a row don't depend on other rows.
    """

    parse: Callable[[str], Item | Refusal]
    text: Callable[[Item], str]
    key: Callable[[Item], str] = _UNSET
    columns: tuple[str, ...] = ("item",)
    formats: tuple[str, ...] = (LINES, *READ_TABLES)
    read: Callable[[Path, str | None], Iterator[Row]] = _UNSET
    write: WriteItems = _UNSET
    fields: Callable[[Path], Iterator[Mapping[str, str]] | None] = lambda path: None
    reads_folders: bool = False
    left_out: Callable[[str], str] = lambda text: ""
    repeats: bool = False
    classes: bool = False
    given: frozenset[str] = frozenset()
    readable: Mapping[str, Callable[[Any], Cell]] = field(default_factory=dict)
    labels: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    simulate: Callable[[Mapping[str, object], int, int, int], list[tuple[str, dict[str, float]]]] | None = None

    def __post_init__(self) -> None:
        _set_defaults(self, key=ItemIO._text_as_key, read=ItemIO._read_table, write=ItemIO._write_table)

    def readable_columns(self, items: Sequence[Item]) -> dict[str, list[Cell]]:
        """The columns `readable` of items."""
        return {name: [cell(item) for item in items] for name, cell in self.readable.items()}

    def rows(self, path: Path, column: str | None = None) -> Iterator[Row]:
        """`read` of a file that a command works on: in a trial of a dry run a part of the rows."""
        is_table = file_of(path).name.lower().endswith(READ_TABLES)  # `read_table` reads a part itself
        return (self.read if is_table else in_trials(self.read))(path, column)

    def texts_in(self, source: str) -> list[str]:
        """The items in the file with this name, as texts; otherwise the text itself."""
        if not source.lower().endswith(self.formats) or not os.path.exists(source):  # False for a name that is too long
            return [source]
        check_regular(source, "items")
        return [row.text for row in self.read(Path(source), None)]

    def texts_given(self, source: str, what: str) -> list[str]:
        """As `texts_in`, of something that is no item if it ends like a file's name. what: is expected, for the
        message of a DataError that there is no such file."""
        if source.lower().endswith(self.formats) and not os.path.isfile(source):
            raise DataError(f"Expected {what}, found no file '{source}'.")
        return self.texts_in(source)

    def _text_as_key(self, item: Item) -> str:
        return self.text(item)

    def _read_table(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return read_lines(path) if path.suffix == LINES else read_table(path, self.columns, column)

    def _write_table(
        self, path: Path, items: Sequence[Item], names: Sequence[str], values: ItemTable, origin: Origin | None = None
    ) -> None:
        if path.suffix == LINES:
            write_text(path, (f"{self.text(item)}\n" for item in items))
            return
        write_table(path, {"item": [self.text(item) for item in items], "id": list(names), **values})


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Similarity of items.

    Parameters
    ----------
    matrix : (items, references) -> [item reference] in 0..1
    nearest : (items, references) -> [item], optional
        Greatest similarity to any reference; may be much faster than the default, the maximum of `matrix`.
    maximum : float
        Default upper limit for the similarity of two candidates of one search.
    classes : mapping
        Name of a kind of classes, in the plural (molecules: `scaffolds`) -> (items) -> a label for each item, "" for an
        item of no class. A search limits how many candidates a class of each kind may hold.
    series : (items) -> labels, optional
        A wider class than `Regression.groups`, "" for none. `maximum_share` of a plate limits both.
    """

    matrix: Callable[[Sequence[Item], Sequence[Item]], np.ndarray]
    nearest: Callable[[Sequence[Item], Sequence[Item]], np.ndarray] = _UNSET
    maximum: float = 0.7
    classes: Mapping[str, Callable[[Sequence[Item]], Sequence[str]]] = field(default_factory=dict)
    series: Callable[[Sequence[Item]], Sequence[str]] | None = None

    def __post_init__(self) -> None:
        _set_defaults(self, nearest=Similarity._greatest)

    def _greatest(self, items: Sequence[Item], references: Sequence[Item]) -> np.ndarray:
        return self.matrix(items, references).max(1, initial=0.0)


@dataclass(frozen=True, kw_only=True)
class Oracles:
    """Oracles by name; every property has one.

    Parameters
    ----------
    find : (name) -> Oracle
        Raises `UnknownNameError` for an unknown name.
    names : () -> sequence of str
    not_goals : mapping
        Name -> why it can't be a goal, condition or target.
    classifiers : frozenset of str
        Names of oracles that are the probability of a label by a classifier that the user trains, a predictor with this
        name. For them `find` raises a ConfigError that says how.
    slow : frozenset of str
        Names of oracles that may take seconds for an item. They get one item at a time, so that the limit of time is
        that of an item.
    open_names : tuple of str
        Names with a part that the user chooses, in capitals, such as `dock:TARGET`; they aren't among `names`.
    left_open : mapping
        Name of an oracle that counts what an item leaves open -> what such an item does, for a sentence (molecules:
        configurations). Candidates and plates have its column where a count is above 0.
    """

    find: Callable[[str], Oracle]
    names: Callable[[], Sequence[str]]
    not_goals: Mapping[str, str] = field(default_factory=dict)
    classifiers: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    open_names: tuple[str, ...] = ()
    left_open: Mapping[str, str] = field(default_factory=dict)


Evaluate = Callable[[Sequence[str] | str, Sequence[str] | str, Sequence[str] | str | None], dict[str, float]]


@runtime_checkable
class ReportingEvaluate(Protocol):
    """An `Evaluate` that takes long, and can report how much is done."""

    def reporting(self, report: Report) -> Evaluate:
        """The same evaluation with reports."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One science.

    Parameters
    ----------
    name : str
        Such as `molecules`; for a form `molecules/structures`.
    items : ItemIO
    properties : mapping
        Name -> Property.
    measure : (items, names) -> [item property]
        Property values, NaN where the measurement fails.
    recipes : mapping
        Name -> Recipe, the default first. `LazyTable` keeps torch out of the import. Empty for a domain whose items
        are scored and predicted only.
    similarity : Similarity
    oracles : Oracles
    regression : Regression
    evaluate : (samples, reference, training) -> metrics
        Distribution metrics of generated items against held-out ones. Each set is given as texts of items, or as a name
        in `reference_sets`. A slow one may be a `ReportingEvaluate`.
    render : (item, width, height) -> str
        The item as a picture for a page: an SVG element or an <img> with a data: URI.
    moves, variants, design, observation, sidecar, structures, sequences, pictures, reference_sets, cells, objects,
    orders, form, coded_files, cutouts
        Optional parts.
    forms : mapping
        Name of a form -> import string `module:attribute` of its `Domain`.
    optional_libraries : mapping
        Distribution -> what it is for and how to install it, for those that some of the domain's work needs.
    """

    name: str
    items: ItemIO
    properties: Mapping[str, Property]
    measure: Callable[[Sequence[Item], Sequence[str]], np.ndarray]
    recipes: Mapping[str, Recipe]
    similarity: Similarity
    oracles: Oracles
    regression: Regression
    evaluate: Evaluate
    render: Callable[[Item, int, int], str]
    moves: Moves | None = None
    variants: Variants | None = None
    design: Design | None = None
    observation: Observation | None = None
    sidecar: Sidecar | None = None
    structures: Structures | None = None
    sequences: Sequences | None = None
    pictures: Pictures | None = None
    reference_sets: ReferenceSets | None = None
    cells: Cells | None = None
    objects: Objects | None = None
    orders: Orders | None = None
    form: Form | None = None
    coded_files: CodedFiles | None = None
    cutouts: Cutouts | None = None
    forms: Mapping[str, str] = field(default_factory=dict)
    optional_libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def default_recipe(self) -> str:
        """Name of the first recipe, "" if there are none."""
        return next(iter(self.recipes), "")
