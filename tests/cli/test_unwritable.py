"""Outputs that can't be written are errors before any work."""

from __future__ import annotations

import pytest

from tests.test_locks import held_elsewhere

VERBS = {
    "generate": ("pointclouds", "--model", "nonesuch"),
    "encode": ("pointclouds", "none.csv"),
    "decode": ("pointclouds", "none.npz"),
    "interpolate": ("pointclouds", "a", "b"),
    "score": ("pointclouds", "none.csv"),
    "predict": ("pointclouds", "none.csv", "--predictor", "x=none"),
    "sequences": ("pointclouds", "none.csv"),
    "optimize": ("pointclouds", "--goal", "maximize nonesuch"),
    "propose": ("pointclouds", "--measured", "none.csv"),
    "evaluate": ("pointclouds", "none.csv"),
    "benchmark": ("nonesuch",),
    "report": ("none.csv", "--domain", "pointclouds"),
    "datasets prepare": ("pointclouds", "none.csv"),
    "train predictor": ("pointclouds", "none.csv", "--target", "x"),
}
"""Each with an input that is wrong: the output is refused before anybody looks at it."""

LONG = "a" * 300
NOWHERE = "/proc/nope"
"""Nobody can make a folder there, not even root."""


@pytest.mark.parametrize("place", [NOWHERE, LONG, f"{LONG}/b"])
@pytest.mark.parametrize("verb", VERBS)
def test_an_output_that_cannot_be_written_is_told_first(cli, verb, place, tmp_path):
    ending = ".npz" if verb == "encode" else ".csv"
    result = cli(*verb.split(), *VERBS[verb], "-o", f"{place}/x{ending}" if place == NOWHERE else place + ending)
    assert result.code == 2
    assert result.err.startswith("error: Expected a place for -o that can be written to, got ")
    assert result.err.rstrip().endswith("Pass another -o.")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with outputs that another process writes."""
    folder = tmp_path_factory.mktemp("kept")
    with held_elsewhere(*(folder / name for name in ("x.csv", "x.npz", "z/trace.csv"))):
        yield folder


@pytest.mark.parametrize("verb", VERBS)
def test_an_output_that_another_process_writes_is_told_first(cli, verb, kept):
    output = kept / ("x.npz" if verb == "encode" else "x.csv")
    result = cli(*verb.split(), *VERBS[verb], "--force", "-o", output)
    assert result.code == 2
    assert f"error: Expected {output} to be free, but another process writes there" in result.err


@pytest.mark.parametrize("files", [("-o", "x.parquet"), ("--structures", "x.csv"), ("--details", "z")])
def test_all_files_of_a_search_are_kept(cli, kept, files):
    result = cli("optimize", *VERBS["optimize"], files[0], kept / files[1])
    assert f"error: Expected {kept / ('z/trace.csv' if files[1] == 'z' else 'x.csv')} to be free" in result.err


@pytest.mark.parametrize("place", [NOWHERE, LONG])
def test_a_training_that_cannot_be_written_is_told_before_data_are_prepared(cli, workspace, place):
    result = cli("train", "pointclouds", "--data", workspace.folder / "clouds.csv", "-o", place)
    assert (result.code, "Expected a place for -o" in result.err) == (2, True)
    taken = cli("train", "pointclouds", "--settings", f"{{model: {workspace.model}}}", "-o", place)
    assert (taken.code, "Expected a place for -o" in taken.err) == (2, True)


@pytest.mark.parametrize("place", [NOWHERE, LONG])
def test_a_journal_that_cannot_be_written_is_told_first(cli, place):
    for verb in (("record", "pointclouds", "none.csv"), ("propose", "pointclouds", "--measured", "none.csv")):
        result = cli(*verb, "--journal", f"{place}/j.csv")
        assert (result.code, "Expected a place for --journal" in result.err) == (2, True)


def test_no_device_is_replaced_by_a_file(cli):
    result = cli("score", "pointclouds", "none.csv", "--force", "-o", "/dev/null")
    assert (result.code, "is a device" in result.err) == (2, True)
