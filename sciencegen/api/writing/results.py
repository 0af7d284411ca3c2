"""Results of the public verbs: a table with notes and a summary, which can write the command's files."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sciencegen.api.science import align, domain_of, letters_of, plain_name, reference_of, unit_of
from sciencegen.api.scores import ScoredChunk
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, SidecarFile, check_ending, open_output
from sciencegen.data.writers import WRITTEN_TABLES, Refused, write_table
from sciencegen.domains.base import Domain
from sciencegen.domains.given import item_texts, object_of
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write, claim_output, reserved
from sciencegen.items import Cell, Refusal
from sciencegen.records import notes_html, table_html, values_html
from sciencegen.report.letters import SCORE, heights, logo_of, of_variants

if TYPE_CHECKING:
    import pandas as pd

    from sciencegen.figures.style import Figure


# Results as HTML for notebooks: a short table with pictures of the items.

ITEM, REFUSED = "item", "refused"
MOST_ROWS, MOST_COLUMNS = 12, 24
WIDTH, HEIGHT = 150, 110
"""Pixels of a picture in a table."""
ITEM_WIDTH, ITEM_HEIGHT = 320, 240
"""Pixels of the picture of a single item."""
FRAME = 'style="background:white;padding:2px;text-align:center"'
"""Pictures are drawn for a white page."""


def result_html(table: pd.DataFrame, notes: Sequence[str] = (), domain: Domain | None = None) -> str:
    """The first rows of a table, and the notes. domain: of the items in the column `item`, which are drawn."""
    shown = table.iloc[:MOST_ROWS, :MOST_COLUMNS]
    columns = {str(name): shown.iloc[:, place].tolist() for place, name in enumerate(shown.columns)}
    pictures = [] if domain is None or ITEM not in columns else _pictures(domain, columns)
    beside = [f"<td {FRAME}>{picture}</td>" for picture in pictures]
    size = f"<p>{len(table)} rows, {len(table.columns)} columns</p>" if table.shape != shown.shape else ""
    return f"<div>{table_html(columns, beside)}{size}{notes_html(notes)}</div>"


def _pictures(domain: Domain, columns: Mapping[str, Sequence[Cell]]) -> list[str]:
    """A picture for each row, "" for a refused one: a text that was refused may be too much for a parser."""
    refused = columns.get(REFUSED, [None] * len(columns[ITEM]))
    rows = zip(columns[ITEM], refused, strict=True)
    return [
        item_picture(domain, text, WIDTH, HEIGHT) if isinstance(text, str) and _is_missing(why) else ""
        for text, why in rows
    ]


def item_picture(domain: Domain, text: str, width: int = ITEM_WIDTH, height: int = ITEM_HEIGHT) -> str:
    """The picture of an item, "" for a text that is none."""
    item = domain.items.parse(text)
    return "" if isinstance(item, Refusal) else domain.render(item, width, height)


def _is_missing(cell: Cell) -> bool:
    return cell is None or cell != cell


# A structure of a result that can be turned in a notebook.

VIEWED = (".sdf", ".pdb")
"""Formats of files that `Structures.records` reads and 3Dmol.js draws."""
VIEWER_WIDTH, VIEWER_HEIGHT = 480, 360


@dataclass(frozen=True)
class View:
    """A page with a structure, which notebooks show. It needs no network.

    Parameters
    ----------
    page : str
        HTML, with 3Dmol.js (half a megabyte).
    """

    page: str = field(repr=False)

    def _repr_html_(self) -> str:
        frame = f'width="{VIEWER_WIDTH}" height="{VIEWER_HEIGHT}" style="border:0"'
        return f'<iframe sandbox="allow-scripts" {frame} srcdoc="{escape(self.page)}"></iframe>'

    def write(self, path: str | Path) -> Path:
        """Write the page to a file, for a browser; its name must end in .html."""
        if Path(path).suffix.lower() != ".html":
            raise ConfigError(f"Expected a file's name that ends in .html, got {path}.")
        with atomic_write(Path(path)) as temporary:
            temporary.write(self.page)
        return Path(path)


def view_of(science: Domain, text: str) -> View:
    """The structure of an item; an error for an item without coordinates."""
    from sciencegen.report.page import viewer_page

    parts, endings = science.structures, [one for one in VIEWED if one in science.items.formats]
    if parts is None or parts.records is None or not endings:
        raise ConfigError(f"Expected items with coordinates, {science.name} has none.")
    item = science.items.parse(text)
    if isinstance(item, Refusal):
        raise DataError(f"Expected an item, got '{text[:60]}': {item.reason}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"item{endings[0]}"
        science.items.write(path, [item], ["item"], {}, None)
        kind, records = parts.records(path)
        record = next(iter(records), "")
    if not record:
        raise DataError("Expected an item with coordinates, got one without. Compute its structure first (`complete`).")
    return View(viewer_page(record, kind, parts.style, science.name))


# One item of a result, as notebooks show it: its picture, or its structure that can be turned, beside its values.


@dataclass(frozen=True)
class ShownItem:
    """An item and the values of its row.

    Parameters
    ----------
    text : str
        The item as in files, "" for a row without one.
    values : mapping
        The other cells of the row, by column.
    domain : str
        The domain or form of the item.

    Examples
    --------
    >>> import sciencegen as sg
    >>> one = sg.score("molecules", ["CCO", "CC"], "hbd", threads=1).show(1)
    >>> one.text, one.values["hbd"]
    ('CC', 0.0)
    >>> "<svg" in one._repr_html_()
    True
    """

    text: str
    values: Mapping[str, Cell]
    domain: str = field(repr=False)

    def _repr_html_(self) -> str:
        picture, values = self._picture(), {ITEM: self.text, **self.values}
        drawn = f"<div {FRAME}>{picture}</div>" if picture else ""
        return f'<div style="display:flex;align-items:flex-start;gap:1em">{drawn}{values_html(values)}</div>'

    def _picture(self) -> str:
        """Forms whose items have coordinates are shown in 3D; a refused row has no picture."""
        science, refused = domain_of(self.domain), self.values.get(REFUSED)
        if not self.text or isinstance(refused, str):
            return ""
        if science.structures is not None and science.name != plain_name(science.name):
            return view_of(science, self.text)._repr_html_()
        return item_picture(science, self.text)


def item_of(table: pd.DataFrame, row: int, domain: str) -> ShownItem:
    """The item of a row, from 0; an error for rows of other things than items, and for a row beyond the table."""
    if not domain or ITEM not in table:
        raise ConfigError("Expected a result with the column `item`, got one of other rows.")
    if not -len(table) <= row < len(table):
        raise ConfigError(f"Expected a row from 0 to {len(table) - 1}, got {row}.")
    cells = {str(name): table[name].iloc[row] for name in table.columns}
    text = cells.pop(ITEM)
    plain = {name: cell.item() if isinstance(cell, np.generic) else cell for name, cell in cells.items()}
    return ShownItem(text if isinstance(text, str) else "", plain, domain)


# The sequence logo of items that are letters in columns.

GROUP = "items"


def logo_of_texts(domain: str, cells: Sequence[Cell], wild_type: str | None) -> Figure:
    """The logo of the texts among the cells. wild_type: of the columns, as text or a file."""
    from sciencegen.report.letters import logo_figure

    science = domain_of(domain) if domain else None
    letters = None if science is None else letters_of(science)
    if science is None or letters is None:
        raise ConfigError(f"Expected items that are letters in columns (proteins), got {domain or 'other rows'}.")
    texts = [text for text in cells if isinstance(text, str) and text]
    sites = align(science, texts, reference_of(science, wild_type))
    found = None if sites is None else logo_of(letters, sites, {GROUP: range(len(texts))})
    if found is None:
        raise DataError(
            f"Expected items that can be aligned and that differ, got {len(texts)} that can't. Sequences must have one "
            "length, that of `wild_type` if there is one."
        )
    if not heights(np.asarray(found.counts[GROUP])).any():
        raise DataError(
            f"Expected more items for a logo, got {len(texts)}: in no column do their letters hold more information "
            "than the correction for few items takes away. Draw more."
        )
    return logo_figure(found)


@dataclass(frozen=True)
class Result:
    r"""A table of items with a summary and notes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each item.
    summary : mapping
        Counts and settings, as the command prints them.
    notes : tuple of str
        Messages about things that a user may not expect.
    domain : str
        The domain or form of the items in the column `item`, "" where the rows are no items. Notebooks draw them.
    fewer : str
        Why there are fewer items than requested, and what to do, "" if all are there. A command that finds fewer ends
        with exit code 5.

    Until version 0.4 a result can be used like its table (`result["item"]`, `len(result)`), with a warning.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.score("molecules", "CCO", "hbd", threads=1)
    >>> found.summary
    {'scored': 1, 'refused': 0, 'failed_scores': 0, 'ledger': {'rows': 1, 'scored': 1}}
    >>> found.write("scores.csv").read_text()
    'item,line,hbd\nCCO,1,1\n'
    """

    table: pd.DataFrame
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    writer: Callable[[Path, bool], None] | None = field(default=None, repr=False)
    domain: str = field(default="", repr=False, kw_only=True)
    fewer: str = field(default="", repr=False, kw_only=True)

    def objects(self) -> list[object | None]:
        """The items as new objects of the science's libraries, such as RDKit molecules.

        Returns
        -------
        list of object or None
            One for each row; None for an item that can't be read.

        Raises
        ------
        ConfigError
            For a result whose rows are no items.

        Examples
        --------
        >>> import sciencegen as sg
        >>> [molecule.GetNumAtoms() for molecule in sg.score("molecules", ["CCO", "CC"], "hbd", threads=1).objects()]
        [3, 2]
        """
        if not self.domain:
            raise ConfigError("Expected a result with a row for each item, got one of other rows. Use its `table`.")
        science = domain_of(self.domain)
        rows = self.table if science.cells is not None else self.table[[ITEM]]
        return [object_of(science, science.items.parse(text)) for text in item_texts(science, rows)]

    def show(self, row: int = 0) -> ShownItem:
        """One item with the values of its row. Notebooks show its picture, or turn its structure in 3D.

        Parameters
        ----------
        row : int
            Of the table, from 0; negative from its end.

        Returns
        -------
        ShownItem

        Raises
        ------
        ConfigError
            For a result whose rows are no items, and for a row beyond the table.
        """
        return item_of(self.table, row, self.domain)

    def view(self, row: int = 0) -> View:
        """The structure of an item in 3D, which can be turned in a notebook or, by its `write`, in a browser.

        Parameters
        ----------
        row : int
            Of the table, from 0.

        Returns
        -------
        View

        Raises
        ------
        ConfigError
            For items without coordinates, and for a row beyond the table.
        DataError
            For a row that holds no item, or one without coordinates.
        """
        shown = self.show(row)
        return view_of(domain_of(shown.domain), shown.text)

    def plot_logo(self, wild_type: str | None = None) -> Figure:
        """The sequence logo of the items, which must have letters in columns (proteins).

        Parameters
        ----------
        wild_type : str, optional
            The sequence that numbers the columns, or its file. By default items of the most frequent length are used,
            with columns from 1.

        Returns
        -------
        matplotlib.figure.Figure
            Heights are bits of information [1]_; of long items, only columns that vary are drawn. Save it by `savefig`.

        Raises
        ------
        ConfigError
            For items without letters.
        DataError
            For items that can't be aligned, that are all equal, or that are too few.

        References
        ----------
        .. [1] Schneider and Stephens, "Sequence logos: a new way to display consensus sequences", Nucleic Acids
           Research 18, 1990.

        Examples
        --------
        >>> import sciencegen as sg
        >>> found = sg.score("proteins", ["MKVLAT", "MKILAS", "MRVLAT", "MKVLAS", "MKVIAT"], "length", threads=1)
        >>> found.plot_logo().axes[0].get_ylabel()
        'bits'
        """
        return logo_of_texts(self.domain, [] if ITEM not in self.table else self.table[ITEM].tolist(), wild_type)

    def _repr_html_(self) -> str:
        return result_html(self.table, self.notes, domain_of(self.domain) if self.domain else None)

    def write(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the command's output, with provenance.

        Parameters
        ----------
        path : str or Path
            Its ending chooses the format: a table (.csv, .parquet), lines or one of the domain's own formats.
        overwrite : bool
            Whether to replace an existing file.

        Returns
        -------
        Path

        Raises
        ------
        ConfigError
            For an ending that the domain can't write, or an existing file.
        """
        with reserved(path):
            claim_output(str(path), overwrite)
            if self.writer is None:
                write_table(path, {str(name): column.tolist() for name, column in self.table.items()})
            else:
                self.writer(Path(path), overwrite)
        return Path(path)

    def __getitem__(self, key: Any) -> Any:
        return self._with_warning()[key]

    def __len__(self) -> int:
        return len(self._with_warning())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._with_warning())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._with_warning(), name)

    def _with_warning(self) -> Any:
        earlier = self._earlier()
        what = "metrics" if isinstance(earlier, Mapping) else "table"
        warnings.warn(
            f"use the result's `.{what}`: from version 0.4 on the result itself can't be used as one",
            FutureWarning,
            stacklevel=3,
        )
        return earlier

    def _earlier(self) -> Any:
        """The object that the verb returned in version 0.1."""
        return self.table


