"""Pictures of items that a domain aligns in columns: compared with a reference, and as a logo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.items import Item, Reference
from sciencegen.report.site_content import Logo
from sciencegen.report.sites import Change, Sites

MOST_COLUMNS = 60
"""A logo of up to this many sites may show all of them; with more, only those that vary."""


@dataclass(frozen=True, kw_only=True)
class Letters:
    """Items that are letters in columns, for logos and heat maps.

    Parameters
    ----------
    classes : mapping
        Name of a class -> its letters, with similar ones together, in the order of pictures.
    align : (texts, reference) -> Sites or None
        None if the items can't be aligned.
    changes : (names) -> list of tuple of Change or None
        Changes of each name of a variant; () for the reference itself, None for an invalid name.
    render_against : (item, reference, width, height) -> str
        A picture of an item that shows the differences from a reference.
    """

    classes: Mapping[str, str]
    align: Callable[[Sequence[str], Reference | None], Sites | None]
    changes: Callable[[Sequence[str]], list[tuple[Change, ...] | None]]
    render_against: Callable[[Item, Reference, int, int], str]

    @property
    def alphabet(self) -> str:
        """All letters, in the order of pictures."""
        return "".join(self.classes.values())


def changes_of(sites: Sites, row: str | None) -> str:
    """The changes of a row from the reference, "" if either is unknown."""
    if row is None or not sites.reference:
        return ""
    triples = zip(sites.reference, sites.columns, row, strict=True)
    return ":".join(f"{there}{site}{letter}" for there, site, letter in triples if there != letter) or "WT"


def letters_at(sites: Sites, laid: Sequence[int]) -> np.ndarray:
    """[item column] of one letter each."""
    return np.array([list(str(sites.rows[index])) for index in laid])


def logo_of(
    letters: Letters,
    sites: Sites,
    groups: Mapping[str, Sequence[int]],
    weights: Float[np.ndarray, " item"] | None = None,
) -> Logo | None:
    """groups: name -> rows of `sites`; the first group decides which sites are shown. weights: of all rows."""
    rows = {name: [one for one in chosen if sites.rows[one] is not None] for name, chosen in groups.items()}
    rows = {name: laid for name, laid in rows.items() if laid}
    if not rows or next(iter(rows)) != next(iter(groups)):
        return None
    columns, note = _shown(sites, rows)
    if not len(columns):
        return None
    counts = {}
    for name, laid in rows.items():
        weight = np.ones(len(laid)) if weights is None else weights[laid]
        there = letters_at(sites, laid)[:, columns]
        counts[name] = np.stack([(there == letter).T @ weight for letter in letters.alphabet], 1).tolist()
    reference = [sites.reference[at] for at in columns.tolist()] if sites.reference else []
    return Logo(
        letters.alphabet, [sites.columns[at] for at in columns.tolist()], counts, reference, letters.classes, note
    )


def _shown(sites: Sites, rows: Mapping[str, Sequence[int]]) -> tuple[np.ndarray, str]:
    """The columns to draw, and a note if not all: for long items those in which the first group varies; otherwise those
    in which any group varies, if these are at most half."""
    first, everything = next(iter(rows)), [one for laid in rows.values() for one in laid]
    total, vary = len(sites.columns), np.flatnonzero(_varied(sites, everything))
    if total > MOST_COLUMNS:
        vary = np.flatnonzero(_varied(sites, rows[first]))
        return vary, f"The {len(vary)} of {total} sites in which the {first} vary."
    if len(vary) <= total / 2:
        return vary, f"The {len(vary)} of {total} sites in which anything varies."
    return np.arange(total), ""


def _varied(sites: Sites, laid: Sequence[int]) -> Bool[np.ndarray, " column"]:
    """Sites at which these rows differ from the reference, or from each other."""
    letters = letters_at(sites, laid)
    first = np.array(list(sites.reference)) if sites.reference else letters[0]
    return (letters != first).any(0)
