"""Results of the public verbs: a table with notes and a summary, which can write the command's files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sciencegen.api.science.forms import domain_of
from sciencegen.api.scores.rows import ScoredChunk
from sciencegen.api.writing.logos import logo_of_texts
from sciencegen.api.writing.notebook import ITEM, result_html
from sciencegen.api.writing.shown_item import ShownItem, item_of
from sciencegen.api.writing.viewer import View, view_of
from sciencegen.api.writing.writer import OutputWriter
from sciencegen.data.writers import Refused
from sciencegen.domains.given import item_texts, objects_of
from sciencegen.errors import ConfigError
from sciencegen.files import claim_output
from sciencegen.locks import reserved

if TYPE_CHECKING:  # they take most of a second to import
    import pandas as pd

    from sciencegen.figures.style import Figure


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

    Until version 0.4 a result can be used like its table (`result["item"]`, `len(result)`), with a warning.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.score("molecules", "CCO", "hbd", threads=1)
    >>> found.summary
    {'scored': 1, 'refused': 0, 'failed_scores': 0}
    >>> found.write("scores.csv").read_text()
    'item,line,hbd\nCCO,1,1\n'
    """

    table: pd.DataFrame
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    writer: Callable[[Path, bool], None] | None = field(default=None, repr=False)
    domain: str = field(default="", repr=False, kw_only=True)

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
        return objects_of(science, item_texts(science, rows))

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
            For items without coordinates.
        DataError
            For a row that holds no item, or one without coordinates.
        """
        if not self.domain or ITEM not in self.table:
            raise ConfigError("Expected a result with the column `item`, got one of other rows.")
        return view_of(domain_of(self.domain), str(self.table[ITEM].iloc[row]))

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
            assert self.writer is not None  # every verb gives one
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
