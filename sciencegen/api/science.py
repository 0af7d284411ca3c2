"""Domains and their forms by name, tasks on their items for worker processes, and names relative to a reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.threads import worker_count
from sciencegen.data.workbooks import file_of
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import Refused, printable
from sciencegen.domains import load_domain
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Family, Points, Reference, VariantNames, Variants
from sciencegen.domains.capabilities.design import ReferenceLike, no_patterns
from sciencegen.domains.recipes import Encoded, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import NAME_COLUMN, NAMES_OR_COUNTS, REFUSED_ROW, VARIANT_COLUMNS, Item, Refusal, Row
from sciencegen.report.content import Sites
from sciencegen.report.letters import Letters
from sciencegen.scoring.oracles import Oracle

ReadPoints = Callable[[Sequence[Item]], Sequence[Points | Refusal]]


@cache
def domain_of(name: str) -> Domain:
    """The domain with this name (`in_form` names a form of one), loaded once in a process."""
    return load_domain(name)


def in_form(domain: str, form: str) -> str:
    """The name of a domain's form; for the form "" the name of the domain."""
    return f"{domain}/{form}" if form else domain


def plain_name(domain: str) -> str:
    """The name of the plain domain, from its own name or that of a form."""
    return domain.partition("/")[0]


def plain_of(domain: str) -> Domain:
    """The plain domain of a form. It defines the keys of items (but see `key_of`); forms only add information."""
    return domain_of(plain_name(domain))


def key_of(domain: str, item: Item) -> str:
    """Identity of an item: the key of its plain item, unless the form has keys of its own."""
    science = domain_of(domain)
    own = science.form is not None and science.form.own_key
    return (science if own else plain_of(domain)).items.key(item)


def name_of_results(domain: str, form: str) -> str:
    """The name under which results of a form are scored, compared and written: that of the form, if its items may lack
    what plain items consist of (`Form.own_key`), else that of the plain domain."""
    formed = in_form(plain_name(domain), form)
    found = domain_of(formed).form
    return formed if found is not None and found.own_key else plain_name(domain)


def family_of(science: Domain) -> Family | None:
    """The family of a form whose items are aligned; None for other forms and domains."""
    return None if science.form is None else science.form.family


def points_of(name: str) -> ReadPoints:
    """The function by which a form reads the points of items; an error if it has none."""
    structures = domain_of(name).structures
    if structures is None or structures.points is None:
        domain, _, form = name.partition("/")
        raise ConfigError(f"Expected a form of {domain} that has points, '{form}' has none.")
    return structures.points


def plain_text(domain: str, item: Item) -> str:
    """The text of a form's item in tables: that of the plain domain (molecules: SMILES)."""
    form = domain_of(domain).form
    return plain_of(domain).items.text(item if form is None else form.plain(item))


def adapted(domain: str, oracle: Oracle) -> Oracle:
    """Adapt an oracle of plain items to items of the form."""
    form = domain_of(domain).form
    return oracle if form is None else form.adapt_oracle(oracle)


def reads_folders(domain: str) -> bool:
    """Whether the domain can read a folder of files."""
    return domain_of(domain).items.reads_folders


# Tasks for killable workers: records of plain values, since a worker loads its domain by name.

Result = TypeVar("Result", bound=tuple[object, ...])


@dataclass(frozen=True)
class InDomain:
    """A task in a domain. Unpickling loads the domain, so that workers inherit its imports from their server."""

    domain: str

    def __setstate__(self, state: Mapping[str, object]) -> None:
        self.__dict__.update(state)
        domain_of(self.domain)


IN_THE_GAP = "lies in the gap between two splits"
AT_ONCE = 64
"""Items that a worker holds at once, as images may take a megabyte each."""
NO_POSITION = "no number in the column to split by"


def _left_out(text: str) -> Refusal | None:
    """Why a row belongs to no split, None if it does."""
    reasons = (IN_THE_GAP, NO_POSITION) if text.startswith(REFUSED_ROW) else ()
    return next((Refusal(reason) for reason in reasons if text.endswith(f": {reason}")), None)


