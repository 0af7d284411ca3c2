"""Files beside a plate: pick lists for liquid handlers and order sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.data.writers import beside, write_table
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Refusal
from sciencegen.optimization.wells import SIZES, LayoutSettings, plate_wells, well_name

# Pick lists: which well of a stock plate goes into which well of a plate, as tables that liquid handlers read.
#
# Echo: the columns of the Echo software (https://kithairon.readthedocs.io/en/latest/picklists.html); a volume
# is a number of droplets of 2.5 nL (Echo Liquid Handler User Manual, appendix A.4).
# Opentrons: the columns of the protocol "Cherrypicking" of its library
# (https://library.opentrons.com/p/cherrypicking).

ECHO = (
    "Source Plate Name", "Source Plate Barcode", "Source Plate Type", "Source Well", "Destination Plate Name",
    "Destination Plate Barcode", "Destination Well", "Transfer Volume", "Sample Name",
)  # fmt: skip
OPENTRONS = (
    "Source Labware", "Source Slot", "Source Well", "Source Aspiration Height Above Bottom (in mm)", "Dest Labware",
    "Dest Slot", "Dest Well", "Volume (in ul)",
)  # fmt: skip
DROPLET = 2.5
"""Volume of a droplet of an Echo, in nL."""
SLOTS = 10
"""Most plates on the deck of an Opentrons OT-2, which has 11 slots, next to one rack of tips."""
LABWARE = {96: "corning_96_wellplate_360ul_flat", 384: "corning_384_wellplate_112ul_flat"}
"""Wells -> the API name of a plate in Opentrons' labware library."""
STOCK_PLATE, STOCK_WELL = "stock_plate", "stock_well"
"""Columns of the plate's table."""


@dataclass(frozen=True)
class StockOptions:
    """The stock plates, from which the items are taken.

    Parameters
    ----------
    size : int
        Wells of a stock plate, 96 or 384.
    echo_type : str
        The Echo's name of the type of stock plates.
    labware, destination_labware : str
        Opentrons' API names of stock plates and of plates; "" is a plate of Corning of the same size.
    height : float
        Of aspiration above the bottom of a well, in mm (Opentrons).
    """

    size: int = 384
    echo_type: str = "384PP_DMSO2"
    labware: str = ""
    destination_labware: str = ""
    height: float = 1.0


@dataclass(frozen=True)
class Transfer:
    """One transfer. plates are numbered from 1."""

    stock_plate: int
    stock_well: str
    plate: int
    well: str
    sample: str


@dataclass(frozen=True)
class PickLists:
    """The pick lists of a plate. kinds: names in `KINDS`. volume: of each transfer, in nL. size: wells of a plate."""

    kinds: tuple[str, ...]
    volume: float
    size: int
    stocks: StockOptions = StockOptions()

    @property
    def notes(self) -> list[str]:
        """A note on a volume that a pick list states in another unit."""
        if "opentrons" not in self.kinds:
            return []
        return [
            f"the pick list of the Opentrons has its volumes in µl: {self.volume:g} nL are {self.volume / 1000:g} µl"
        ]

    def write(self, output: str | Path, table: Mapping[str, Sequence[Cell]]) -> None:
        """Write the pick lists beside the plate's table."""
        names = ("plate", "well", STOCK_PLATE, STOCK_WELL, "id")
        transfers = [
            Transfer(int(str(stock_plate)), str(stock_well), int(str(plate)), str(well), str(sample))
            for plate, well, stock_plate, stock_well, sample in zip(*(table[name] for name in names), strict=True)
        ]
        rounds = table["round"][:1]
        for kind, path in zip(self.kinds, picklist_paths(output, self.kinds), strict=True):
            rows = KINDS[kind](transfers, self, f"round{rounds[0]}" if rounds else "")
            write_table(path, {name: [row[name] for row in rows] for name in COLUMNS[kind]})


def picklist_paths(output: str | Path, kinds: Sequence[str]) -> list[Path]:
    """The files of pick lists beside a plate's file.

    Examples
    --------
    >>> [path.name for path in picklist_paths("plate2.csv", ["echo"])]
    ['plate2.echo.csv']
    """
    return [beside(output, f".{kind}.csv") for kind in kinds]


