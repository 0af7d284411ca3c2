"""Checks of output names."""

import sys

import pytest

from sciencegen.api.writing.writer import check_complete, check_ending, check_endings, check_table, writes_structures
from sciencegen.errors import ConfigError, IncompatibleError


@pytest.mark.parametrize(
    ("output", "expected"),
    [("x.sdf", True), ("x.csv", False), ("X.SMI", False), ("x.parquet", False), ("-", False)],
)
def test_only_the_domain_s_own_formats_hold_structures(output, expected):
    assert writes_structures(output) is expected


def test_an_ending_that_nothing_writes_is_an_error_with_those_that_are():
    check_ending("molecules", "`output`", "x.sdf")
    check_endings("molecules", "-")
    check_endings("molecules", "x.csv", "x.sdf")
    with pytest.raises(ConfigError, match=r"`output` to end in \.csv.*\.sdf.*got x\.docx"):
        check_endings("molecules", "x.docx")
    with pytest.raises(ConfigError, match="`structures` to end in"):
        check_endings("molecules", "x.csv", "x.pdb")


@pytest.mark.parametrize("output", ["-", "x.csv", "x.CSV.GZ", "x.parquet"])
def test_a_table_is_told_by_its_ending(output):
    check_table(output, "scores of variants")
    with pytest.raises(ConfigError, match=r"`output` to end in \.csv or \.parquet for scores of variants, got x"):
        check_table("x.fasta", "scores of variants")


def test_a_model_that_gives_structures_needs_a_file_that_holds_them():
    check_complete(None, "x.csv")
    check_complete("conformers", "x.csv", "x.sdf")
    with pytest.raises(ConfigError, match="which holds none"):
        check_complete("conformers", "x.csv", None)


def test_a_library_that_is_missing_is_named(monkeypatch):
    check_ending("arrays", "`output`", "x.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(
        IncompatibleError, match=r"to write a Zarr store, got none\. Install it: pip install 'sciencegen\[zarr\]'"
    ):
        check_ending("arrays", "`output`", "x.zarr")
    with pytest.raises(ConfigError, match=r"end in \.npz, \.h5, \.hdf5, got x\.txt"):
        check_ending("arrays", "`output`", "x.txt")
