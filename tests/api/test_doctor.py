"""doctor: lists what is installed without loading it."""

from sciencegen.api.doctor import _dataset, _libraries, _plugins, _system, _version
from tests.toy import write_broken_package


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


def test_plugins_have_a_package_and_a_broken_one_says_why(tmp_path, monkeypatch):
    parts = "[sciencegen.domains]\nbrokendom = nothere\n[sciencegen.oracles]\nsize = builtins:len\nnone = nothere:f\n"
    monkeypatch.syspath_prepend(write_broken_package(tmp_path, parts))
    found = _plugins()
    assert found["domain pointclouds"] == "pointclouds 1.0"
    assert found["sampler midpoint"] == "parts 1.0"
    assert found["oracle size"] == "broken 1.2"
    assert found["domain brokendom"].startswith(
        "can't be loaded: Expected the domain 'brokendom' at 'nothere' of broken 1.2, got ModuleNotFoundError"
    )
    assert "can't be loaded" in found["oracle none"]
    assert {"brokendom (can't be loaded)", "pointclouds"} <= set(_system()["domains"].split(", "))
