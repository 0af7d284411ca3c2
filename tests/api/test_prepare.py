"""prepare: the result equals the written files, and foreign folders are kept."""

import pytest

from sciencegen.api.sources.preparation import prepare
from sciencegen.data.prepared import PreparedDataset
from sciencegen.errors import ConfigError, SciencegenError


def test_the_folder_holds_what_is_returned_and_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "x.txt").write_text("0 0;1 0;0 1;1 1;2 2\n")
    options = {"source": str(tmp_path / "x.txt"), "threads": 1}
    prepared = prepare("pointclouds", tmp_path / "data", **options)
    read = PreparedDataset.load(tmp_path / "data")
    assert list(read.items("train")) == list(prepared.items("train")) == ["0 0;1 0;0 1;1 1;2 2"]
    with pytest.raises(SciencegenError, match="force"):
        prepare("pointclouds", tmp_path / "data", **{**options, "properties": ["height"]})
    with pytest.raises(SciencegenError, match="source"):
        prepare("pointclouds", tmp_path / "other", suorce="x.txt")


def test_a_property_that_only_score_computes_is_an_error_before_rows_are_read(tmp_path):
    with pytest.raises(ConfigError, match=r"signal_to_noise.*got 'sersic_index', which `score` computes"):
        prepare("galaxies", tmp_path / "data", source="simulated/test", sample=True, properties=["sersic_index"])
    assert not (tmp_path / "data").exists()
