"""A proposed plate: its wells, its files, and its entries in the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.api.campaign.journal_items import CONTROL
from sciencegen.api.search import start_items
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.plates import (
    OrderSheet,
    PickLists,
    StockOptions,
    order_path,
    pick_lists,
    picklist_paths,
    stock_columns,
)
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import write_candidates, write_rejected
from sciencegen.config import ProposeSettings
from sciencegen.data.writers import Refused, no_formula
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import check_apart, claim_output
from sciencegen.items import Cell, Item, Origin
from sciencegen.optimization.journal import Entry, append, missing_entries, read_journal
from sciencegen.optimization.wells import (
    FILLS,
    SIZES,
    LayoutSettings,
    PlateWells,
    Well,
    lay_out,
    plate_wells,
    read_well,
    well_name,
)
from sciencegen.records import to_record

if TYPE_CHECKING:
    from sciencegen.figures.style import Figure

# The layout of a plate on microplates: settings to wells, and wells to columns of the plate's table.

PLATE, WELL = "plate", "well"
"""Columns of the plate's table."""
LAYOUT = 1
"""Separates the random order of replicates from the random numbers of the same round's picking."""


@dataclass(frozen=True)
class PlateLayout:
    """A layout, resolved. wells: those of each plate. controls: of the campaign, stated wells included. picks: pick
    lists to write."""

    settings: LayoutSettings
    wells: PlateWells
    controls: tuple[Item, ...]
    picks: PickLists | None = None

    @property
    def one_plate(self) -> int:
        """Most items that fit one plate, controls excepted."""
        return max(1, len(self.wells.items) // self.settings.replicates)

    def laid_out(
        self, table: Mapping[str, list[Cell]], count: int, seed: int, number: int
    ) -> tuple[dict[str, list[Cell]], dict[str, int], list[str]]:
        """The table of a plate of round `number` with a row for each well, counts of plates and wells, and notes.

        `plate`, `well` and, with pick lists, the stock wells come after `round`. The ids of further copies of an item
        end in their number. count: of its items, controls excepted.
        """
        places = lay_out(count, self.wells, self.settings, np.random.default_rng((seed, number, LAYOUT)))
        found: dict[str, list[Cell]] = {}
        for name, cells in table.items():
            found[name] = [cells[one.item] for one in places]
            if name == "round":
                found[PLATE] = [one.plate for one in places]
                found[WELL] = [well_name(one.well) for one in places]
                if self.picks is not None:
                    found |= stock_columns([one.item for one in places], self.picks.stocks.size)
        pairs = zip(found["id"], places, strict=True)
        found["id"] = [f"{cell}-{one.copy}" if one.copy > 1 else cell for cell, one in pairs]
        plates, notes = max((one.plate for one in places), default=0), [] if self.picks is None else self.picks.notes
        last, room = sum(one.plate == plates for one in places), len(self.wells.items) + len(self.wells.controls)
        if plates > 1 and last * 2 <= room:
            uses = f"the last of {plates} plates uses {last} of its {room} wells"
            notes = [*notes, f"{uses}: `batch` {self.one_plate} fills one plate"]
        return found, {"plates": plates, "wells": len(places)}, notes


OF_WELLS = {
    "replicates", "picklist", "transfer_volume", "stocks", "fill", "edge_wells", "control_wells", "control_copies",
}  # fmt: skip
"""Settings of a layout, beside the number of wells."""


def layout_of(
    science: Domain, settings: ProposeSettings, controls: Sequence[Item], reference: Reference | None
) -> PlateLayout | None:
    """The layout that the settings ask for; None without a plate.

    controls: those without stated wells; the others are added to them.
    """
    if settings.plate is None:
        given = settings.model_dump(include=OF_WELLS, exclude_defaults=True)
        for name in given | settings.further.model_dump(include=OF_WELLS, exclude_defaults=True):
            raise ConfigError(f"Expected a plate with `{name}`, got none. Pass `plate`, 96 or 384.")
        return None
    if settings.plate not in SIZES:
        raise ConfigError(
            f"Expected `plate` {' or '.join(map(str, SIZES))}, its number of wells, got {settings.plate}."
        )
    further = settings.further
    if further.fill not in FILLS:
        raise unknown_name("fill", further.fill, FILLS)
    every, stated = {science.items.key(one): one for one in controls}, dict[Well, int | None]()
    for wells, text in [_stated(one, settings.plate) for one in further.control_wells]:
        number = None
        if text:
            (item,) = start_items(science, [text], reference, flag="`control_wells`")
            key = science.items.key(item)
            every.setdefault(key, item)
            number = list(every).index(key)
        if twice := [well_name(well) for well in wells if well in stated]:
            raise ConfigError(f"Expected each well once in `control_wells`, got {twice[0]} twice. Remove one of them.")
        stated |= dict.fromkeys(wells, number)
    copies, counts = further.control_copies, Counter(stated.values())
    all_stated = all(counts[number] for number in range(len(every)))
    for number, item in enumerate(every.values()):
        if copies > 1 and counts[number] not in (0, copies) and (all_stated or number < len(controls)):
            raise ConfigError(
                f"Expected {copies} wells of each control, as `control_copies` says, got {counts[number]} in "
                f"`control_wells` for {science.items.text(item)[:40]}. Name {copies} wells, or leave out one of them."
            )
    options = LayoutSettings(settings.plate, further.fill, further.edge_wells, settings.replicates, copies)
    usual = StockOptions() if science.orders is None else StockOptions(echo_type=science.orders.echo_type)
    stocks, volume = to_record(StockOptions, settings.stocks, "stocks", usual), settings.transfer_volume
    picks = None if volume is None else pick_lists(settings.picklist, volume, settings.plate, stocks)
    return PlateLayout(options, plate_wells(options, len(every), stated), tuple(every.values()), picks)


def _stated(text: str, size: int) -> tuple[list[Well], str]:
    """The wells and the item of 'A1,H12=item'; without an item the wells are left empty."""
    names, sign, item = text.partition("=")
    if not sign:
        raise ConfigError(
            f"Expected wells and their control in `control_wells`, such as 'A1,H12=WT', got '{text[:80]}'. Nothing "
            "after the '=' leaves the wells empty."
        )
    return [read_well(name, size) for name in names.split(",")], item.strip()


# The plate, its files and its entries.


def origin_of_plate(settings: ProposeSettings, goals: Sequence[str]) -> Origin:
    """Provenance of a plate's items."""
    sources = {
        "measured": settings.measured, "also": settings.also, "pool": [settings.pool], "model": [settings.model],
    }  # fmt: skip
    named = [f"{name} {plain_path(one)}" for name, given in sources.items() for one in given if one is not None]
    return origin_of_given("propose", [*goals, *named], seed=settings.seed)


@dataclass(frozen=True)
class Proposed:
    """A plate that is not yet written to a file or entered into the journal.

    Parameters
    ----------
    domain : Domain
    table : mapping
        The plate; its column of values is empty, for the laboratory to fill in.
    refused : list
        (line, text, reason) of rows that were not understood.
    summary : mapping
        Counts and settings that the plate is based on.
    entries : list of Entry
        Entries to add to the campaign's journal.
    origin : Origin
        Provenance, for formats that can hold it.
    names : str
        The journal's column of names.
    requested : int
        Number of items that the plate should have.
    layout : PlateLayout, optional
        The layout, for plates in wells.
    order : OrderSheet, optional
        The order sheet to write.
    several : bool
        Whether the plate has several targets.
    """

    domain: Domain
    table: dict[str, list[Cell]]
    refused: list[Refused]
    summary: dict[str, Any]
    entries: list[Entry]
    origin: Origin
    names: str = ""
    requested: int = 0
    layout: PlateLayout | None = None
    order: OrderSheet | None = None
    several: bool = False

    def write(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the plate as a table, pick lists and the order sheet, and `<path>.rejects.csv` if a row was refused."""
        picks = None if self.layout is None else self.layout.picks
        check_beside(str(path), () if picks is None else picks.kinds, self.order is not None, overwrite)
        if picks is not None:
            picks.write(path, self.table)
        if self.order is not None:
            self.order.write(path, self.table)
        table = {
            name: cells if name == "item" else [no_formula(cell) if isinstance(cell, str) else cell for cell in cells]
            for name, cells in self.table.items()
        }
        refused = write_candidates(self.domain, str(path), table, overwrite=overwrite, origin=self.origin)
        write_rejected(str(path), [*self.refused, *refused])

    def enter(self, journal: str | None) -> None:
        """Add measurements and proposals to the journal, if there is one; adding them again has no effect.

        Call it last: items in the journal are not proposed again, so a plate that was not written must not enter it.
        Another plate that took its round, or a later one, is an error: results are recorded by round and place."""
        if journal is None:
            return
        there, own = read_journal(journal), [one for one in self.entries if one.kind == "proposed"]
        if own and missing_entries(there.entries, own, self.several):
            number, items = own[0].round, {one.item for one in own}
            later = [one.round for one in there.planned if one.source and one.round >= number and one.item not in items]
            if later:
                raise ConfigError(
                    f"Expected round {number} to be the next plate of {journal}, found another plate of round "
                    f"{later[0]}, which was entered after this one was chosen. Propose again."
                )
        append(journal, self.entries, self.names, self.several)


@dataclass(frozen=True)
class Proposal(Result):
    """A plate. With a journal, `write` enters it there once its file is written.

    Parameters
    ----------
    proposed : Proposed
        The plate and its entries.
    journal : str, optional
        The campaign's table.
    """

    proposed: Proposed | None = field(default=None, repr=False)
    journal: str | None = None

    def write(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the plate, then enter it into the journal if there is one.

        Parameters
        ----------
        path : str or Path
            Its ending chooses the format. It can't be the journal.
        overwrite : bool
            Whether to replace an existing file.

        Returns
        -------
        Path

        Raises
        ------
        ConfigError
            For an ending that the domain can't write, an existing file, or if another plate was entered after this one
            was chosen. The journal is unchanged then.
        """
        check_apart(path, self.journal)
        written = super().write(path, overwrite)
        if self.journal is not None:
            self.enter()
        return written

    def enter(self) -> None:
        """Enter the plate into the journal without writing a file. Entering it again has no effect.

        Raises
        ------
        ConfigError
            Without a journal, or if another plate was entered after this one was chosen.
        """
        if self.journal is None or self.proposed is None:
            raise ConfigError("Expected a plate with a journal. Pass `journal` to `propose`.")
        self.proposed.enter(self.journal)

    def plot_plate(self) -> Figure:
        """The layout of a plate: predicted values by well (of several targets those of the last), with a ring around
        controls.

        Returns
        -------
        matplotlib.figure.Figure
            As wide as a journal's page, one plate below the other; save it by `savefig`.

        Raises
        ------
        ConfigError
            Without a layout.

        Examples
        --------
        >>> import sciencegen as sg
        >>> made = sg.propose("proteins", wild_type="MKVLA", space={"positions": "2-4"}, plate=96, batch=3)
        >>> made.plot_plate().axes[0].get_title()
        'plate 1'
        """
        from sciencegen.report.plots import plates_figure

        if self.proposed is None or self.proposed.layout is None:
            raise ConfigError("Expected a plate with a layout. Pass `plate`, 96 or 384, to `propose`.")
        target, table = self.proposed.entries[-1].target, self.proposed.table
        if self.proposed.several:
            table = table | {"predicted": table[f"predicted_{target}"]}
        size = self.proposed.layout.settings.size
        wells = [read_well(str(well), size) for well in table["well"]]
        return plates_figure(table, wells, SIZES[size], CONTROL, target)


def check_beside(output: str, kinds: Sequence[str], order: bool, overwrite: bool) -> None:
    """Raise an error for pick lists and order sheets without a file beside which they are written, and for files that
    exist. kinds: of pick lists."""
    setting = "picklist" if kinds else "order_sheet"
    if (kinds or order) and output == "-":
        raise ConfigError(f"Expected a file for `output` with `{setting}`, got standard output. Pass `output`.")
    for path in [*picklist_paths(output, kinds), *([order_path(output)] if order else [])]:
        claim_output(str(path), overwrite)
