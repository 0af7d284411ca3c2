"""A prepared dataset reads as it was written, by split, with a limit, or not at all."""

import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.data.prepared import PreparedDataset
from sciencegen.errors import DataError, IncompatibleError, SciencegenError
from sciencegen.items import Row
from tests.data import words
from tests.data.preparing import as_rows, letters, prepare


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="datasets prepare"):
        PreparedDataset.load(tmp_path)
    prepare(as_rows(["a"]), output=tmp_path / "words")
    summary = tmp_path / "words" / "dataset.json"
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "format_version": 99}))
    with pytest.raises(IncompatibleError, match="upgrade"):
        PreparedDataset.load(tmp_path / "words")
    summary.write_text("[]")
    with pytest.raises(SciencegenError, match="something else"):
        PreparedDataset.load(tmp_path / "words")


def test_item_column_behaves_like_a_list(tmp_path):
    items = prepare(as_rows(["a", "b", "c", "d"]), output=tmp_path / "words").items()
    assert (len(items), items[0], items[-1], items[1:3], items[::-1]) == (4, "a", "d", ["b", "c"], ["d", "c", "b", "a"])
    assert items.take([3, 0]) == ["d", "a"]
    assert "c" in items
    with pytest.raises(IndexError):
        items[4]


def test_names_of_some_items(tmp_path):
    rows = [Row(at, letters(at), id=f"n{at}") for at in range(30)]
    data = prepare(rows, output=tmp_path / "words", split={"train": 0.5, "test": 0.5})
    for split in data.splits:
        names = list(data.names(split))
        assert data.names(split, np.array([3, 0, 3])) == [names[3], names[0], names[3]]
    table = pq.read_table(data.items_path).drop_columns("name")
    pq.write_table(table, data.items_path)
    assert data.names("train", np.array([3, 0])) == ["", ""]
    assert list(data.names("train")) == [""] * data.count("train")


def test_several_row_groups_read_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.data.prepared.ROWS_PER_GROUP", 64)
    names = [letters(number) for number in range(300)]
    fractions = {"train": 0.5, "test": 0.5}
    dataset = prepare(as_rows(names), output=tmp_path / "words", encode=words.encode, chunk=25, split=fractions)
    for split in (None, "train", "test"):
        flat, offsets = dataset.tokens(split)
        found = [bytes(flat[a:b].astype(np.uint8)).decode() for a, b in pairwise(offsets)]
        assert found == list(dataset.items(split))
        assert dataset.values(split)[:, 0].tolist() == [len(name) for name in found]


@pytest.mark.parametrize("limit", [1, 40, 1000])
def test_a_limit_leaves_the_first_of_each_split(tmp_path, monkeypatch, limit):
    monkeypatch.setattr("sciencegen.data.prepared.ROWS_PER_GROUP", 64)
    names = [letters(number) for number in range(300)]
    whole = prepare(as_rows(names), output=tmp_path / "words", encode=words.encode, split={"train": 0.7, "test": 0.3})
    cut = PreparedDataset.load(tmp_path / "words", limit)
    kept = {split: list(whole.items(split))[:limit] for split in whole.splits}
    together = [name for name in names if any(name in part for part in kept.values())]
    for split, expected in (*kept.items(), (None, together)):
        assert list(cut.items(split)) == expected
        assert cut.count(split) == len(expected)
        assert cut.values(split)[:, 0].tolist() == [len(name) for name in expected]
        flat, offsets = cut.tokens(split)
        assert [bytes(flat[a:b].astype(np.uint8)).decode() for a, b in pairwise(offsets)] == expected
    assert len(cut) == len(together)


@pytest.fixture
def prepared(tmp_path):
    prepare(as_rows([letters(number) for number in range(30)]), output=tmp_path / "words", encode=words.encode)
    return tmp_path / "words"


def read_whole(folder):
    data = PreparedDataset.load(folder)
    return [(*data.items(split), *data.names(split), data.values(split), data.tokens(split)) for split in data.splits]


def test_a_damaged_table_is_an_error_with_its_name(prepared):
    content = (prepared / "items.parquet").read_bytes()
    spoilt = [content[:place] for place in range(0, len(content), 97)] + [b"PAR1", b"x" * 100]
    for one in spoilt:
        (prepared / "items.parquet").write_bytes(one)
        with pytest.raises(DataError, match=r"items\.parquet"):
            read_whole(prepared)


@pytest.mark.parametrize("name", ["item", "name"])
@pytest.mark.parametrize("cells", [[None] * 30, list(range(30)), ["a"] * 29])
def test_a_table_that_was_replaced_is_an_error(prepared, name, cells):
    table = pq.read_table(prepared / "items.parquet").slice(0, len(cells))
    table = table.set_column(table.schema.get_field_index(name), name, pa.array(cells))
    pq.write_table(table, prepared / "items.parquet")
    with pytest.raises(DataError, match=r"items\.parquet"):
        read_whole(prepared)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("counts", {"splits": {"train": "30"}}), ("counts", {"splits": {"train": -1}}), ("counts", 3), ("counts", None),
        ("properties", ["x"]), ("columns", {"x": 3}), ("columns", "x"), ("encoded", []), ("context", ["x"]),
    ],
)  # fmt: skip
def test_a_summary_of_another_kind_is_an_error(prepared, part, value):
    summary = json.loads((prepared / "dataset.json").read_text())
    changed = {**summary[part], **value} if isinstance(value, dict) else value
    (prepared / "dataset.json").write_text(json.dumps(summary | {part: changed}))
    with pytest.raises(DataError, match=r"dataset\.json"):
        PreparedDataset.load(prepared)
