"""Positions of a catalogue: pixels, or right ascension and declination in degrees or sexagesimal.

Pixels: columns `x` and `y` count from 1, as in FITS and SExtractor (`X_IMAGE`); `xcentroid` and `ycentroid` (photutils)
count from 0. Sky: `ra` and `dec` and other usual names (`COLUMNS`). Numbers are degrees; texts with `:`, blanks or
letters are sexagesimal, right ascension in hours: 10:30:12.5, 10h30m12.5s, -02 13 05.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sciencegen.data.damage import reading
from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.domains.galaxies.fits_files import open_whole
from sciencegen.errors import DataError
from sciencegen.files import found_at
from sciencegen.items import Cell, Refusal

FITS = (".fits", ".fit", ".fits.gz", ".cat", ".ldac")


class Pair(NamedTuple):
    """Names of two columns, in lower case; first: number of the first pixel, None for sky coordinates."""

    across: str
    along: str
    first: int | None


COLUMNS = (
    Pair("x", "y", 1), Pair("x_image", "y_image", 1), Pair("xwin_image", "ywin_image", 1),
    Pair("xcentroid", "ycentroid", 0), Pair("x_centroid", "y_centroid", 0),
    Pair("ra", "dec", None), Pair("raj2000", "dej2000", None), Pair("alpha_j2000", "delta_j2000", None),
    Pair("alphawin_j2000", "deltawin_j2000", None), Pair("raj2000", "decj2000", None), Pair("ra_deg", "dec_deg", None),
)  # fmt: skip
NAMES = ("id", "name", "object_id", "objid", "source_id", "number")
"""Columns that name a source, in lower case."""


@dataclass(frozen=True)
class Source:
    """A row of a catalogue. across, along: pixels from 0, or degrees, or a Refusal for a cell that is neither. values:
    its other columns of numbers."""

    line: int
    name: str
    position: tuple[float, float] | Refusal
    values: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """pair: the columns of the positions. sources: read one by one. rows: number of them, where known."""

    pair: Pair
    sources: Iterator[Source]

    @property
    def on_sky(self) -> bool:
        return self.pair.first is None


def read_catalogue(path: Path, first_pixel: int | None = None, limit: int | None = None) -> Catalogue:
    """Open a catalogue: CSV, TSV, Parquet, Excel, or a table in FITS.

    Parameters
    ----------
    path : Path
    first_pixel : int, optional
        Number of the first pixel, 0 or 1, instead of that of the columns' names.
    limit : int, optional
        Only the first rows.

    Raises
    ------
    DataError
        For a file without columns of positions.
    """
    if not path.is_file():
        raise DataError(f"Expected a catalogue at {path}, found {found_at(path)}.")
    if path.name.lower().endswith(FITS):
        names, records = (_fits_records if _is_fits(path) else _ascii_records)(path)
    elif path.name.lower().endswith((*READ_TABLES, ".xlsx", ".txt")):
        names = column_names(path)
        records = ((row.line, row.cells) for row in read_table(path, [name.lower() for name in names], None, True))
    else:
        raise DataError(f"Expected a catalogue ({', '.join((*READ_TABLES, *FITS))}), got {path.name}.")
    pair = _pair_of(names, path)
    if first_pixel is not None and pair.first is not None:
        pair = pair._replace(first=first_pixel)
    return Catalogue(pair, (_source(line, cells, pair) for line, cells in islice(records, limit)))


def _is_fits(path: Path) -> bool:
    """Whether a file is FITS; SExtractor's catalogues are also text."""
    with open(path, "rb") as file:
        return file.read(6) == b"SIMPLE" or path.name.lower().endswith(".gz")


def _ascii_records(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Cell]]]]:
    """Names and rows of SExtractor's text."""
    from astropy.table import Table

    with reading("a catalogue of SExtractor", path):
        table = Table.read(path, format="ascii.sextractor")
    names = list(table.colnames)
    rows = ((number, {name: _plain(row[name]) for name in names}) for number, row in enumerate(table, 1))
    return names, rows


def _fits_records(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Cell]]]]:
    """Names and rows of the first table of a FITS file that has positions."""
    from astropy.io import fits

    hdus = open_whole(path)
    with reading("a catalogue in FITS", path):
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        found = next((hdu for hdu in tables if _known(hdu.columns.names)), None)
        if found is None:
            listed = ", ".join(name for hdu in tables for name in hdu.columns.names) or "no table"
            raise _no_positions(path, listed)
        data, names = found.data, list(found.columns.names)

    def rows() -> Iterator[tuple[int, Mapping[str, Cell]]]:
        with reading("a catalogue in FITS", path):
            for number in range(len(data)):
                row = data[number]
                yield number + 1, {name: _plain(row[name]) for name in names if np.ndim(row[name]) == 0}

    return names, rows()


def _plain(cell: object) -> Cell:
    return cell.item() if isinstance(cell, np.generic) else cell if isinstance(cell, str | int | float) else str(cell)


def _known(names: Sequence[str]) -> Pair | None:
    lower = {name.lower() for name in names}
    return next((pair for pair in COLUMNS if pair.across in lower and pair.along in lower), None)


def _pair_of(names: Sequence[str], path: Path) -> Pair:
    pair = _known(names)
    if pair is None:
        raise _no_positions(path, ", ".join(names))
    return pair


def _no_positions(path: Path, found: str) -> DataError:
    return DataError(
        f"Expected columns of positions in {path}, such as x and y (pixels) or ra and dec, found {found}. Rename them."
    )


def _source(line: int, cells: Mapping[str, Cell], pair: Pair) -> Source:
    lower = {str(name).lower(): cell for name, cell in cells.items()}
    name = next((str(lower[one]).strip() for one in NAMES if lower.get(one) not in (None, "")), "")
    values = {
        str(key): number
        for key, cell in cells.items()
        if str(key).lower() not in (*pair[:2], *NAMES) and (number := _number(cell)) is not None
    }
    return Source(line, name, _position(lower.get(pair.across), lower.get(pair.along), pair), values)


def _position(across: Cell, along: Cell, pair: Pair) -> tuple[float, float] | Refusal:
    first, second = _number(across), _number(along)
    if pair.first is not None:
        if first is None or second is None:
            return Refusal(f"'{across}', '{along}' is no position in pixels")
        return first - pair.first, second - pair.first
    if first is None or second is None:
        return _sexagesimal(str(across), str(along))
    if not -90 <= second <= 90 or not -360 <= first <= 360:
        return Refusal(f"{first}, {second} is no position on the sky in degrees")
    return first % 360, second


def _sexagesimal(across: str, along: str) -> tuple[float, float] | Refusal:
    """Degrees from hours and degrees."""
    from astropy import units
    from astropy.coordinates import Angle

    try:
        ra, dec = float(Angle(across, units.hourangle).degree), float(Angle(along, units.deg).degree)
    except (ValueError, TypeError, units.UnitsError):
        return Refusal(f"'{across}', '{along}' is no position on the sky")
    if not (math.isfinite(ra) and 0 <= ra <= 360 and -90 <= dec <= 90):
        return Refusal(f"'{across}', '{along}' is no position on the sky")
    return ra % 360, dec


def _number(cell: Cell) -> float | None:
    """A finite number, None for other cells."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
