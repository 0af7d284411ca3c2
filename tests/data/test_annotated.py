"""AnnData files as arrays."""

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sciencegen.data.annotated import annotated_arrays
from sciencegen.domains.tables.sources import open_source
from sciencegen.errors import DataError

COUNTS = np.array([[0, 2], [1, 0], [0, 0]], np.float32)


def write(path, sparse, names=("g1", "g2")):
    """As anndata 0.12 writes one."""
    with h5py.File(path, "w") as file:
        for name, index in (("obs", ["a", "b", "c"]), ("var", list(names))):
            group = file.create_group(name)
            group.attrs["_index"] = "_index"
            group.attrs["column-order"] = ["kind", "age"] if name == "obs" else np.array([], "S1")
            group["_index"] = np.array(index, "S")
        kind = file["obs"].create_group("kind")
        kind["codes"], kind["categories"] = np.array([1, -1, 0], np.int8), np.array(["B", "T"], "S")
        file["obs"]["age"] = np.array([1.5, 2.5, 3.5])
        if not sparse:
            file["X"] = COUNTS
            return
        rows = csr_matrix(COUNTS)
        group = file.create_group("X")
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", COUNTS.shape
        group["data"], group["indices"], group["indptr"] = rows.data, rows.indices, rows.indptr


@pytest.mark.parametrize("sparse", [False, True])
def test_observations_are_rows_and_variables_columns(tmp_path, sparse):
    write(tmp_path / "a.h5ad", sparse)
    found, _ = annotated_arrays(tmp_path / "a.h5ad")
    assert {name: column.tolist() for name, column in found.items()} == {
        "id": ["a", "b", "c"], "kind": ["T", "", "B"], "age": [1.5, 2.5, 3.5], "g1": [0, 1, 0], "g2": [2, 0, 0],
    }  # fmt: skip


def test_a_table_is_read_from_one(tmp_path):
    write(tmp_path / "a.h5ad", True)
    source = open_source(tmp_path / "a.h5ad")
    assert list(source.records())[1] == (2, ("b", None, 2.5, 1.0, 0.0))
    assert source.categories["kind"] == ["B", "T"]


def test_names_that_do_not_fit_are_an_error(tmp_path):
    write(tmp_path / "a.h5ad", False, ("g1",))
    with pytest.raises(DataError, match="Expected 2 names of variables"):
        annotated_arrays(tmp_path / "a.h5ad")


def test_indices_beyond_the_matrix_are_an_error(tmp_path):
    write(tmp_path / "a.h5ad", True)
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        file["X"]["indices"][...] = 99
    with pytest.raises(DataError, match="a file of arrays"):
        open_source(tmp_path / "a.h5ad")


def test_a_link_to_another_file_is_an_error(tmp_path):
    write(tmp_path / "other.h5ad", False)
    write(tmp_path / "a.h5ad", False)
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink("other.h5ad", "/X")
    with pytest.raises(DataError, match="found it in another file"):
        annotated_arrays(tmp_path / "a.h5ad")
