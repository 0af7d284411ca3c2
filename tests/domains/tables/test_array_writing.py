"""Rows written as arrays are read again."""

import os
from pathlib import Path

import numpy as np
import pytest

from sciencegen.data.array_files import open_arrays
from sciencegen.domains.tables import files, rows
from sciencegen.errors import ConfigError
from sciencegen.files import claim_output, remove_output, sha256_of
from tests.domains.tables.arrays_table import columns, items

ROWS = items(6)
NAMES = [str(at) for at in range(6)]
ARRAYS = ("a.npz", "a.h5", "a.zarr")
FORMATS = (*ARRAYS, "a.csv", "a.parquet")


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_read_again(tmp_path, name):
    files.write(tmp_path / name, ROWS, NAMES, {"score": [0.5, None, 1.0, 2.0, 3.0, 4.0]})
    found = [rows.parse(row.text) for row in files.read(tmp_path / name)]
    spikes = [{**{f"spikes{at}": one for at, one in enumerate(row["spikes"])}} for row in ROWS]
    for one, row, times in zip(found, ROWS, spikes, strict=True):
        expected = {**row, **times} if name in ARRAYS else dict(row)
        expected = {key: cell for key, cell in expected.items() if key != "spikes" or name not in ARRAYS}
        assert {key: one[key] for key in expected} == expected
    assert [row["score"] for row in found] == [0.5, None, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ARRAYS)
def test_equal_rows_give_equal_bytes_and_arrays_of_their_shape(tmp_path, name):
    for place in (tmp_path / name, tmp_path / f"again-{name}"):
        files.write(place, ROWS, ["p", *NAMES[1:]], {})
    assert sha256_of(tmp_path / name) == sha256_of(tmp_path / f"again-{name}")
    found = dict(open_arrays(tmp_path / name, "x")[0])
    for key, expected in columns(6).items():
        if expected.dtype.kind != "U":
            np.testing.assert_array_equal(found[key], expected)
    assert found["id"][:1].astype("U1").tolist() == ["p"]


def test_a_store_replaces_a_store_only(tmp_path):
    files.write(tmp_path / "a.zarr", ROWS, NAMES, {})
    files.write(tmp_path / "a.zarr", ROWS[:2], NAMES[:2], {})
    assert len(list(files.read(tmp_path / "a.zarr"))) == 2
    claim_output(str(tmp_path / "a.zarr"), force=True)
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "file.zarr").touch()
    for name in ("mine.zarr", "file.zarr"):
        with pytest.raises(ConfigError, match=f"Expected .*{name}"):
            claim_output(str(tmp_path / name), force=True)
    remove_output(tmp_path / "a.zarr")
    assert sorted(os.listdir(tmp_path)) == ["file.zarr", "mine.zarr"]


def test_numbered_columns_are_one_array(tmp_path):
    numbered = [{"x0": 1.0, "x1": 2.0, "y1": 3.0}, {"x0": 4.0, "x1": None, "y1": 5.0}]
    files.write(tmp_path / "a.npz", numbered, ["0", "1"], {})
    found = np.load(tmp_path / "a.npz")
    assert sorted(found.files) == ["x", "y1"]
    assert [rows.parse(row.text) for row in files.read(tmp_path / "a.npz")] == numbered


def test_names_with_slashes_and_other_endings_are_errors(tmp_path):
    for name in ("a.h5", "a.zarr"):
        with pytest.raises(ConfigError, match=r"without a slash .*'a/b'.*\.npz"):
            files.write(tmp_path / name, [{"a/b": 1}], ["0"], {})
    with pytest.raises(ConfigError, match=r"\.npz, \.h5"):
        files.write(Path("a.txt"), ROWS, NAMES, {})
