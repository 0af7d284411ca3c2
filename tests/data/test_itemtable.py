"""Items are written by groups, their split follows from the key, and a row's own value wins."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from sciencegen.data.prepared import ItemFunctions, ItemsWriter, PendingRow, TablePlan
from tests.data import words

CHUNK = ItemFunctions(words.parse_and_measure, ("length", "vowels"), words.encode)


def write(path, plan, texts, rows, fresh=None):
    chunk = CHUNK(texts)
    with ItemsWriter(path, plan) as items:
        items.add(chunk, np.ones(len(texts), bool) if fresh is None else np.array(fresh), rows)
    return pq.read_table(path).to_pydict(), items


def test_columns_stand_beside_computed_properties_and_supplied_values_replace_them(tmp_path):
    plan = TablePlan(("length", "vowels"), ("activity",), ("train",), None, False, ("length",))
    rows = [PendingRow(0, 2, "n1", [0.5, np.nan]), PendingRow(0, 3, "", [np.nan, 9.0])]
    table, items = write(tmp_path / "i.parquet", plan, ["pear", "fig"], rows)
    assert table["item"] == ["pear", "fig"]
    assert table["name"] == ["n1", ""]
    assert table["length"] == [4, 9]
    assert table["activity"][0] == 0.5
    assert items.statistics.count.tolist() == [2, 2, 1]
    assert items.encoded


def test_large_items_are_written_before_they_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.data.prepared.BYTES_PER_GROUP", 1 << 12)
    plan = TablePlan(("length", "vowels"), (), ("train",), None, False)
    with ItemsWriter(tmp_path / "i.parquet", plan) as items:
        for number in range(6):
            chunk = ItemFunctions(words.parse_and_measure, ("length", "vowels"))(["a" * 2000, "b" * 20])
            items.add(chunk, np.ones(2, bool), [PendingRow(0, 2 * number, "", [])] * 2)
    assert pq.read_metadata(tmp_path / "i.parquet").num_row_groups == 3
    assert pq.read_table(tmp_path / "i.parquet")["item"].to_pylist()[:2] == ["a" * 2000, "b" * 20]


def test_rows_that_are_not_fresh_are_left_out(tmp_path):
    plan = TablePlan(("length", "vowels"), (), ("train",), None, False)
    table, items = write(tmp_path / "i.parquet", plan, ["pear", "fig"], [PendingRow(0, 3, "", [])], [False, True])
    assert table["item"] == ["fig"]
    assert items.counts.tolist() == [1]


@pytest.mark.parametrize("order", [1, -1])
def test_a_split_by_fractions_follows_from_the_key(tmp_path, order):
    texts = ["pear", "fig", "plum", "kiwi", "lime", "melon"][::order]
    plan = TablePlan(("length", "vowels"), (), ("train", "test"), np.array([0.5]), False)
    table, items = write(tmp_path / "i.parquet", plan, texts, [PendingRow(0, n, "", []) for n in range(6)])
    split = dict(zip(table["item"], table["split"], strict=True))
    hashes = CHUNK(["pear"]).hashes
    assert split["pear"] == ("train" if hashes[0] / 2.0**64 < 0.5 else "test")
    assert items.counts.sum() == 6