@dataclass(frozen=True)
class Scored(Result):
    """A table of scores.

    Parameters
    ----------
    refused : tuple of (line, item, reason)
        Rows that hold no item, and scores that failed.
    """

    refused: tuple[Refused, ...] = ()


class Scores(Protocol):
    """Items or variants that are scored chunk by chunk; `notes` and `summary` are complete after the last chunk."""

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def __iter__(self) -> Iterator[ScoredChunk]: ...

    def summary(self) -> dict[str, Any]: ...


def scored(
    scores: Scores, writer: Callable[[str, bool], OutputWriter], given: Sequence[str] | None = None, domain: str = ""
) -> Scored:
    """Score all chunks. writer: makes a writer from output and `overwrite`. given: as in `scored_table`. domain: as in
    `Result`."""
    chunks = list(scores)
    refused = tuple(row for chunk in chunks for row in chunk.refused)

    def write(path: Path, overwrite: bool) -> None:
        write_chunks(writer(str(path), overwrite), chunks)

    table = scored_table(scores.columns, chunks, given)
    return Scored(table, scores.summary(), tuple(scores.notes), write, refused, domain=domain)


def scored_table(
    columns: Sequence[str], chunks: Sequence[ScoredChunk], given: Sequence[str] | None = None
) -> pd.DataFrame:
    """The scores as a table. given: texts, each of which gets a row, empty except for the reason if it was refused; the
    column `line`, for rows of files, is left out then."""
    import pandas as pd

    table = pd.DataFrame({name: [cell for chunk in chunks for cell in chunk.values[name]] for name in columns})
    if given is None:
        return table
    refused = {line: reason for chunk in chunks for line, _, reason in chunk.refused}
    table = table.set_index("line").reindex(range(1, len(given) + 1))
    table["item"] = [text if pd.isna(item) else item for item, text in zip(table["item"], given, strict=True)]
    table["refused"] = [refused.get(line) for line in table.index]
    return table.reset_index(drop=True)


