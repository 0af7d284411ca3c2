"""The files of a search."""

import json

import pandas as pd
import pytest

from sciencegen.api.optimize import DETAILS, SearchFiles, SearchRecord
from sciencegen.errors import ConfigError

TABLE = {"rank": [1, 2], "item": ["CCO", "CC"]}
TRACE = {"method": ["prior"], "call": [1], "top_10": [0.5], "feasible": [1]}


def record(failed=()):
    return SearchRecord("molecules", TABLE, TRACE, {"item": ["CCO"]}, failed, {"candidates": 2})


def test_every_file_that_is_named_is_written_and_no_other(tmp_path):
    files = SearchFiles(str(tmp_path / "best.parquet"), str(tmp_path / "best.smi"), str(tmp_path / "search"))
    files.claim("molecules", False)
    record([(7, "C", "no score")]).write(files)
    written = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {*files.paths, f"{files.output}.rejects.csv"}
    assert pd.read_csv(tmp_path / "best.csv")["item"].tolist() == TABLE["item"]
    assert json.loads((tmp_path / "search" / DETAILS[2]).read_text()) == {"candidates": 2}
    assert pd.read_csv(f"{files.output}.rejects.csv")["line"].tolist() == [7]


def test_any_file_that_exists_is_claimed_only_to_be_overwritten(tmp_path):
    files = SearchFiles(str(tmp_path / "best.csv"), details=str(tmp_path))
    (tmp_path / DETAILS[0]).touch()
    with pytest.raises(ConfigError, match=r"trace\.csv exists"):
        files.claim("molecules", False)
    files.claim("molecules", True)
