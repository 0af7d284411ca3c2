"""Tables in files of arrays: the same rows whatever the format, and what can't be a table."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from sciencegen.domains.tables import files
from sciencegen.domains.tables import sources as array_sources
from sciencegen.domains.tables.rows import parse
from sciencegen.errors import DataError
from tests.damage import damaged, read_all

FORMATS = ("a.npz", "a.h5", "a.hdf5", "a.zarr")
TABLE = {
    "city": np.array(["Oslo", "Bergen", "", "Tromsø"]), "price": np.array([1.5, np.nan, 3.0, 4.0]),
    "rooms": np.arange(8).reshape(4, 2), "sold": np.array([True, False, True, True]),
}  # fmt: skip
ROWS = [
    {"city": "Oslo", "price": 1.5, "rooms0": 0, "rooms1": 1, "sold": "True"},
    {"city": "Bergen", "price": None, "rooms0": 2, "rooms1": 3, "sold": "False"},
    {"city": None, "price": 3.0, "rooms0": 4, "rooms1": 5, "sold": "True"},
    {"city": "Tromsø", "price": 4.0, "rooms0": 6, "rooms1": 7, "sold": "True"},
]


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".zarr":
        group = pytest.importorskip("zarr", minversion="3.1.3").open_group(path, mode="w")
        for name, array in arrays.items():
            group.create_array(name, data=array, chunks=(3, *array.shape[1:]))
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype(h5py.string_dtype()) if array.dtype.kind == "U" else array
    return path


def rows_of(path: Path, column: str | None = None) -> list[object]:
    return [parse(row.text) for row in files.read(path, column)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("at_once", [3, 4096])
def test_formats_hold_the_same_rows(tmp_path, monkeypatch, name, at_once):
    monkeypatch.setattr(array_sources, "ROWS_AT_ONCE", at_once)
    assert rows_of(write(tmp_path / name, TABLE)) == ROWS


@pytest.mark.parametrize("name", FORMATS)
def test_arrays_that_are_not_wanted_need_not_fit(tmp_path, name):
    path = write(tmp_path / name, {**TABLE, "classes": np.arange(3)})
    with pytest.raises(DataError, match=r"arrays of one length .*'classes': 3.*`column`"):
        files.read(path)
    assert rows_of(path, "rooms1,price") == [{name: row[name] for name in ("rooms1", "price")} for row in ROWS]


@pytest.mark.parametrize("name", ["a.npy", "a.h5"])
def test_records_have_a_column_for_each_field(tmp_path, name):
    records = np.array([(1, 2.5, (3, 4)), (5, 6.5, (7, 8))], [("a", "i4"), ("b", "f8"), ("c", "i4", 2)])
    if name == "a.npy":
        np.save(tmp_path / name, records)
    else:
        write(tmp_path / name, {"t": records})
    assert rows_of(tmp_path / name)[1] == {"a": 5, "b": 6.5, "c0": 7, "c1": 8}


def test_names_of_rows_are_read(tmp_path):
    path = write(tmp_path / "a.h5", {"id": np.array(["p", "q"]), "x": np.array([1, 2])})
    assert [(row.id, parse(row.text)) for row in files.read(path)] == [("p", {"x": 1}), ("q", {"x": 2})]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({}, "arrays with a row for each item at the top level of .*, found none"),
        ({"x": np.float64(3)}, r"'x' has shape \(\)"),
        ({"x": np.zeros((3, 2, 2, 2, 2))}, r"at most 4 dimensions .*'x' has shape \(3, 2, 2, 2, 2\)"),
        ({"x": np.zeros(3, complex)}, "numbers or texts in 'x'.*complex128"),
    ],
)
def test_what_is_no_table_is_an_error(tmp_path, arrays, reason):
    with pytest.raises(DataError, match=reason):
        files.read(write(tmp_path / "a.h5", arrays))


def test_ragged_arrays_of_hdf5_are_an_error(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=[np.arange(2), np.arange(3)], dtype=h5py.vlen_dtype(int))
    with pytest.raises(DataError, match="numbers or texts in 'x'"):
        files.read(tmp_path / "a.h5")


def test_damaged_files_are_errors_or_refusals(tmp_path):
    content = write(tmp_path / "whole.h5", TABLE).read_bytes()
    for number, spoilt in enumerate(damaged(content, 8, seed=1)):
        (tmp_path / f"{number}.h5").write_bytes(spoilt)
        found = read_all(files.read, parse, tmp_path / f"{number}.h5")
        assert found is None or len(found) <= 4
