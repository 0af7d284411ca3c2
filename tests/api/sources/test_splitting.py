"""Splits by the order of a column's values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sciencegen.api.science import IN_THE_GAP, NO_POSITION
from sciencegen.api.sources.preparation import prepare_source, split_by_column
from sciencegen.config import PrepareSettings
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Row

POSITIONS = np.random.default_rng(0).permutation(100).astype(float)
SHARES = {"train": 0.8, "test": 0.2}


def rows():
    return iter([Row(number + 1, f"item{number}", {"y": y}) for number, y in enumerate(POSITIONS)])


def test_splits_are_ranges_of_values():
    found = {name: [row.values["y"] for row in part] for name, part in split_by_column(rows, "y", SHARES, 0.0).items()}
    assert max(found["train"]) < min(found["test"])
    assert (len(found["train"]), len(found["test"])) == (80, 20)


def test_splits_depend_on_neither_order_nor_chance():
    again = lambda: iter(list(rows())[::-1])  # noqa: E731
    first, second = (split_by_column(read, "y", SHARES, 5.0) for read in (rows, again))
    for name in SHARES:
        assert {row.text for row in first[name]} == {row.text for row in second[name]}


def test_rows_near_the_next_split_are_left_out():
    parts = {name: list(part) for name, part in split_by_column(rows, "y", SHARES, 10.0).items()}
    left_out = [row for row in parts["train"] if row.text.endswith(IN_THE_GAP)]
    kept = [row.values["y"] for row in parts["train"] if row not in left_out]
    assert min(row.values["y"] for row in parts["test"]) - max(kept) >= 10
    assert len(left_out) == 9
    assert not any(row.text.endswith(IN_THE_GAP) for row in parts["test"])


def test_rows_without_a_number_are_marked():
    read = lambda: iter([*rows(), Row(200, "odd", {"y": math.nan}), Row(201, "none")])  # noqa: E731
    parts = split_by_column(read, "y", SHARES, 0.0)
    marked = [row.text for part in parts.values() for row in part if row.text.startswith("# ")]
    assert marked == [f"# odd: {NO_POSITION}", f"# none: {NO_POSITION}"]


def test_what_is_left_out_is_among_the_rejects(tmp_path):
    path = tmp_path / "molecules.csv"
    path.write_text("smiles,year\n" + "".join(f"{'C' * (n + 1)}O,{1990 + n}\n" for n in range(20)) + "CCN,\n")
    chosen = PrepareSettings(
        source=str(path), properties=("mw",), fractions=SHARES, split_by="year", split_gap=2.5, threads=1
    )
    prepared = prepare_source("molecules", tmp_path / "data", chosen)
    assert prepared.values("test", ["year"]).min() == 2006
    assert prepared.values("train", ["year"]).max() == 2003
    rejects = (tmp_path / "data" / "rejects.csv").read_text()
    assert rejects.count(IN_THE_GAP) == 2
    assert f"CCN,train: {NO_POSITION}" in rejects


@pytest.mark.parametrize(("column", "shares", "error"), [("z", SHARES, DataError), ("y", {"all": 1.0}, ConfigError)])
def test_what_can_t_be_split_is_an_error(column, shares, error):
    with pytest.raises(error, match="Expected"):
        split_by_column(rows, column, shares, 0.0)
