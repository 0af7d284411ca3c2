"""Layouts of microplates: which item of a batch is in which well of which plate.

    wells of a plate = stated wells (of controls, or empty) + balanced wells of controls + wells of items

Items fill their wells row by row or column by column. Replicates are blocks: each holds every item once, the first in
the order of picking, the others in random order (a randomized block design), so that the copies of an item don't share
what is particular to a row or a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from sciencegen.errors import ConfigError

SIZES = {96: (8, 12), 384: (16, 24)}
"""Number of wells -> rows and columns (ANSI SLAS 4-2004)."""
FILLS = ("rows", "columns", "random")
Well = tuple[int, int]
"""Row and column, from 0."""
GOLDEN = 0.6180339887498949
"""The golden ratio - 1: its multiples, modulo 1, fill an interval evenly."""


@dataclass(frozen=True)
class LayoutSettings:
    """How a batch is laid out.

    Parameters
    ----------
    size : int
        Wells of a plate, a key of `SIZES`.
    fill : str
        A name in `FILLS`; "random" fills rows with the items in random order.
    edges : bool
        Whether items and balanced controls may be in the outermost rows and columns. Stated wells may always.
    replicates : int
        Wells of each item, controls excepted.
    control_copies : int
        Wells on each plate of each control that has no stated wells.
    """

    size: int = 96
    fill: str = "rows"
    edges: bool = True
    replicates: int = 1
    control_copies: int = 1


@dataclass(frozen=True)
class Placement:
    """A well that is used. plate: from 1. item: its place in the batch. copy: number of the item's well, from 1."""

    plate: int
    well: Well
    item: int
    copy: int


@dataclass(frozen=True)
class PlateWells:
    """The wells of each plate. controls: (well, number of the control). items: for the items, in the order of filling.

    Examples
    --------
    >>> wells = plate_wells(LayoutSettings(96, edges=False), controls=1, stated={(0, 0): 0})
    >>> len(wells.items), wells.controls, well_name(wells.items[0])
    (60, [((0, 0), 0)], 'B2')
    """

    controls: list[tuple[Well, int]]
    items: list[Well]


def well_name(well: Well) -> str:
    """The name of a well, such as A1.

    Examples
    --------
    >>> well_name((0, 0)), well_name((7, 11))
    ('A1', 'H12')
    """
    return f"{chr(ord('A') + well[0])}{well[1] + 1}"


def read_well(text: str, size: int) -> Well:
    """The well with this name; A01 is A1.

    Examples
    --------
    >>> read_well("h12", 96)
    (7, 11)
    """
    rows, columns = SIZES[size]
    match = re.fullmatch(r"([A-Pa-p])(0?[1-9]|[12][0-9])", text.strip())
    row, column = (ord(match[1].upper()) - ord("A"), int(match[2]) - 1) if match else (-1, -1)
    if not (0 <= row < rows and 0 <= column < columns):
        last = well_name((rows - 1, columns - 1))
        raise ConfigError(f"Expected a well of a plate of {size}, A1 to {last}, got '{text.strip()[:40]}'.")
    return row, column


def plate_wells(settings: LayoutSettings, controls: int, stated: Mapping[Well, int | None]) -> PlateWells:
    """The wells of each plate.

    Parameters
    ----------
    settings : LayoutSettings
    controls : int
        Number of controls.
    stated : mapping
        Well -> number of its control from 0, or None for a well that is left empty.

    Raises
    ------
    ConfigError
        If no well is left for items.
    """
    free = [well for well in _in_order(settings) if well not in stated]
    without = [control for control in range(controls) if control not in stated.values()]
    balanced = _balanced(free, settings, len(without) * settings.control_copies)
    items = [well for well in free if well not in set(balanced)]
    if not items:
        raise ConfigError(
            f"Expected wells for items on a plate of {settings.size}, controls and empty wells take all that may be "
            "used. State fewer of them, or use a larger plate."
        )
    fixed = [(well, control) for well, control in stated.items() if control is not None]
    return PlateWells([*fixed, *zip(balanced, without * settings.control_copies, strict=False)], items)


def lay_out(count: int, wells: PlateWells, settings: LayoutSettings, generator: np.random.Generator) -> list[Placement]:
    """The wells of a batch, plate by plate in the order of filling; controls are on every plate.

    Parameters
    ----------
    count : int
        Number of items without controls. Control c is the item count + c of the batch.
    wells : PlateWells
    settings : LayoutSettings
    generator : numpy.random.Generator
        For random order.

    Returns
    -------
    list of Placement

    Examples
    --------
    >>> import numpy as np
    >>> settings = LayoutSettings(96, "columns")
    >>> placed = lay_out(100, plate_wells(settings, 0, {}), settings, np.random.default_rng(0))
    >>> [(one.plate, well_name(one.well)) for one in (placed[1], placed[99])]
    [(1, 'B1'), (2, 'D1')]
    """
    copies = _blocks(count, settings, generator)
    size, found = len(wells.items), list[Placement]()
    order = {well: place for place, well in enumerate(_in_order(LayoutSettings(settings.size, settings.fill)))}
    for number, start in enumerate(range(0, max(len(copies), 1), size), start=1):
        own = zip(wells.items, copies[start : start + size], strict=False)
        placed = [Placement(number, well, item, copy) for well, (item, copy) in own]
        placed += [Placement(number, well, count + control, 0) for well, control in wells.controls]
        found += sorted(placed, key=lambda one: order[one.well])
    return _numbered(found, count)


def _numbered(placed: Sequence[Placement], count: int) -> list[Placement]:
    """The same, with the copies of each control numbered over all plates."""
    numbers: dict[int, int] = {}
    found = []
    for one in placed:
        numbers[one.item] = numbers.get(one.item, 0) + 1
        copy = one.copy if one.item < count else numbers[one.item]
        found.append(Placement(one.plate, one.well, one.item, copy))
    return found


def _blocks(number: int, settings: LayoutSettings, generator: np.random.Generator) -> list[tuple[int, int]]:
    """(item, copy) of each well for items: a block for each replicate."""
    found: list[tuple[int, int]] = []
    for copy in range(1, settings.replicates + 1):
        is_given = copy == 1 and settings.fill != "random"
        order = range(number) if is_given else generator.permutation(number).tolist()
        found += [(item, copy) for item in order]
    return found


def _in_order(settings: LayoutSettings) -> list[Well]:
    """The wells that may be used, in the order of filling."""
    rows, columns = SIZES[settings.size]
    margin = 0 if settings.edges else 1
    down, across = range(margin, rows - margin), range(margin, columns - margin)
    if settings.fill == "columns":
        return [(row, column) for column, row in product(across, down)]
    return list(product(down, across))


def _balanced(free: Sequence[Well], settings: LayoutSettings, number: int) -> list[Well]:
    """Wells spread evenly over rows and columns: for each point of a Latin square design the nearest free well.

    row_i = (i + 1/2) / n,    column_i = (rank(i g mod 1) + 1/2) / n    with g the golden ratio, in units of the plate
    """
    margin, number = (0 if settings.edges else 1), min(number, len(free))
    spans = np.array(SIZES[settings.size]) - 2 * margin
    ranks = np.argsort(np.argsort(np.mod(np.arange(number) * GOLDEN, 1)))
    left, found = np.array(free).reshape(-1, 2), list[Well]()
    for point in (np.stack([np.arange(number), ranks], 1) + 0.5) / max(number, 1) * spans + margin - 0.5:
        nearest = int(np.square(left - point).sum(1).argmin())
        found.append((int(left[nearest, 0]), int(left[nearest, 1])))
        left = np.delete(left, nearest, axis=0)
    return found
