"""What a domain is: one science as a frozen record. A new domain is a package with an entry point, or a folder
here and a line in `DOMAINS`.

Everything outside `sciencegen.domains` sees a science only through this record. The core must be there; the optional
parts of `capabilities/` are None where a science has no such thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType
from typing import Protocol

import numpy as np

from sciencegen.data.tables import READ_TABLES, read_lines, read_table, write_table
from sciencegen.domains.capabilities import (
    Design,
    Form,
    Moves,
    Observation,
    Pictures,
    ReferenceSets,
    Sidecar,
    Structures,
    Variants,
)
from sciencegen.domains.recipes import Recipe
from sciencegen.domains.regression import Regression
from sciencegen.items import Cell, Item, Origin, Property, Refusal, Row
from sciencegen.scoring.oracles import Oracle

ItemTable = Mapping[str, Sequence[Cell]]
"""Columns of a table by name."""


LINES = ".txt"
"""The ending of files with an item in each line."""


class WriteItems(Protocol):
    """(path, items, their names, further columns, how they came to be): a file in the format of the path's ending."""

    def __call__(
        self, path: Path, items: Sequence[Item], names: Sequence[str], values: ItemTable, origin: Origin | None = None
    ) -> None: ...


def _set_defaults(record: object, defaults: Mapping[str, object]) -> None:
    """Methods in place of functions that are None; `dataclasses.replace` passes the methods of another record."""
    for name, default in defaults.items():
        value = vars(record)[name]
        if value is None or (isinstance(value, MethodType) and type(value.__self__) is type(record)):
            object.__setattr__(record, name, default)


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
        Stream the rows of a user's file; numeric columns of tables come in `Row.values`. Default: tables, and .txt with
        an item in each line.
    write : (path, items, names, values, origin) -> None, optional
        Default: tables.
    reads_folders : bool
        Whether `read` takes a folder of files.
    left_out : (text) -> str
        What `parse` leaves out of a text (of a salt, the other ions), in words, or "".
    given : frozenset of str
        Properties that a file may give better than a measurement of the item (galaxies: measured without noise);
        prepared data hold the file's number where there is one.
    labels : mapping
        Name of a label -> function of an item's name (proteins: `taxon`), "" for none.
    simulate : (settings, seed, start, stop) -> rows, optional
        (text, values) of the rows start to stop - 1 of a set that a card says is simulated; the random numbers of a row
        are its own.
    """

    parse: Callable[[str], Item | Refusal]
    text: Callable[[Item], str]
    key: Callable[[Item], str] = None  # type: ignore[assignment]  # `text`, set below
    columns: tuple[str, ...] = ("item",)
    formats: tuple[str, ...] = (LINES, *READ_TABLES)
    read: Callable[[Path, str | None], Iterator[Row]] = None  # type: ignore[assignment]  # tables, set below
    write: WriteItems = None  # type: ignore[assignment]  # tables, set below
    reads_folders: bool = False
    left_out: Callable[[str], str] = lambda text: ""
    given: frozenset[str] = frozenset()
    labels: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    simulate: Callable[[Mapping[str, object], int, int, int], list[tuple[str, dict[str, float]]]] | None = None

    def __post_init__(self) -> None:
        _set_defaults(self, {"key": self._text_as_key, "read": self._read_table, "write": self._write_table})

    def _text_as_key(self, item: Item) -> str:
        return self.text(item)

    def _read_table(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return read_lines(path) if path.suffix == LINES else read_table(path, self.columns, column)

    def _write_table(
        self, path: Path, items: Sequence[Item], names: Sequence[str], values: ItemTable, origin: Origin | None = None
    ) -> None:
        write_table(path, {"item": [self.text(item) for item in items], "id": list(names), **values})


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How alike items are.

    Parameters
    ----------
    matrix : (items, references) -> [item reference] in 0..1
    nearest : (items, references) -> [item], optional
        Greatest similarity to any reference; may be much faster than the default, the maximum of `matrix`.
    maximum : float
        Of two candidates of one search, by default.
    """

    matrix: Callable[[Sequence[Item], Sequence[Item]], np.ndarray]
    nearest: Callable[[Sequence[Item], Sequence[Item]], np.ndarray] = None  # type: ignore[assignment]  # set below
    maximum: float = 0.7

    def __post_init__(self) -> None:
        _set_defaults(self, {"nearest": self._greatest})

    def _greatest(self, items: Sequence[Item], references: Sequence[Item]) -> np.ndarray:
        return self.matrix(items, references).max(1, initial=0.0)


@dataclass(frozen=True, kw_only=True)
class Oracles:
    """Oracles by name; every property is one.

    Parameters
    ----------
    find : (name) -> Oracle
        An unknown name is an `UnknownNameError`.
    names : () -> sequence of str
    not_goals : mapping
        Name -> why it can't be a goal, condition or target.
    """

    find: Callable[[str], Oracle]
    names: Callable[[], Sequence[str]]
    not_goals: Mapping[str, str] = field(default_factory=dict)


Evaluate = Callable[[Sequence[str] | str, Sequence[str] | str, Sequence[str] | str | None], dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One science.

    Parameters
    ----------
    name : str
        `molecules`; of a form `molecules/structures`.
    items : ItemIO
    properties : mapping
        Name -> Property.
    measure : (items, names) -> [item property]
        Properties, NaN where one fails.
    recipes : mapping
        Name -> Recipe, the default first. `LazyTable` keeps torch out of the import.
    similarity : Similarity
    oracles : Oracles
    regression : Regression
    evaluate : (samples, reference, training) -> metrics
        Distribution metrics of generated items against held-out ones, all as texts, or names of `reference_sets`.
    render : (item, width, height) -> str
        The item as a picture for a page: an SVG element or an <img> with a data: URI.
    moves, variants, design, observation, sidecar, structures, pictures, reference_sets, form : optional parts
    forms : mapping
        Name of a form -> import string `module:attribute` of its `Domain`.
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
    pictures: Pictures | None = None
    reference_sets: ReferenceSets | None = None
    form: Form | None = None
    forms: Mapping[str, str] = field(default_factory=dict)

    @property
    def default_recipe(self) -> str:
        """The first recipe, "" without any."""
        return next(iter(self.recipes), "")