def write_chunks(
    writer: OutputWriter, chunks: Iterable[ScoredChunk], advance: Callable[[int], None] = lambda rows: None
) -> None:
    """Write rows to an output, and refusals to a file beside it; an output without rows is removed.

    advance: called with the number of rows written.
    """
    written = 0
    with writer:
        for chunk in chunks:
            writer.write(chunk.values)
            writer.reject(chunk.refused)
            written += (rows := len(next(iter(chunk.values.values()), ())))
            advance(rows)
        if not written:
            writer.give_up()


# Scores of variants, and their heat map.


@dataclass(frozen=True)
class VariantScores(Scored):
    """A table of scores of variants.

    Parameters
    ----------
    variants_of : str
        The domain.
    """

    variants_of: str = ""

    def plot_heatmap(self, column: str = SCORE) -> Figure:
        """The scores of single changes, position by letter.

        Parameters
        ----------
        column : str
            "score", or the name of a predictor.

        Returns
        -------
        matplotlib.figure.Figure
            Dots are the letters of the wild type; cells without a score are white. Save it by `savefig`.

        Raises
        ------
        ConfigError
            For a column that the table doesn't have.
        DataError
            Without scores of single changes.
        """
        from sciencegen.report.letters import heat_map_figure

        science, table = domain_of(self.variants_of), {str(name): cells.tolist() for name, cells in self.table.items()}
        letters = letters_of(science)
        if column not in table or letters is None:
            raise ConfigError(f"Expected a column of scores among {', '.join(table)}, got '{column}'.")
        found = of_variants(letters, table, lambda name: score_unit(science, name), {}, column)
        if not found:
            raise DataError("Expected scores of single changes such as A42G, found none. Score `all-singles`.")
        return heat_map_figure(found[0])


