"""Every row is used, refused or a duplicate; the folder appears whole; nothing depends on workers."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sciencegen.data.prepare import SourceDescription
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.tables import read_table
from sciencegen.data.writers import write_table
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import sha256_of
from sciencegen.items import Row
from tests.data import words
from tests.data.preparing import as_rows, letters, prepare, rejects

NAMES = ["Apple", "pear", "x7", "apple", "plum", "crash", "fig", "raise", "hang", "PEAR", "extraordinarily", "kiwi"]


def test_every_row_is_used_refused_or_a_duplicate(tmp_path):
    dataset = prepare(as_rows(NAMES), output=tmp_path / "words", encode=words.encode, report_duplicates=True)
    assert list(dataset.items()) == ["Apple", "pear", "plum", "fig", "kiwi"]
    assert rejects(dataset) == [
        (4, "x7", "not a word"),
        (5, "apple", "duplicate of line 2"),
        (7, "crash", "crashed the worker process"),
        (9, "raise", "ValueError: a broken word"),
        (10, "hang", "took longer than 0.5 s"),
        (11, "PEAR", "duplicate of line 3"),
        (12, "extraordinarily", "can't be encoded: too long"),
    ]
    counts = dataset.summary["counts"]
    assert counts == {"rows": 12, "usable": 5, "refused": 5, "duplicates": 2, "splits": {"train": 5}}
    np.testing.assert_array_equal(dataset.values(), [[5, 2], [4, 2], [4, 1], [3, 1], [4, 2]])
    flat, offsets = dataset.tokens()
    assert (flat.dtype, offsets.dtype) == (np.int16, np.int64)
    assert [bytes(flat[a:b].astype(np.uint8)).decode() for a, b in pairwise(offsets)] == list(dataset.items())


def test_duplicates_are_not_listed_unless_asked(tmp_path):
    dataset = prepare(as_rows(["a", "A", "b", "1"]), output=tmp_path / "words")
    assert rejects(dataset) == [(5, "1", "not a word")]
    assert dataset.summary["counts"]["duplicates"] == 1


def test_own_columns_and_gaps(tmp_path):
    rows = as_rows(["one", "two", "three"], activity=[1.5, 2.5, 3.5], length=[9, 9, 9])
    rows[1] = Row(3, "two", {})
    dataset = prepare(rows, output=tmp_path / "words")
    assert dataset.property_names == ("length", "vowels", "activity")  # the computed `length` wins over the table's
    np.testing.assert_array_equal(dataset.values(names=["activity", "length"]), [[1.5, 3], [np.nan, 3], [3.5, 5]])
    assert dataset.summary["columns"]["activity"] == {"count": 2, "mean": 2.5, "std": 1.0, "min": 1.5, "max": 3.5}
    with pytest.raises(ConfigError, match="Did you mean 'activity'"):
        dataset.values(names=["activty"])
    with pytest.raises(ConfigError, match=r"\['length'\]"):
        prepare(rows, output=tmp_path / "other", column_names=["length"])


def test_names_stay_with_their_items(tmp_path):
    rows = [Row(line, text, id=f"n{line}") for line, text in enumerate(["pear", "x7", "Pear", "plum"])]
    dataset = prepare({"train": rows[:3], "test": [*rows[3:], Row(9, "fig")]}, output=tmp_path / "words")
    assert list(zip(dataset.items(), dataset.names(), strict=True)) == [("pear", "n0"), ("plum", "n3"), ("fig", "")]
    assert dataset.names("test").take([1, 0]) == ["", "n3"]
    table = pq.read_table(dataset.items_path)
    pq.write_table(table.drop_columns(["name"]), dataset.items_path)  # as it was before names were kept
    assert list(dataset.names("test")) == ["", ""]


def test_a_value_that_the_file_knows_better_wins(tmp_path):
    rows = as_rows(["one", "two", "three"], vowels=[9, 9, 9], length=[7, 8, 9], activity=[1.5, 2.5, 3.5])
    rows[1] = Row(3, "two", {"activity": 2.5})
    dataset = prepare(rows, output=tmp_path / "words", supplied_names={"length", "breadth"})
    assert dataset.property_names == ("length", "vowels", "activity")
    np.testing.assert_array_equal(dataset.values(), [[7, 2, 1.5], [3, 1, 2.5], [9, 2, 3.5]])  # two: none given
    assert dataset.summary["properties"]["length"]["max"] == 9


def test_named_streams_become_splits_without_leaks(tmp_path):
    parts = {"train": as_rows(["a", "b", "c"]), "test": as_rows(["B", "d", "2"]), "none": as_rows(["A"])}
    dataset = prepare(parts, output=tmp_path / "words", report_duplicates=True)
    assert {split: list(dataset.items(split)) for split in dataset.splits} == {
        "train": ["a", "b", "c"],
        "test": ["d"],
        "none": [],
    }
    assert rejects(dataset)[0] == (2, "B", "test: duplicate of line 3")
    assert (dataset.count(), dataset.count("test"), len(dataset.values("none"))) == (4, 1, 0)
    with pytest.raises(ConfigError, match="Unknown split"):
        dataset.items("validation")


def test_fractions_follow_the_item_not_its_place(tmp_path):
    names = [letters(number) for number in range(4000)]
    fractions = {"train": 0.8, "test": 0.2}
    one = prepare(as_rows(names), output=tmp_path / "one", split=fractions, chunk=1000)
    two = prepare(as_rows(names[::-1][:2000]), output=tmp_path / "two", split=fractions, chunk=300)
    assert set(two.items("test")) <= set(one.items("test"))
    assert abs(one.count("test") - 800) < 5 * (4000 * 0.8 * 0.2) ** 0.5
    assert sorted([*one.items("train"), *one.items("test")]) == sorted(names)
    with pytest.raises(ConfigError, match="sum to 1"):
        prepare(as_rows(names), output=tmp_path / "three", split={"train": 0.5})


def test_repeats_are_kept_and_divided_like_others(tmp_path):
    fractions = {"train": 0.8, "test": 0.2}
    dataset = prepare(as_rows(["apple", "fig"] * 1000), output=tmp_path / "w", split=fractions, repeats=True, chunk=500)
    assert (dataset.count(), dataset.summary["counts"]["duplicates"]) == (2000, 0)
    assert abs(dataset.count("test") - 400) < 5 * (2000 * 0.8 * 0.2) ** 0.5
    assert abs(list(dataset.items("test")).count("fig") / dataset.count("test") - 0.5) < 0.13


def test_processes_and_chunks_change_nothing(tmp_path):
    names = [letters(number) for number in range(500)] * 2
    tables = []
    for processes, chunk in ((0, 7), (1, 64), (2, 100)):
        dataset = prepare(
            as_rows(names), output=tmp_path / f"{processes}", processes=processes, chunk=chunk, encode=words.encode
        )
        tables.append((list(dataset.items()), dataset.values().tolist(), dataset.tokens()[0].tolist()))
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][0] == names[:500]


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "found no row"), (["1", "2"], r"2 rows, all refused .lines 2, 3: not a word.\. Correct")],
)
def test_nothing_usable_leaves_nothing(tmp_path, names, message):
    with pytest.raises(DataError, match=message):
        prepare(as_rows(names), output=tmp_path / "words")
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_the_old_dataset(tmp_path):
    prepare(as_rows(["old"]), output=tmp_path / "words")

    def broken():
        yield from as_rows(["new"] * 500)
        raise DataError("the file ends in the middle")

    with pytest.raises(ConfigError, match="`force`"):
        prepare(as_rows(["new"]), output=tmp_path / "words")
    with pytest.raises(DataError, match="in the middle"):
        prepare(broken(), output=tmp_path / "words", overwrite=True)
    assert list(PreparedDataset.load(tmp_path / "words").items()) == ["old"]
    prepare(as_rows(["new"]), output=tmp_path / "words", overwrite=True)
    assert list(PreparedDataset.load(tmp_path / "words").items()) == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["words"]


SCRIPT = """
import os, sys; sys.path.insert(0, {folder!r})
from tests.data import words
from sciencegen.data.prepare import PreparationOptions, prepare
from sciencegen.data.prepared import ItemFunctions
from sciencegen.items import Row
def rows():
    for number in range(10**9):
        if number == 20000: print("at work", flush=True)
        yield Row(number, "word" if number else "first")
