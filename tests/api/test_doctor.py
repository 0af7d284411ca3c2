"""doctor: lists what is installed without loading it."""

from sciencegen.api.doctor import _dataset, _libraries, _system, _version


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
