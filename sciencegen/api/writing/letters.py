"""Results of items that are letters in columns: scores of variants, and sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sciencegen.api.science.forms import domain_of, plain_name
from sciencegen.api.science.naming import letters_of
from sciencegen.api.writing.results import Scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, SidecarFile, check_ending, open_output
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.report.letters import SCORE, of_variants

if TYPE_CHECKING:
    from sciencegen.figures.style import Figure


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
        found = of_variants(letters, table, lambda name: unit_of(science, name), {}, column)
        if not found:
            raise DataError("Expected scores of single changes such as A42G, found none. Score `all-singles`.")
        return heat_map_figure(found[0])


def unit_of(science: Domain, name: str) -> str:
    """The unit of a property or of the variants' scores."""
    if name == SCORE:
        return "" if science.variants is None else science.variants.unit
    return science.properties[name].unit if name in science.properties else ""


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
