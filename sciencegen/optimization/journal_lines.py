"""The lines of a campaign's journal: entries to CSV and back."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from sciencegen.errors import DataError
from sciencegen.items import Direction, bound_of

KINDS = ("proposed", "measured", "withdrawn")
LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Entry:
    """One line.

    Parameters
    ----------
    round : int
    item : str
    kind : str
        "proposed", "measured" or "withdrawn": no longer proposed in this round.
    value, value_sd : float, optional
        A measured number, or the bound of a censored one, and its standard error.
    predicted, lower, upper : float, optional
        Median and interval of a proposal.
    source : str
        What made a proposal, or the file of a measurement.
    name : str
        The item's name.
    target : str
        What was measured, or is to be; "" if it is unknown, as in journals of version 0.1.
    bound : str
        ">" for a measurement of at least the value, "<" for one of at most the value, "" for a number.
    direction : str
        Of a proposal: "maximize" or "minimize"; "" if it is unknown.
    forecast : str
        Of a plate's first proposal: how many of its items will be hits (`forecast.Forecast.to_text`); "" if unknown.
    """

    round: int
    item: str
    kind: str
    value: float | None = None
    value_sd: float | None = None
    predicted: float | None = None
    lower: float | None = None
    upper: float | None = None
    source: str = ""
    name: str = field(default="", compare=False)
    target: str = field(default="", compare=False)
    direction: str = field(default="", compare=False)
    forecast: str = field(default="", compare=False)
    bound: str = ""


TARGET, DIRECTION, FORECAST, BOUND = "target", "direction", "forecast", "bound"
COLUMNS = tuple(one.name for one in fields(Entry) if one.name not in ("name", TARGET, DIRECTION, FORECAST, BOUND))
NUMBERS = COLUMNS[3:-1]


def new_header(names: str, has_target: bool) -> tuple[str, ...]:
    """The columns of a new journal. names: the title of the column of names, "" for none."""
    first, second = COLUMNS.index("item") + 1, COLUMNS.index("kind") + 1
    named, target = [names] if names else [], [TARGET, DIRECTION] if has_target else []
    hits = [FORECAST] if has_target else []
    return (*COLUMNS[:first], *named, *COLUMNS[first:second], *target, *COLUMNS[second:-1], *hits, COLUMNS[-1])


def line_of(entry: Entry, header: Sequence[str], names: str) -> str:
    """An entry as a line of a journal with this header."""
    cells = [entry.name if name == names else getattr(entry, name, None) for name in header]
    if entry.bound:
        cells[header.index("value")] = f"{entry.bound}{entry.value}"
    if any("\n" in cell or "\r" in cell for cell in cells if isinstance(cell, str)):
        raise DataError(f"Expected items and sources on one line each, got {entry.item[:LONGEST_SHOWN]!r}.")
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return file.getvalue()


def cells_of(line: str) -> list[str]:
    """The cells of a line; [] if it is no CSV."""
    try:
        return next(csv.reader([line.rstrip("\r")], strict=True), [])
    except csv.Error:  # a quotation mark that is not closed
        return []


def checked_header(line: str, path: Path) -> tuple[str, ...]:
    """The columns of a journal's first line."""
    header = tuple(cell.strip() for cell in cells_of(line))
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(
            f"Expected a journal with the columns {','.join(COLUMNS)} in {path}, found {line[:LONGEST_SHOWN]!r} "
            f"without {', '.join(missing)}. Name another file with `journal`: it is made by the first entry. "
            "Add a table of measurements with `sciencegen record`."
        )
    if twice := next((name for name, count in Counter(header).items() if name and count > 1), None):
        raise DataError(
            f"Expected columns of different names in {path}, found two of the name '{twice[:LONGEST_SHOWN]}'. Rename "
            "or delete one."
        )
    return header


def entry_of(line: str, header: Sequence[str], place: str) -> Entry:
    """The entry of a line. place: words for the line in an error."""
    cells = cells_of(line)
    if len(cells) != len(header):
        raise DataError(
            f"Expected {len(header)} cells in {place}, found {len(cells)}: {line[:LONGEST_SHOWN]!r}. Complete the "
            "line, or delete it and record what it held again."
        )
    row = dict(zip(header, cells, strict=True))
    bound = bound_of(row["value"])
    row["value"] = row["value"] if bound is None else repr(bound.value)
    numbers: dict[str, Any] = {name: _number(row[name], name, place) for name in NUMBERS}
    if row["kind"] not in KINDS or (row["kind"] == "measured" and numbers["value"] is None):
        raise DataError(
            f"Expected 'proposed', 'withdrawn', or 'measured' and a value, in {place}, found '{row['kind']}' and "
            f"'{row['value']}'."
        )
    if not re.fullmatch(r"\d{1,18}", row["round"].strip()):
        raise DataError(f"Expected a round of 0 or more in {place}, found '{row['round'][:LONGEST_SHOWN]}'.")
    direction = row.get(DIRECTION, "").strip()
    if direction not in ("", *get_args(Direction)):
        raise DataError(
            f"Expected {', '.join(get_args(Direction))} or nothing as direction in {place}, found "
            f"'{direction[:LONGEST_SHOWN]}'."
        )
    target, forecast = row.get(TARGET, "").strip(), row.get(FORECAST, "").strip()
    return Entry(
        int(row["round"]), row["item"], row["kind"], source=row["source"], target=target, direction=direction,
        forecast=forecast, bound="" if bound is None else bound.sign, **numbers,
    )  # fmt: skip


def _number(cell: str, name: str, place: str) -> float | None:
    if not cell.strip():
        return None
    try:
        number = math.nan if "_" in cell else float(cell)  # Python would read 1_5 as 15
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"Expected a finite number or nothing as {name} in {place}, found '{cell[:LONGEST_SHOWN]}'.")
    return number