def stock_columns(items: Sequence[int], size: int) -> dict[str, list[Cell]]:
    """The columns of stock plates and wells. items: the item in each row; the stock plates hold the items in order, row
    by row.

    Examples
    --------
    >>> stock_columns([0, 97, 0], 96)
    {'stock_plate': [1, 2, 1], 'stock_well': ['A1', 'A2', 'A1']}
    """
    names = [well_name(well) for well in plate_wells(LayoutSettings(size), 0, {}).items]
    return {STOCK_PLATE: [1 + item // size for item in items], STOCK_WELL: [names[item % size] for item in items]}


def pick_lists(kinds: Sequence[str], volume: float, size: int | None, stocks: StockOptions) -> PickLists | None:
    """Check the settings; None without pick lists.

    Parameters
    ----------
    kinds : sequence of str
    volume : float
        Of each transfer, in nL.
    size : int, optional
        Wells of a plate.
    stocks : StockOptions

    Raises
    ------
    ConfigError
        For unknown kinds, no layout, and volumes that the liquid handler can't transfer.
    """
    if not kinds:
        return None
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"Expected `picklist` {' or '.join(KINDS)}, got '{kind}'.")
    if size is None:
        raise ConfigError("Expected a plate with `picklist`, got none. Pass `plate`, 96 or 384.")
    if stocks.size not in SIZES:
        raise ConfigError(f"Expected stock plates of {' or '.join(map(str, SIZES))} wells, got `size` {stocks.size}.")
    if "echo" in kinds and not (volume / DROPLET).is_integer():
        raise ConfigError(
            f"Expected a multiple of {DROPLET:g} nL, an Echo's droplet, as `transfer_volume`, got {volume:g}."
        )
    return PickLists(tuple(dict.fromkeys(kinds)), volume, size, stocks)


def _echo(transfers: Sequence[Transfer], lists: PickLists, prefix: str) -> list[dict[str, Cell]]:
    """Barcodes are left empty."""
    return [
        dict(zip(ECHO, (
            f"{prefix}-stock{one.stock_plate}", "", lists.stocks.echo_type, one.stock_well,
            f"{prefix}-plate{one.plate}", "", one.well, lists.volume, one.sample,
        ), strict=True))
        for one in transfers
    ]  # fmt: skip


def _opentrons(transfers: Sequence[Transfer], lists: PickLists, prefix: str) -> list[dict[str, Cell]]:
    """Stock plates are in the first slots, plates in the next."""
    stocks = max((one.stock_plate for one in transfers), default=0)
    plates = stocks + max((one.plate for one in transfers), default=0)
    if plates > SLOTS:
        raise ConfigError(
            f"Expected at most {SLOTS} plates on the deck of an Opentrons, stock plates included, got {plates}. Lower "
            "`batch`, or pass `plate` 384."
        )
    source = lists.stocks.labware or LABWARE[lists.stocks.size]
    destination = lists.stocks.destination_labware or LABWARE[lists.size]
    return [
        dict(zip(OPENTRONS, (
            source, one.stock_plate, one.stock_well, lists.stocks.height, destination, stocks + one.plate, one.well,
            lists.volume / 1000,
        ), strict=True))
        for one in transfers
    ]  # fmt: skip


KINDS: Mapping[str, Callable[[Sequence[Transfer], PickLists, str], list[dict[str, Cell]]]] = {
    "echo": _echo, "opentrons": _opentrons
}  # fmt: skip
COLUMNS = {"echo": ECHO, "opentrons": OPENTRONS}


# Order sheets: each item of a plate once, with what a supplier needs, as a table beside the plate.

ENDING = ".order.csv"
CARRIED = ("item", "mutant", "route", "route_steps", "route_blocks")
"""Columns of a plate's table that the sheet has too, as far as they are there."""
WELLS, REFUSED = "wells", "not_ordered"
"""Number of the item's wells, and why a domain's columns of an item are empty."""


@dataclass(frozen=True)
class OrderSheet:
    """A sheet to write. options: those of the domain's part `orders`."""

    domain: Domain
    options: Mapping[str, object]

    def table(self, plate: Mapping[str, Sequence[Cell]]) -> dict[str, list[Cell]]:
        """The columns: id, item and names, number of wells, routes, and those of the domain."""
        rows: dict[str, list[int]] = {}
        for row, item in enumerate(map(str, plate["item"])):
            rows.setdefault(item, []).append(row)
        first = [own[0] for own in rows.values()]
        found: dict[str, list[Cell]] = {"id": [plate["id"][row] for row in first]}
        for name in CARRIED:
            if name in plate:
                found[name] = [plate[name][row] for row in first]
        found[WELLS] = [len(own) for own in rows.values()]
        return found | self._columns(list(rows))

    def _columns(self, items: Sequence[str]) -> dict[str, list[Cell]]:
        """The columns of the domain."""
        orders = self.domain.orders
        if orders is None:
            return {}
        parsed = [self.domain.items.parse(text) for text in items]
        cells = [one if isinstance(one, Refusal) else orders.cells(one, self.options) for one in parsed]
        names = orders.columns(self.options)
        found: dict[str, list[Cell]] = {
            name: [None if isinstance(one, Refusal) else one[name] for one in cells] for name in names
        }
        if any(isinstance(one, Refusal) for one in cells):
            found[REFUSED] = [one.reason if isinstance(one, Refusal) else None for one in cells]
        return found

    def write(self, output: str | Path, plate: Mapping[str, Sequence[Cell]]) -> None:
        """Write the sheet beside the plate's table."""
        write_table(order_path(output), self.table(plate))


def order_path(output: str | Path) -> Path:
    """The file of the order sheet beside a plate's file.

    Examples
    --------
    >>> order_path("plate2.csv").name
    'plate2.order.csv'
    """
    return beside(output, ENDING)


def order_sheet(domain: Domain, wanted: bool, options: Mapping[str, object]) -> OrderSheet | None:
    """Check the settings; None without a sheet. Options alone ask for one too."""
    if not wanted and not options:
        return None
    if domain.orders is not None:
        domain.orders.check(options)
    elif options:
        raise ConfigError(f"Expected no `order` options for {domain.name}, got {', '.join(options)}. Leave them out.")
    return OrderSheet(domain, options)
