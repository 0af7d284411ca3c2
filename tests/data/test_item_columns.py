"""Columns of texts are read from the file in parts, and only as far as they are needed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.data.prepared import ItemColumn
from sciencegen.errors import DataError

TEXTS = [f"t{number}" for number in range(1000)]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.data.prepared.ROWS_AT_ONCE", 16)
    pq.write_table(pa.table({"item": TEXTS}), tmp_path / "items.parquet", row_group_size=100)
    return tmp_path / "items.parquet"


@pytest.mark.parametrize("rows", [range(1000), range(0, 1000, 7), [3], [99, 100, 950], []])
def test_it_is_a_list_of_the_texts_of_its_rows(path, rows):
    rows = np.array(rows, np.int64)
    column, expected = ItemColumn(path, "item", rows), [TEXTS[row] for row in rows]
    assert len(column) == len(expected)
    assert list(column) == expected
    assert column[-2:] == expected[-2:]
    some = np.arange(len(rows))[::-3]
    assert column.take(some) == [expected[at] for at in some]
    assert list(column.at(some[::-1])) == [expected[at] for at in some[::-1]]


def test_what_comes_after_the_last_row_is_not_read(path, monkeypatch):
    groups = []
    read = pq.ParquetFile.iter_batches

    def watched(file, *arguments, row_groups, **others):
        groups.extend(row_groups)
        return read(file, *arguments, row_groups=row_groups, **others)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    column = ItemColumn(path, "item", np.arange(1000))
    assert column[:5] == TEXTS[:5]
    assert column.take([250, 3, 250]) == [TEXTS[250], TEXTS[3], TEXTS[250]]
    assert groups == [0, 0, 2]


def test_rows_beyond_the_table_and_empty_cells_are_errors(path, tmp_path):
    with pytest.raises(DataError, match=r"items\.parquet"):
        list(ItemColumn(path, "item", np.array([5, 1000])))
    pq.write_table(pa.table({"item": ["a", None]}), tmp_path / "gap.parquet")
    with pytest.raises(DataError, match="'item' has empty cells"):
        list(ItemColumn(tmp_path / "gap.parquet", "item", np.arange(2)))
