"""A proposed plate: its table, its files, and its entries in the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciencegen.api.campaign.candidates import how_made
from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.notes import predicted_columns
from sciencegen.api.campaign.request import (
    CONTROL,
    PlateLayout,
    ProposeRequest,
    in_wells,
    layout_notes,
    layout_summary,
    placed,
)
from sciencegen.api.science import name_column, variants_of
from sciencegen.api.search.tables import left_open_columns
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.plates import OrderSheet, order_path, picklist_paths
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import write_candidates, write_rejected
from sciencegen.data.writers import Refused, no_formula
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.files import claim_output
from sciencegen.items import Cell, Direction, Origin, none_if_nan
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.candidates import CandidatePool
from sciencegen.optimization.forecast import Forecast
from sciencegen.optimization.journal import Entry, append
from sciencegen.optimization.pareto_plate import ParetoPlate
from sciencegen.optimization.wells import SIZES, read_well

if TYPE_CHECKING:
    from sciencegen.figures.style import Figure


# What plates of one and of several targets have in common: columns, wells, and the provenance of their items.


def plate_columns(
    request: ProposeRequest, plate: Plate | ParetoPlate, targets: Sequence[str],
    predicted: Mapping[str, list[Cell]], state: CampaignState, pool: CandidatePool | None,
) -> dict[str, list[Cell]]:  # fmt: skip
    """The columns of a plate's table; those of the targets are empty, for the laboratory to fill in. predicted: the
    columns of the surrogate models' predictions."""
    science, reference = request.domain, state.reference
    number, width = state.history.next_round, len(str(len(plate.items)))
    table: dict[str, list[Cell]] = {
        "id": [f"r{number}-{place:0{width}}" for place in range(1, len(plate.items) + 1)],
        "item": [science.items.text(item) for item in plate.items],
    }
    if reference is not None:
        table[name_column(reference)] = [variants_of(science).name_of(reference, item) for item in plate.items]
    table |= {name: [None] * len(plate.items) for name in targets}
    table["round"] = [number] * len(plate.items)
    table |= predicted
    table |= predicted_columns(request.predictors, plate.items)
    table |= {name: cells for name, cells in left_open_columns(science, plate.items).items() if name not in table}
    table["source"] = list(plate.sources)
    if pool is not None and request.supplied.cost:
        costs = dict(zip(pool.keys, pool.costs.tolist(), strict=True))
        table[request.supplied.cost] = [costs.get(science.items.key(item)) for item in plate.items]
    return table if request.blocks is None else table | how_made(request.blocks, plate.items)


def wells_of(
    request: ProposeRequest, items: dict[str, list[Cell]], picked: int, number: int, notes: list[str]
) -> tuple[dict[str, list[Cell]], dict[str, int]]:
    """The plate's table by wells, if there is a layout, and the layout's part of the summary. Adds to the notes."""
    if request.layout is None:
        return items, {}
    places = placed(request.layout, picked, request.plate.seed, number)
    notes.extend(layout_notes(request.layout, places))
    return in_wells(request.layout, items, places), layout_summary(places)


def origin_of_plate(request: ProposeRequest) -> Origin:
    """Provenance of the plate's items."""
    end = "lowest" if request.minimize else "highest"
    asked = [goal.text for goal in request.targets] or [f"{end} {request.target}"]
    sources = {
        "measured": request.history.tables,
        "also": request.supplied.also,
        "pool": [request.supplied.pool],
        "model": [None if request.model is None else request.model_name],
    }
    named = [f"{name} {plain_path(one)}" for name, given in sources.items() for one in given if one is not None]
    goals = [goal.text for goal in request.goals]
    return origin_of_given("propose", [*asked, *goals, *named], seed=request.plate.seed)


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
    layout : Layout, optional
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
        table = {name: cells if name == "item" else list(map(_for_people, cells)) for name, cells in self.table.items()}
        refused = write_candidates(self.domain, str(path), table, overwrite=overwrite, origin=self.origin)
        write_rejected(str(path), [*self.refused, *refused])

    def enter(self, journal: str | None) -> None:
        """Add measurements and proposals to the journal, if there is one; adding them again has no effect.

        Call it last: items in the journal are not proposed again, so a plate that was not written must not enter it."""
        if journal is not None:
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

    proposed: Proposed | None = None
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
            For an ending that the domain can't write, or an existing file. The journal is unchanged then.
        """
        check_other_file(path, self.journal)
        written = super().write(path, overwrite)
        if self.journal is not None:
            self.enter()
        return written

    def enter(self) -> None:
        """Enter the plate into the journal without writing a file. Entering it again has no effect.

        Raises
        ------
        ConfigError
            Without a journal.
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


def check_other_file(output: str | Path, journal: str | None) -> None:
    """Raise an error if a plate would overwrite its journal."""
    if journal is not None and Path(journal).resolve() == Path(output).resolve():
        raise ConfigError(f"Expected another file for `output` than the journal, got {output} for both.")


def _for_people(cell: Cell) -> Cell:
    return no_formula(cell) if isinstance(cell, str) else cell


def proposed_of(
    request: ProposeRequest, state: CampaignState, table: dict[str, list[Cell]], refused: list[Refused],
    summary: dict[str, Any], entries: Sequence[Entry],
) -> Proposed:  # fmt: skip
    """A plate with everything that the request says of it. entries: those of its items."""
    return Proposed(
        request.domain, table, refused, summary, [*state.history.new, *entries], origin_of_plate(request),
        name_column(state.reference), request.plate.batch, request.layout, request.order,
        several=bool(request.targets),
    )  # fmt: skip


def plate_table(
    request: ProposeRequest, plate: Plate, state: CampaignState, pool: CandidatePool | None
) -> dict[str, list[Cell]]:
    """The plate's columns."""
    predicted = {"predicted": plate.predicted.tolist(), "lower": plate.lower.tolist(), "upper": plate.upper.tolist()}
    return plate_columns(request, plate, [request.target], predicted, state, pool)


def proposed_entries(
    table: dict[str, list[Any]], number: int, request: ProposeRequest, named: str = "", forecast: Forecast | None = None
) -> list[Entry]:
    """The plate's rows as journal entries of round `number`, NaN as None, with the forecast in the first of them.
    named: the column of names, or ""."""
    columns = [table[name] for name in ("item", "predicted", "lower", "upper", "source")]
    rows = zip(*columns, table[named] if named else [""] * len(columns[0]), strict=True)
    end: Direction = "minimize" if request.minimize else "maximize"

    def entry(item: str, predicted: float, lower: float, upper: float, source: str, name: str) -> Entry:
        numbers = none_if_nan(predicted), none_if_nan(lower), none_if_nan(upper)
        return Entry(number, item, "proposed", None, None, *numbers, source, name, request.target, end)

    entries = [entry(*row) for row in rows]
    if forecast is not None and entries:
        entries[0] = replace(entries[0], forecast=forecast.to_text())
    return entries
