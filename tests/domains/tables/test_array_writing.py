"""Rows written as arrays are read again."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from sciencegen.domains.tables import files, rows
from sciencegen.errors import ConfigError
from tests.domains.tables.arrays_table import columns, items

ROWS = items(6)
NAMES = [str(at) for at in range(6)]
FORMATS = ("a.npz", "a.h5", "a.csv", "a.parquet")


@pytest.mark.parametrize("name", FORMATS)
def test_rows_are_read_again(tmp_path, name):
    files.write(tmp_path / name, ROWS, NAMES, {"score": [0.5, None, 1.0, 2.0, 3.0, 4.0]})
    found = [rows.parse(row.text) for row in files.read(tmp_path / name)]
    spikes = [{**{f"spikes{at}": one for at, one in enumerate(row["spikes"])}} for row in ROWS]
    for one, row, times in zip(found, ROWS, spikes, strict=True):
        expected = {**row, **times} if name in ("a.npz", "a.h5") else dict(row)
        expected = {key: cell for key, cell in expected.items() if key != "spikes" or name not in ("a.npz", "a.h5")}
        assert {key: one[key] for key in expected} == expected
    assert [row["score"] for row in found] == [0.5, None, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_equal_rows_give_equal_bytes_and_arrays_of_their_shape(tmp_path, name):
    for place in (tmp_path / name, tmp_path / f"again-{name}"):
        files.write(place, ROWS, ["p", *NAMES[1:]], {})
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    found = dict(np.load(tmp_path / name) if name == "a.npz" else h5py.File(tmp_path / name))
    for key, expected in columns(6).items():
        if expected.dtype.kind != "U":
            np.testing.assert_array_equal(found[key], expected)
    assert found["id"][:1].astype("U1").tolist() == ["p"]


def test_numbered_columns_are_one_array(tmp_path):
    numbered = [{"x0": 1.0, "x1": 2.0, "y1": 3.0}, {"x0": 4.0, "x1": None, "y1": 5.0}]
    files.write(tmp_path / "a.npz", numbered, ["0", "1"], {})
    found = np.load(tmp_path / "a.npz")
    assert sorted(found.files) == ["x", "y1"]
    assert [rows.parse(row.text) for row in files.read(tmp_path / "a.npz")] == numbered


def test_names_with_slashes_and_other_endings_are_errors(tmp_path):
    with pytest.raises(ConfigError, match=r"without a slash .*'a/b'.*\.npz"):
        files.write(tmp_path / "a.h5", [{"a/b": 1}], ["0"], {})
    with pytest.raises(ConfigError, match=r"\.npz, \.h5"):
        files.write(Path("a.txt"), ROWS, NAMES, {})