functions = ItemFunctions(words.parse_and_measure, ("length", "vowels"))
prepare(rows(), functions, {output!r}, PreparationOptions(processes=1), overwrite=True)
"""


def test_killed_in_the_middle_leaves_the_old_and_the_next_run_sweeps(tmp_path):
    output = tmp_path / "words"
    prepare(as_rows(["old"]), output=output)
    script = SCRIPT.format(folder=str(Path(words.__file__).parent), output=str(output))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "at work\n"
        process.kill()
    assert list(PreparedDataset.load(output).items()) == ["old"]
    assert len(list(tmp_path.iterdir())) == 2  # the half-made one under a hidden name
    prepare(as_rows(["new"]), output=output, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["words"]


def test_from_a_file_with_its_checksum(tmp_path):
    table = tmp_path / "in.csv"
    write_table(table, {"item": ["apple", "pear"], "mass": [1.0, 2.0]})
    done = []
    dataset = prepare(
        read_table(table, ("item",)),
        output=tmp_path / "words",
        source=SourceDescription(str(table), [table]),
        progress=done.append,
    )
    assert dataset.summary["source_files"] == {"in.csv": sha256_of(table)}
    assert done[-1] == 2
    assert (len(dataset), dataset.encoded) == (2, False)
    with pytest.raises(DataError, match="encoding"):
        dataset.tokens()


def test_a_folder_of_other_files_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match=r"holds something else: thesis\.tex"):
        prepare(as_rows(["new"]), output=tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("output", [".", ".."])
def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch, output):
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    with pytest.raises(ConfigError, match="another folder than the current one"):
        prepare(as_rows(["new"]), output=output, overwrite=True)
