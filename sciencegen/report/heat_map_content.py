"""Heat maps of named single changes, and of measured items by their letters at each site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.items import NAME_COLUMN, Cell, Direction
from sciencegen.report.letters import Letters, letters_at
from sciencegen.report.site_content import HeatMap
from sciencegen.report.sites import Change, Sites

SCORE = "score"

WILD_TYPE = "the wild type"


def of_variants(
    letters: Letters, table: Mapping[str, Sequence[Cell]], unit_of: Callable[[str], str],
    directions: Mapping[str, Direction], name: str | None = None,
) -> list[HeatMap]:  # fmt: skip
    """The single changes of a table with columns of names and a predicted property or, without one, `score`. name: of
    the column of values, instead of these.

    The centre of the colours is the wild type: 0 for a score, and the value of the row `WT` for a property. Without
    that row, it is 0 if there are values on both sides of 0, else the median.
    """
    name = name or next((one for one in table if f"{one}_lower" in table and f"{one}_upper" in table), SCORE)
    if NAME_COLUMN not in table or name not in table:
        return []
    values = np.asarray(table[name], float)
    named = letters.changes([_text(cell) for cell in table[NAME_COLUMN]])
    singles = {index: one[0] for index, one in enumerate(named) if one is not None and len(one) == 1}
    whole = [index for index, one in enumerate(named) if one == ()]
    if not any(np.isfinite(values[index]) for index in singles):
        return []
    centre, centre_name = (float(values[whole[0]]), WILD_TYPE) if whole else _centre(name, values)
    there = {change.site: change.reference for change in singles.values()}
    columns = sorted(there)
    rows = list(dict.fromkeys([*letters.alphabet, *(change.letter for change in singles.values())]))
    return [
        HeatMap(
            name, rows, [str(site) for site in columns], [there[site] for site in columns],
            *_cells(singles, rows, columns, values, [_aside(table, name, index) for index in range(len(values))]),
            unit=unit_of(name), centre=centre, centre_name=centre_name,
            direction=directions.get(name, "maximize"),
        )
    ]  # fmt: skip


def _centre(name: str, values: Float[np.ndarray, " name"]) -> tuple[float, str]:
    if name == SCORE:
        return 0.0, WILD_TYPE
    return (0.0, "") if np.nanmin(values) < 0 < np.nanmax(values) else (float(np.nanmedian(values)), "the median")


def _text(name: Cell) -> str:
    """A name as read from a table; "" for an empty cell, which is NaN there."""
    return name if isinstance(name, str) else ""


def _cells(
    singles: Mapping[int, Change],
    rows: Sequence[str],
    columns: Sequence[int],
    values: Float[np.ndarray, " name"],
    asides: Sequence[str],
) -> tuple[list[list[float]], list[list[str]]]:
    """Values and their asides, each [row column]."""
    cells, asides_by_cell = np.full((len(rows), len(columns)), np.nan), [[""] * len(columns) for _ in rows]
    row_of, column_of = ({one: place for place, one in enumerate(names)} for names in (rows, columns))
    for index, change in singles.items():
        row, column = row_of[change.letter], column_of[change.site]
        cells[row, column], asides_by_cell[row][column] = values[index], asides[index]
    return cells.tolist(), asides_by_cell


def _aside(table: Mapping[str, Sequence[Cell]], name: str, index: int) -> str:
    """The uncertainty of a value, as text."""
    if f"{name}_lower" in table:
        return f"({table[f'{name}_lower'][index]:.3g} to {table[f'{name}_upper'][index]:.3g})"
    deviation = table[f"{name}_sd"][index] if f"{name}_sd" in table else np.nan
    return f"± {deviation:.2g}" if deviation == deviation else ""


def of_items(letters: Letters, sites: Sites, values: Sequence[float], name: str, direction: Direction) -> list[HeatMap]:
    """The mean value of the items that have a letter at a site, for sites that vary. The centre of the colours is the
    wild type's value if it was measured, else the mean of all."""
    laid = [index for index, row in enumerate(sites.rows) if row is not None]
    if len(laid) < 2:
        return []
    there, known, rows = letters_at(sites, laid), np.asarray(values, float)[laid], letters.alphabet
    columns = np.flatnonzero((there != there[:1]).any(0)).tolist()
    if not columns:
        return []
    has = np.stack([there[:, columns] == letter for letter in rows])  # [letter item column]
    counts = has.sum(1)
    means = np.einsum("lic,i->lc", has, known) / np.where(counts, counts, np.nan)
    wild = [value for index, value in zip(laid, known.tolist(), strict=True) if sites.rows[index] == sites.reference]
    return [
        HeatMap(
            f"mean {name}", rows, [sites.columns[at] for at in columns],
            [sites.reference[at] if sites.reference else "" for at in columns], means.tolist(),
            [[f"(of {count})" for count in row] for row in counts.tolist()],
            centre=wild[0] if wild else float(known.mean()), direction=direction,
            centre_name=WILD_TYPE if wild else "the mean of all",
            note=f"Means over those of the {len(laid)} measured items that have the letter there, whatever else.",
        )
    ]  # fmt: skip
