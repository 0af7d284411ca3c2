"""The tables of properties and metrics in `numbers.md`, from the records that the program itself uses.

They are written as fragments, which the page includes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sciencegen.api.properties import range_text
from sciencegen.api.science import domain_of
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import MetricNote
from sciencegen.items import Direction, Property

FOLDER = "number-tables"
DOMAINS = {
    "molecules": "molecules",
    "molecules/structures": "molecule-structures",
    "proteins": "proteins",
    "proteins/structures": "backbones",
    "galaxies": "galaxies",
    "crystals": "crystals",
    "arrays": "arrays",
}
"""Domain or form -> part of the name of its files."""
BETTER: Mapping[Direction | None, str] = {"maximize": "higher", "minimize": "lower", None: ""}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def properties_table(properties: Iterable[Property]) -> str:
    """Name, meaning, unit, range of the data, better direction and tolerance of each property."""
    head = ("column", "meaning", "unit", "in the data", "better", "`=` holds within")
    return table(head, [_property(one) for one in properties])


def _property(one: Property) -> tuple[str, ...]:
    possible = range_text(*one.possible)
    meaning = one.description + (
        f"; possible values: {possible}" if possible and all(map(math.isfinite, one.possible)) else ""
    )
    return (
        f"`{one.name}`", meaning, one.unit, f"{one.low:g} to {one.high:g}", BETTER[one.direction], f"{one.tolerance:g}",
    )  # fmt: skip


def metrics_table(notes: Mapping[str, MetricNote], units: Mapping[str, str]) -> str:
    """Name, meaning, unit, better direction and published values of each metric."""
    rows = [
        (f"`{name}`", note.meaning, units.get(name, ""), BETTER[note.direction], _published(note.published))
        for name, note in notes.items()
    ]
    if not any(row[-1] for row in rows):
        return table(("metric", "meaning", "unit", "better"), [row[:-1] for row in rows])
    return table(("metric", "meaning", "unit", "better", "published"), rows)


def _published(values: Mapping[str, float]) -> str:
    return ", ".join(f"{model} {value:g}" for model, value in values.items())


def metrics_of(science: Domain) -> str:
    """The metrics of a domain that have notes; "" without any."""
    sets = science.reference_sets
    return "" if sets is None or not sets.notes else metrics_table(sets.notes, sets.units)


def write_number_tables(folder: Path) -> None:
    """Write `properties-<domain>.txt` and `metrics-<domain>.txt` of each domain into a new folder."""
    folder.mkdir()
    for name, short in DOMAINS.items():
        science = domain_of(name)
        (folder / f"properties-{short}.txt").write_text(properties_table(science.properties.values()), "utf-8")
        (folder / f"metrics-{short}.txt").write_text(metrics_of(science), "utf-8")
