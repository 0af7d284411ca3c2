"""The request for a design round: checked settings with everything that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.api.search.space import start_items
from sciencegen.api.sources.blocks import Blocks
from sciencegen.api.writing.plates import OrderSheet, PickLists, StockOptions, pick_lists, stock_columns
from sciencegen.config import ProposeSettings, RecordSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace, Reference
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.items import Cell, Item
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool
from sciencegen.optimization.goals import Goal
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
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    from sciencegen.api.models.folder import LoadedModel


# The layout of a plate on microplates: settings to wells, and wells to columns of the plate's table.

PLATE, WELL = "plate", "well"
"""Columns of the plate's table."""
OF_WELLS = {
    "replicates", "picklist", "transfer_volume", "stocks", "fill", "edge_wells", "control_wells", "control_copies",
}  # fmt: skip
"""Settings of a layout, beside the number of wells."""
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


def check_layout(science: Domain, settings: ProposeSettings) -> None:
    """Raise an error for settings of a layout without a plate, or of unknown plates and fills."""
    if settings.plate is None:
        given = settings.model_dump(include=OF_WELLS, exclude_defaults=True)
        for name in given | settings.settings.model_dump(include=OF_WELLS, exclude_defaults=True):
            raise ConfigError(f"Expected a plate with `{name}`, got none. Pass `plate`, 96 or 384.")
        return
    if settings.plate not in SIZES:
        raise ConfigError(
            f"Expected `plate` {' or '.join(map(str, SIZES))}, its number of wells, got {settings.plate}."
        )
    if settings.settings.fill not in FILLS:
        raise unknown_name("fill", settings.settings.fill, FILLS)
    for text in settings.settings.control_wells:
        _stated(text, settings.plate)
    _picks(science, settings)


def layout_of(
    science: Domain, settings: ProposeSettings, controls: Sequence[Item], reference: Reference | None
) -> PlateLayout | None:
    """The layout that the settings ask for; None without a plate.

    controls: those without stated wells; the others are added to them.
    """
    check_layout(science, settings)
    if settings.plate is None:
        return None
    further = settings.settings
    every, stated = {science.items.key(one): one for one in controls}, dict[Well, int | None]()
    for wells, text in (_stated(one, settings.plate) for one in further.control_wells):
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
    return PlateLayout(
        options, plate_wells(options, len(every), stated), tuple(every.values()), _picks(science, settings)
    )


def _picks(science: Domain, settings: ProposeSettings) -> PickLists | None:
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


def placed(layout: PlateLayout, count: int, seed: int, number: int) -> list[Placement]:
    """The wells of a plate of round `number` with `count` items, controls excepted."""
    generator = np.random.default_rng((seed, number, LAYOUT))
    return lay_out(count, layout.wells, layout.settings, generator)


def in_wells(
    layout: PlateLayout, table: Mapping[str, list[Cell]], places: Sequence[Placement]
) -> dict[str, list[Cell]]:
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


def layout_notes(layout: PlateLayout, places: Sequence[Placement]) -> list[str]:
    """A note on a last plate that is less than half full, and those on pick lists."""
    found = [] if layout.picks is None else layout.picks.notes
    plates = max((one.plate for one in places), default=0)
    last = sum(one.plate == plates for one in places)
    room = len(layout.wells.items) + len(layout.wells.controls)
    if plates < 2 or last * 2 > room:
        return found
    uses = f"the last of {plates} plates uses {last} of its {room} wells"
    return [*found, f"{uses}: `batch` {layout.one_plate} fills one plate"]


@dataclass(frozen=True)
class MeasurementReading:
    """How tables of measurements are read.

    Parameters
    ----------
    target : str
        The column of measured values; `<target>_sd` holds standard errors.
    column : str, optional
        The column of items.
    threads : int
    sample, limit, offline
        As in `config.Reading`, for datasets by name.
    sheet : str, optional
        Of Excel workbooks; by default the first sheet that isn't empty.
    several : bool
        Whether the campaign has several targets: tables may lack this one, and of the journal only its entries count.
    plates : mapping
        Proposed items by round and place, for tables that hold the ids of a plate in place of items.
    """

    target: str
    column: str | None = None
    threads: int = 0
    sample: bool | None = None
    limit: int | None = None
    offline: bool = False
    sheet: str | None = None
    several: bool = False
    plates: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: ProposeSettings | RecordSettings, target: str) -> MeasurementReading:
        """From the settings of a verb, and the campaign's target."""
        chosen = settings if isinstance(settings, RecordSettings) else settings.settings
        reading = chosen.sample, chosen.limit, chosen.offline
        return cls(target, settings.column, settings.threads, *reading, sheet=settings.sheet)


@dataclass(frozen=True)
class HistorySources:
    """Where measurements come from: tables or datasets by name, and the campaign's journal."""

    tables: tuple[str, ...]
    journal: str | None
    reading: MeasurementReading


@dataclass(frozen=True)
class PriorSources:
    """Sources of earlier measurements, and the column of their values; None means that of the campaign, or of a
    journal."""

    sources: tuple[str, ...]
    target: str | None