@dataclass(frozen=True)
class ParseAndMeasure(InDomain):
    """Texts to (text, key, values, None) or refusals, as `data.prepare` needs them."""

    names: tuple[str, ...]

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, str, np.ndarray, None] | Refusal]:
        parts = (texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE))
        return [found for part in parts for found in self._measured(part)]

    def _measured(self, texts: Sequence[str]) -> list[tuple[str, str, np.ndarray, None] | Refusal]:
        domain = domain_of(self.domain)
        parsed = [_left_out(text) or domain.items.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        rows = iter(domain.measure(items, self.names) if items else [])
        return [
            item if isinstance(item, Refusal) else (domain.items.text(item), domain.items.key(item), next(rows), None)
            for item in parsed
        ]


@dataclass(frozen=True)
class InRecipe(InDomain):
    """A task with a representation, given as JSON. Unpickling imports its recipe: with torch, that takes a second."""

    recipe: str
    representation: str

    def __setstate__(self, state: Mapping[str, object]) -> None:
        super().__setstate__(state)
        _ = domain_of(self.domain).recipes[self.recipe]


@dataclass(frozen=True)
class Encode(InRecipe):
    """Texts to (standardized text, array) or refusals."""

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, Encoded] | Refusal]:
        domain = domain_of(self.domain)
        representation = representation_of(self.domain, self.recipe, self.representation)
        parsed = [domain.items.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        arrays = iter(representation.encode(items) if items else [])
        results: list[tuple[str, Encoded] | Refusal] = []
        for item in parsed:
            array = item if isinstance(item, Refusal) else next(arrays)
            results.append(array if isinstance(array, Refusal) else (domain.items.text(item), array))
        return results


@cache
def representation_of(domain: str, recipe: str, text: str) -> Representation:
    """The representation of a recipe from its JSON, cached in the process."""
    return domain_of(domain).recipes[recipe].load_representation(json.loads(text))


def describe(
    task: Callable[[Sequence[str]], list[Result | Refusal]], rows: Sequence[Row], threads: int
) -> tuple[list[tuple[Row, Result]], list[Refused]]:
    """Apply a task to rows in killable workers; returns (row, result) pairs and the refused rows."""
    found: list[Result | Refusal | Failure] = []
    texts, workers = [row.text for row in rows], worker_count(threads)
    for _, members, results in map_chunks_killable(task, texts, processes=workers):
        found += [results] * len(members) if isinstance(results, Failure) else results
    described, refused = list[tuple[Row, Result]](), list[Refused]()
    for row, result in zip(rows, found, strict=True):
        if isinstance(result, Refusal | Failure):
            refused.append((row.line, row.text, result.reason))
        else:
            described.append((row, result))
    return described, refused


# Names of items relative to a reference, the wild type.

NameSuffixes = Callable[[Sequence[Item]], list[str]]
"""Items -> suffixes of their names in files that number the parts of an item (proteins: `/24-286`)."""

Described = TypeVar("Described")


def variants_of(science: Domain) -> Variants:
    """The variants of a domain; an error for a domain without variants."""
    if science.variants is None:
        raise ConfigError(f"Expected no `wild_type`: {science.name} have no variants by name.")
    return science.variants


@cache
def _read(domain: str, source: str) -> Reference:
    return variants_of(domain_of(domain)).read_reference(source, 1)


def reference_of(science: Domain, source: str | Reference | None) -> Reference | None:
    """The reference of names, or None. source: its text, a file, or a reference."""
    return _read(science.name, source) if isinstance(source, str) and source else source or None


def names_of(science: Domain, source: str | Reference | None) -> VariantNames | None:
    """The names of a reference's variants; None without a reference."""
    reference = reference_of(science, source)
    return None if reference is None or science.variants is None else science.variants.names(reference)


def constraint_of(
    science: Domain, keep: Sequence[str], forbid: Sequence[str], reference: Reference | None = None,
    plausible: bool = False, known: Sequence[Item] | None = None,
) -> Callable[[Item], bool]:  # fmt: skip
    """A test of items by the domain's patterns. reference: whose variants the items are, or None. plausible: whether
    they must be plausible too, and, with known items, familiar beside these (`Moves.familiar`)."""
    moves = science.moves
    tests = [(no_patterns if moves is None else moves.constraint)(keep, forbid, reference)]
    if plausible and moves is not None:
        tests += [] if moves.plausible is None else [moves.plausible]
        tests += [] if known is None or moves.familiar is None else [moves.familiar(known)]
    return lambda item: all(test(item) for test in tests)


def check_kept(science: Domain, parts: Mapping[str, Sequence[str]], plausible: bool) -> None:
    """Raise an error for a part to keep that makes every item implausible. parts: setting -> patterns."""
    moves = science.moves
    if not plausible or moves is None:
        return
    for setting, patterns in parts.items():
        for pattern in patterns:
            if groups := moves.implausible_groups(pattern):
                raise ConfigError(
                    f"Expected a part in `{setting}` that plausible items can hold, got '{pattern}', which has "
                    f"{' and '.join(groups)}: every item with it would be left out. Pass `plausible: false`, or change "
                    "the part."
                )


def exempt_motifs(science: Domain, reference: Reference | None, forbid: Sequence[str]) -> list[str]:
    """Notes on forbidden patterns that the reference itself contains."""
    if reference is None or science.variants is None:
        return []
    return science.variants.exempt_motifs(reference, forbid)


def parse_texts(science: Domain, texts: Sequence[str], source: str | Reference | None) -> list[Item | Refusal]:
    """Parse texts to items or refusals. source: of the reference that names in texts refer to."""
    reference, parse = reference_of(science, source), science.items.parse
    if reference is None:
        return [parse(text) for text in texts]
    named = [variants_of(science).text_of(reference, text) for text in texts]
    return [one if isinstance(one, Refusal) else parse(one) for one in named]


@dataclass(frozen=True)
class ReadItems(InDomain):
    """Texts to (text, key, name) each, or a refusal; runs in the workers.

    reference: names in texts refer to it. Items that have no name relative to it are refused (proteins of another
    length). Without a reference, names are empty.
    """

    reference: Reference | None = None

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, str, str] | Refusal]:
        domain = domain_of(self.domain)
        parsed = parse_texts(domain, texts, self.reference)
        found = [(item, self._name(domain, item)) for item in parsed]
        return [
            name if isinstance(name, Refusal) else (domain.items.text(item), domain.items.key(item), name)
            for item, name in found
        ]

    def _name(self, domain: Domain, item: Item | Refusal) -> str | Refusal:
        if isinstance(item, Refusal):
            return item
        return "" if self.reference is None else variants_of(domain).name_of(self.reference, item)