def score_unit(science: Domain, name: str) -> str:
    """The unit of the variants' scores or of a property."""
    if name == SCORE:
        return "" if science.variants is None else science.variants.unit
    return unit_of(science, name)


# Outputs of items with sequences: the items in tables and files of their form, or the sequences alone.

SEQUENCE = "sequence"
"""The column of sequences that were drawn for items."""


def claim_sequences(domain: str, output: str, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise an error for an output of `open_sequences` that can't be written. inputs: files that must not be
    replaced."""
    science = domain_of(domain)
    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        formats = domain_of(plain_name(domain)).items.formats
        if _of_plain_domain(domain, output):
            check_ending(plain_name(domain), "`output`", output)
        else:
            check_ending(domain, "`output`", output, (*WRITTEN_TABLES[:3], formats[0]))
    elif science.sidecar is not None:
        SidecarFile(science, science.sidecar, output, overwrite).claim(inputs)


def open_sequences(domain: str, output: str, columns: Sequence[str], options: OutputOptions) -> OutputWriter:
    """The writer of items of a form in tables and files of the form, or of their column `sequence` in files of the
    plain domain."""
    if not _of_plain_domain(domain, output):
        return open_output(domain, output, columns, options)
    others = [one for one in columns if one != SEQUENCE]
    return open_output(plain_name(domain), output, others, options).with_items_of(SEQUENCE)


def _of_plain_domain(domain: str, output: str) -> bool:
    """Whether a file has an ending of the plain domain's and not of the form's."""
    formats, plain = domain_of(domain).items.formats, domain_of(plain_name(domain)).items.formats
    return output.lower().endswith(tuple({*plain} - {*formats} - {*WRITTEN_TABLES}))
