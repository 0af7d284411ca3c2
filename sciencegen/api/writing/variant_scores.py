"""Scores of variants, and their heat map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.letters import letters_of
from sciencegen.api.writing.results import Scored
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, DataError
from sciencegen.report.heat_map_content import SCORE, of_variants

if TYPE_CHECKING:  # matplotlib takes most of a second to import
    from sciencegen.figures.style import Figure


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
        from sciencegen.report.figures.sites import heat_map_figure

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