def read_rows_of(
    science: Domain, path: Path, column: str | None, source: str | Reference | None, whole: bool = False
) -> Iterator[Row]:
    """Read the rows of a file. With a reference, a table's column of names is preferred to its column of items, except
    to the column `item` of sciencegen's own tables, because a name depends on the numbering. whole: as in
    `read_table`."""
    reference_of(science, source)  # a wrong one is an error before any row is read
    if source and file_of(path).name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, source), column, whole)
    return science.items.rows(path, column)


@dataclass(frozen=True)
class NameConflicts:
    """Conflicts in rows that hold an item and a name. refused: rows whose name is that of another item; notes: messages
    about names that are no variant."""

    refused: list[Refused]
    notes: list[str]

    def agreeing(self, pairs: Sequence[tuple[Row, Described]]) -> list[tuple[Row, Described]]:
        """The pairs of rows that are not refused."""
        lines = {line for line, _, _ in self.refused}
        return [pair for pair in pairs if pair[0].line not in lines]


def name_conflicts(names: VariantNames | None, rows: Sequence[tuple[Row, str]]) -> NameConflicts:
    """Find rows of a table whose name and item differ: columns that were shifted relative to each other in a
    spreadsheet make every row wrong. rows: (row with all cells, item). names: of the reference, or None."""
    if names is None:
        return NameConflicts([], [])
    refused, strange = [], 0
    for row, item in rows:
        for column, cell in row.cells.items():
            if column.strip().lower() not in VARIANT_COLUMNS or not isinstance(cell, str) or not cell:
                continue
            found = names.read(cell)
            if isinstance(found, Refusal):
                strange += bool(names.places([cell]))
            elif found[1] != item:
                own = names.read(item)
                named = "no variant of the wild type" if isinstance(own, Refusal) else printable(own[0])
                reason = f"the item is {named}, its '{column}' says {printable(cell)}: correct one of them, or empty it"
                refused.append((row.line, row.text, reason))
                break
    note = f"{strange} names beside an item name no variant of the wild type: the item counts, they are not read"
    return NameConflicts(refused, [note] if strange else [])


