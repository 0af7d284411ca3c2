"""Layouts: no well twice, every item as often as asked, controls on each plate and evenly spread."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.wells import FILLS, SIZES, LayoutSettings, lay_out, plate_wells, read_well, well_name


def placed(count, settings, controls=0, stated=None, seed=0):
    return lay_out(count, plate_wells(settings, controls, stated or {}), settings, np.random.default_rng(seed))


@pytest.mark.parametrize(("size", "fill", "edges"), product(SIZES, FILLS, (True, False)))
def test_each_well_holds_one_item_and_each_item_all_its_copies(size, fill, edges):
    settings = LayoutSettings(size, fill, edges, replicates=3, control_copies=4)
    stated = {(0, 0): 0, (1, 1): 0, (2, 2): None}
    found = placed(150, settings, controls=2, stated=stated)
    plates = max(one.plate for one in found)
    assert len({(one.plate, one.well) for one in found}) == len(found)
    assert sorted((one.item, one.copy) for one in found if one.item < 150) == [*product(range(150), (1, 2, 3))]
    for plate in range(1, plates + 1):
        own = {one.well: one.item for one in found if one.plate == plate}
        assert [own[(0, 0)], own[(1, 1)], own.get((2, 2))] == [150, 150, None]
        assert sum(item == 151 for item in own.values()) == 4
        free = {well for well, item in own.items() if item != 150}
        rows, columns = SIZES[size]
        assert edges or not free & {(r, c) for r, c in product(range(rows), range(columns))
                                    if r in (0, rows - 1) or c in (0, columns - 1)}  # fmt: skip


@pytest.mark.parametrize(("size", "copies"), product(SIZES, (2, 4, 8)))
def test_balanced_controls_share_no_row_no_column_and_no_quadrant_more_than_others(size, copies):
    wells = [well for well, _ in plate_wells(LayoutSettings(size, control_copies=copies), 1, {}).controls]
    rows, columns = SIZES[size]
    assert len({row for row, _ in wells}) == len({column for _, column in wells}) == copies
    for half in ([row < rows / 2 for row, _ in wells], [column < columns / 2 for _, column in wells]):
        assert sum(half) == copies / 2


def test_wells_are_filled_by_rows_or_by_columns():
    by_rows, by_columns = (placed(13, LayoutSettings(96, fill)) for fill in ("rows", "columns"))
    assert [well_name(one.well) for one in by_rows][10:] == ["A11", "A12", "B1"]
    assert [well_name(one.well) for one in by_columns][6:10] == ["G1", "H1", "A2", "B2"]
    assert [one.item for one in by_rows] == [one.item for one in by_columns] == [*range(13)]


def test_replicates_are_blocks_in_random_order():
    settings = LayoutSettings(96, replicates=2)
    found = placed(48, settings)
    first, second = found[:48], found[48:]
    assert [one.item for one in first] == [*range(48)]
    assert sorted(one.item for one in second) == [*range(48)]
    assert placed(48, settings) == found != placed(48, settings, seed=1)
    column = {one.item: one.well[1] for one in first}
    assert np.mean([column[one.item] == one.well[1] for one in second]) < 0.3


@pytest.mark.parametrize("size", SIZES)
def test_names_of_wells_are_read_back(size):
    for well in product(*map(range, SIZES[size])):
        assert read_well(well_name(well), size) == well
    assert read_well(" b02 ", size) == (1, 1)


@pytest.mark.parametrize("name", ["I1", "A13", "A0", "1A", "", "A001", "A１"])
def test_other_wells_are_refused(name):
    with pytest.raises(ConfigError, match="Expected a well of a plate of 96, A1 to H12, got"):
        read_well(name, 96)


def test_a_plate_without_room_is_refused():
    with pytest.raises(ConfigError, match="Expected wells for items"):
        plate_wells(LayoutSettings(96, control_copies=96), 1, {})
