"""The layout of a plate on microplates: settings to wells, and wells to columns of the plate's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.api.search.space import start_items
from sciencegen.api.writing.picklists import PickLists, StockOptions, pick_lists, stock_columns
from sciencegen.config import ProposeSettings, WellLayout
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Cell, Item
from sciencegen.optimization.wells import (
    FILLS,
    SIZES,
    LayoutSettings,
    Placement,
    PlateWells,
    Well,
    lay_out,
    plate_wells,
    read_well,
    well_name,
)
from sciencegen.records import to_record

PLATE, WELL = "plate", "well"
"""Columns of the plate's table."""
LAYOUT = 1
"""Separates the random order of replicates from the random numbers of the same round's picking."""


@dataclass(frozen=True)
class Layout:
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


def check_layout(science: Domain, settings: WellLayout) -> None:
    """Raise an error for settings of a layout without a plate, or of unknown plates and fills."""
    if settings.plate is None:
        for name in settings.model_dump(include=set(WellLayout.model_fields), exclude_defaults=True):
            raise ConfigError(f"Expected a plate with `{name}`, got none. Pass `plate`, 96 or 384.")
        return
    if settings.plate not in SIZES:
        raise ConfigError(
            f"Expected `plate` {' or '.join(map(str, SIZES))}, its number of wells, got {settings.plate}."
        )
    if settings.fill not in FILLS:
        raise unknown_name("fill", settings.fill, FILLS)
    for text in settings.control_wells:
        _stated(text, settings.plate)
    _picks(science, settings)


def layout_of(
    science: Domain, settings: ProposeSettings, controls: Sequence[Item], reference: Reference | None
) -> Layout | None:
    """The layout that the settings ask for; None without a plate.

    controls: those without stated wells; the others are added to them.
    """
    check_layout(science, settings)
    if settings.plate is None:
        return None
    every, stated = {science.items.key(one): one for one in controls}, dict[Well, int | None]()
    for wells, text in (_stated(one, settings.plate) for one in settings.control_wells):
        number = None
        if text:
            (item,) = start_items(science, [text], reference, flag="`control_wells`")
            key = science.items.key(item)
            every.setdefault(key, item)
            number = list(every).index(key)
        if twice := [well_name(well) for well in wells if well in stated]:
            raise ConfigError(f"Expected each well once in `control_wells`, got {twice[0]} twice. Remove one of them.")
        stated |= dict.fromkeys(wells, number)
    copies, counts = settings.control_copies, Counter(stated.values())
    all_stated = all(counts[number] for number in range(len(every)))
    for number, item in enumerate(every.values()):
        if copies > 1 and counts[number] not in (0, copies) and (all_stated or number < len(controls)):
            raise ConfigError(
                f"Expected {copies} wells of each control, as `control_copies` says, got {counts[number]} in "
                f"`control_wells` for {science.items.text(item)[:40]}. Name {copies} wells, or leave out one of them."
            )
    options = LayoutSettings(
        settings.plate, settings.fill, settings.edge_wells, settings.replicates, settings.control_copies
    )
    return Layout(options, plate_wells(options, len(every), stated), tuple(every.values()), _picks(science, settings))


def _picks(science: Domain, settings: WellLayout) -> PickLists | None:
    usual = StockOptions() if science.orders is None else StockOptions(echo_type=science.orders.echo_type)
    stocks = to_record(StockOptions, settings.stocks, "stocks", usual)
    if settings.transfer_volume is None:
        return None
    return pick_lists(settings.picklist, settings.transfer_volume, settings.plate, stocks)


def _stated(text: str, size: int) -> tuple[list[Well], str]:
    """The wells and the item of 'A1,H12=item'; without an item the wells are left empty."""
    names, sign, item = text.partition("=")
    if not sign:
        raise ConfigError(
            f"Expected wells and their control in `control_wells`, such as 'A1,H12=WT', got '{text[:80]}'. Nothing "
            "after the '=' leaves the wells empty."
        )
    return [read_well(name, size) for name in names.split(",")], item.strip()


def placed(layout: Layout, count: int, seed: int, number: int) -> list[Placement]:
    """The wells of a plate of round `number` with `count` items, controls excepted."""
    generator = np.random.default_rng((seed, number, LAYOUT))
    return lay_out(count, layout.wells, layout.settings, generator)


def in_wells(layout: Layout, table: Mapping[str, list[Cell]], places: Sequence[Placement]) -> dict[str, list[Cell]]:
    """The plate's table with a row for each well, and its columns `plate` and `well` after `round`; with pick lists
    also the stock wells. The ids of further copies of an item end in their number."""
    found: dict[str, list[Cell]] = {}
    for name, cells in table.items():
        found[name] = [cells[one.item] for one in places]
        if name == "round":
            found[PLATE] = [one.plate for one in places]
            found[WELL] = [well_name(one.well) for one in places]
            if layout.picks is not None:
                found |= stock_columns([one.item for one in places], layout.picks.stocks.size)
    pairs = zip(found["id"], places, strict=True)
    found["id"] = [f"{cell}-{one.copy}" if one.copy > 1 else cell for cell, one in pairs]
    return found


def layout_summary(places: Sequence[Placement]) -> dict[str, int]:
    """Counts of plates and wells."""
    return {"plates": max((one.plate for one in places), default=0), "wells": len(places)}


def layout_notes(layout: Layout, places: Sequence[Placement]) -> list[str]:
    """A note on a last plate that is less than half full, and those on pick lists."""
    found = [] if layout.picks is None else layout.picks.notes
    plates = max((one.plate for one in places), default=0)
    last = sum(one.plate == plates for one in places)
    room = len(layout.wells.items) + len(layout.wells.controls)
    if plates < 2 or last * 2 > room:
        return found
    uses = f"the last of {plates} plates uses {last} of its {room} wells"
    return [*found, f"{uses}: `batch` {layout.one_plate} fills one plate"]
