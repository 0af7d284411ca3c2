"""Preparing a source: rows are standardized and split, and wrong names are errors first."""

import pytest

from sciencegen.api.science import domain_of
from sciencegen.api.sources.preparation import prepare_source, reference_of_source, resolve_prepare
from sciencegen.config import PrepareSettings
from sciencegen.errors import ConfigError, SciencegenError
from tests.toy import write_clouds


def test_every_row_is_used_or_refused_and_measured_as_the_domain_does(tmp_path):
    path = write_clouds(tmp_path / "clouds.csv", 20)
    path.write_text(path.read_text() + "junk\n")
    chosen = PrepareSettings(source=str(path), properties=("height",), fractions={"train": 0.5, "test": 0.5}, threads=1)
    prepared = prepare_source("pointclouds", tmp_path / "data", chosen)
    assert sum(prepared.count(split) for split in ("train", "test")) == 20
    assert prepared.summary["counts"]["refused"] == 1
    domain = domain_of("pointclouds")
    texts = prepared.items("train")
    items = [domain.items.parse(text) for text in texts]
    assert prepared.values("train", ["height"]) == pytest.approx(domain.measure(items, ["height"]))


def test_without_a_source_or_with_an_unknown_property_nothing_is_written(tmp_path):
    with pytest.raises(ConfigError, match="a source to prepare"):
        prepare_source("pointclouds", tmp_path / "data", PrepareSettings())
    with pytest.raises(SciencegenError, match="Did you mean 'height'"):
        resolve_prepare("pointclouds", PrepareSettings(source="x.csv", properties=("hieght",)))
    assert resolve_prepare("pointclouds", PrepareSettings(source="x.csv"))[2] == ("radius", "height")
    assert not (tmp_path / "data").exists()


def test_fractions_divide_one_split_of_a_dataset_and_no_more(tmp_path):
    shares = {"a": 0.8, "b": 0.2}
    chosen = PrepareSettings(source="moses/train", sample=True, limit=300, properties=(), fractions=shares, threads=1)
    prepared = prepare_source("molecules", tmp_path / "data", chosen)
    counts = [prepared.count(split) for split in ("a", "b")]
    assert counts[0] > 2 * counts[1] > 0
    with pytest.raises(ConfigError, match="divide one split: moses/train"):
        prepare_source("molecules", tmp_path / "no", chosen.model_copy(update={"source": "moses"}))
    assert not (tmp_path / "no").exists()


def test_a_wild_type_needs_the_form_of_a_family():
    with pytest.raises(ConfigError, match="Pass `form` aligned"):
        reference_of_source(domain_of("proteins"), PrepareSettings(wild_type="MKV"), [])
    assert reference_of_source(domain_of("proteins"), PrepareSettings(), []) is None
