"""Tables of items that consist of cells."""

import pandas as pd
import pytest

from sciencegen.api.writing.writer import open_output, with_cells
from sciencegen.domains import load_domain

ARRAYS = load_domain("arrays")
ITEMS = ['{"a": 1, "city": "Oslo"}', '{"a": 0.1234567890123, "city": null}']
COLUMNS = {"item": ITEMS, "score": [0.5, 0.25], "city:Oslo": [1.0, float("nan")]}


def test_cells_stand_in_place_of_the_texts():
    assert with_cells(ARRAYS, COLUMNS) == {"a": [1, 0.1234567890123], "city": ["Oslo", None], "score": [0.5, 0.25]}
    assert with_cells(ARRAYS, {"item": ["", *ITEMS[:1]]})["a"] == [None, 1]
    assert with_cells(ARRAYS, {"item": ITEMS, "a": [7, 8]})["a"] == [7, 8]


def test_items_of_other_domains_are_texts():
    assert with_cells(load_domain("proteins"), {"item": ["MKV"]}) == {"item": ["MKV"]}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_columns_of_the_first_rows_are_written_with_all_digits(tmp_path, ending):
    path = str(tmp_path / f"t{ending}")
    with open_output("arrays", path, list(COLUMNS)) as writer:
        writer.write(COLUMNS)
        writer.write({"item": ['{"a": 2.5, "other": 3}'], "score": [1.0], "city:Oslo": [0.0]})
    found = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
    assert list(found) == ["a", "city", "score"]
    assert found["a"].tolist() == [1, 0.1234567890123, 2.5]
    assert found["city"].isna().tolist() == [False, True, True]


def test_a_table_without_rows_has_its_columns(tmp_path):
    with open_output("arrays", str(tmp_path / "t.csv"), ["item", "score"]):
        pass
    assert (tmp_path / "t.csv").read_text() == "item,score\n"