def name_column(reference: Reference | None) -> str:
    """The column of names in sciencegen's own tables, "" without a reference."""
    return "" if reference is None else NAME_COLUMN


def columns_of(science: Domain, source: object) -> tuple[str, ...]:
    """Accepted names of the column of items, most preferred first. source: true if items may be given by name."""
    first, *others = science.items.columns
    return (first, *VARIANT_COLUMNS, *others, NAMES_OR_COUNTS) if source else science.items.columns


@dataclass
class Numbering:
    """Collects, chunk by chunk, how rows fit a reference's numbering; nothing without a reference.

    names: of the reference, or None. refused: number of refused rows; fitted: number of rows that were read by name.
    """

    names: VariantNames | None
    places: set[str] = field(default_factory=set)
    refused: int = 0
    fitted: int = 0

    def look(self, texts: Sequence[str], good: Sequence[str], refused: int) -> None:
        """Add a chunk. texts: of all rows; good: of those that were read. refused: number of the others."""
        self.refused += refused
        if self.names is not None:
            self.places |= self.names.places(texts)
            self.fitted += sum(bool(self.names.places([text])) for text in good)

    @property
    def hint(self) -> str:
        """The change of numbering that would make refused rows fit, "" if there is none."""
        return self.names.hint(self.places) if self.refused and self.names is not None else ""

    def hinted(self, refused: Sequence[Refused]) -> list[Refused]:
        """Add the hint to the reasons of refused rows."""
        hint = self.hint
        return [(line, text, f"{reason}; {hint}" if hint else reason) for line, text, reason in refused]

    @property
    def notes(self) -> list[str]:
        """A note with the hint and the remedy. If fewer rows fitted than were refused, it says that they may fit by
        chance."""
        if self.names is None or not (hint := self.hint):
            return []
        by_chance = 0 < self.fitted < self.refused
        chance = f". The {self.fitted} rows that fitted may have done so by chance" if by_chance else ""
        return [f"{self.refused} rows were refused, and their {hint}. {self.names.remedy}{chance}"]


# Items as aligned letters, in domains that draw them as letters.

WIDTH, HEIGHT = 220, 160
"""Size of a picture in a table, in pixels."""


def unit_of(science: Domain, name: str) -> str:
    """The unit of a property, "" for other columns."""
    return science.properties[name].unit if name in science.properties else ""


def letters_of(science: Domain) -> Letters | None:
    """The domain's `Letters`, None for a domain without letters."""
    return None if science.pictures is None else science.pictures.letters


def align(science: Domain, texts: Sequence[str], reference: ReferenceLike | None) -> Sites | None:
    """Align items in columns; None without items or letters."""
    letters = letters_of(science)
    return None if letters is None or not texts else letters.align(texts, reference)


def picture(science: Domain, item: Item, reference: ReferenceLike | None) -> str:
    """A picture of an item, with changes relative to the reference if there is one."""
    letters = letters_of(science)
    if letters is None or reference is None:
        return science.render(item, WIDTH, HEIGHT)
    return letters.render_against(item, reference, WIDTH, HEIGHT)


# Notes on parts of rows that reading an item leaves out, such as the salt of a molecule.

SHOWN = 5
"""Number of lines that a note lists."""


@dataclass(frozen=True)
class LeftOut:
    """Counts the rows of which `ItemIO.left_out` names a part, and keeps their first lines."""

    science: Domain
    lines: dict[str, list[int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def look(self, rows: Sequence[Row]) -> None:
        """Count these rows, which are items."""
        for row in rows:
            if what := self.science.items.left_out(row.text):
                self.counts[what] = self.counts.get(what, 0) + 1
                self.lines[what] = [*self.lines.get(what, ()), row.line][:SHOWN]

    @property
    def notes(self) -> list[str]:
        return [
            f"{count} rows hold {what}: line {', '.join(map(str, self.lines[what]))}{' ...' * (count > SHOWN)}"
            for what, count in self.counts.items()
        ]
