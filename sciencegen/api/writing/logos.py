"""The sequence logo of items that are letters in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.letters import align, letters_of
from sciencegen.api.science.naming import reference_of
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell
from sciencegen.report.letters import logo_of
from sciencegen.report.logo import heights

if TYPE_CHECKING:  # matplotlib takes most of a second to import
    from sciencegen.figures.style import Figure

GROUP = "items"


def logo_of_texts(domain: str, cells: Sequence[Cell], wild_type: str | None) -> Figure:
    """The logo of the texts among the cells. wild_type: of the columns, as text or a file."""
    from sciencegen.report.figures.sites import logo_figure

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