NO_PRIORS = PriorSources((), None)


@dataclass(frozen=True)
class SuppliedCandidates:
    """Candidates that the user supplies.

    Parameters
    ----------
    pool : str, optional
        A file or dataset that holds all candidates.
    also : tuple of str
        Tables of candidates in addition to generated ones.
    column : str, optional
        The pool's column of items.
    cost : str, optional
        The pool's column of costs.
    threads : int
    """

    pool: str | None
    also: tuple[str, ...]
    column: str | None
    cost: str | None
    threads: int


@dataclass(frozen=True)
class Patterns:
    """Patterns that every proposal must (`keep`) and must not (`forbid`) contain, and whether it must be plausible."""

    keep: tuple[str, ...]
    forbid: tuple[str, ...]
    plausible: bool


@dataclass(frozen=True)
class PlateOptions:
    """Options of the plate: size, settings except exploration, planned number of rounds, and the seed."""

    batch: int
    campaign: CampaignSettings
    exploration: float | None
    rounds: int | None
    seed: int


@dataclass(frozen=True)
class ProposeRequest:
    """A design round, resolved.

    Parameters
    ----------
    domain : Domain
    space_options : mapping
        Options of the domain's design space, with the reference parsed.
    space : DesignSpace, optional
        None without options, or if it will be built from measured items.
    history : HistorySources
    supplied : SuppliedCandidates
    patterns : Patterns
    goals : sequence of Goal
        Constraints that every proposal must meet.
    predictors : mapping
        Name -> oracle of a trained predictor.
    start, controls : sequence
        Items to start from if nothing is measured, and items that are always on the plate.
    model : LoadedModel, optional
        A generative model that makes candidates.
    model_name : str
        As the user named it, "" without one.
    plate : PlateOptions
    blocks : Blocks, optional
        Building blocks that every proposal is made from.
    layout : Layout, optional
        The wells that the plate is laid out in.
    order : OrderSheet, optional
        The order sheet to write.
    targets : sequence of Goal
        Objectives and constraints on measured columns, of a campaign with several; empty otherwise.
    priors : PriorSources
        Earlier measurements of other targets.
    """

    domain: Domain
    space_options: Mapping[str, object]
    space: DesignSpace | None
    history: HistorySources
    supplied: SuppliedCandidates
    patterns: Patterns
    goals: Sequence[Goal]
    predictors: Mapping[str, Oracle]
    start: Sequence[Item]
    controls: Sequence[Item]
    model: LoadedModel | None
    model_name: str
    plate: PlateOptions
    blocks: Blocks | None = None
    layout: PlateLayout | None = None
    order: OrderSheet | None = None
    targets: Sequence[Goal] = ()
    priors: PriorSources = NO_PRIORS

    @property
    def reference(self) -> Reference | None:
        """The reference of the design space, if the user named one."""
        return None if self.space is None else self.space.reference

    @property
    def target(self) -> str:
        """The column of measured values."""
        return self.history.reading.target

    @property
    def minimize(self) -> bool:
        """Whether smaller values of the target are better."""
        return self.plate.campaign.minimize


# Controls: items that the user wants on a plate in any case.

CONTROL = "control"
"""The value of the column `source` for controls."""


def check_controls(space: CampaignSpace, controls: Sequence[Item]) -> None:
    """Raise an error for controls that can't be aligned with the measured items."""
    try:
        if controls:
            space.features(controls)
    except ShapeError:
        raise ConfigError(
            "Expected controls as long as the measured items, got another length. Pass `wild_type` to name them (WT, "
            "A42G)."
        ) from None


def without_controls(
    options: CampaignSettings, science: Domain, pool: CandidatePool | None, controls: Sequence[Item]
) -> CampaignSettings:
    """Settings for the rest of the plate: the cost limit minus the controls' costs, which the pool holds."""
    costs = {} if pool is None else dict(zip(pool.keys, pool.costs.tolist(), strict=True))
    limit, spent = options.plate.cost_limit, sum(costs.get(science.items.key(one), 0.0) for one in controls)
    if spent >= limit:
        raise ConfigError(f"Expected controls that cost less than `cost_limit` {limit:g}, these cost {spent:g}.")
    return replace(options, plate=replace(options.plate, cost_limit=limit - spent))


def with_controls(plate: Plate, controls: Sequence[Item], predictions: Float[np.ndarray, "3 item"]) -> Plate:
    """The plate with the controls at its end. predictions: median, lower and upper end of each; without a column if
    nothing is predicted."""
    if not controls:
        return plate
    count = len(controls)
    of_controls = predictions if predictions.size else np.full((3, count), np.nan)
    predicted, lower, upper = np.concatenate([[plate.predicted, plate.lower, plate.upper], of_controls], axis=1)
    return replace(
        plate, items=[*plate.items, *controls], sources=[*plate.sources, *[CONTROL] * count],
        predicted=predicted, lower=lower, upper=upper,
    )  # fmt: skip
