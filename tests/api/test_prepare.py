"""prepare: the result equals the written files, and foreign folders are kept."""

import numpy as np
import pytest
from PIL import Image

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.sources.preparation import prepare
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
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


def test_few_texts_beside_pictures_are_classes_that_a_model_is_told(tmp_path):
    rng = np.random.default_rng(0)
    labels = ["spiral", "elliptical", "spiral", "", "elliptical", "merger", "spiral"]
    for number in range(len(labels)):
        Image.fromarray(rng.integers(10, 60, (16, 16), np.uint8)).save(tmp_path / f"{number}.png")
    rows = [f"{number}.png,{label},night {number},0.5" for number, label in enumerate(labels)]
    (tmp_path / "zoo.csv").write_text("\n".join(["image,label,night,share", *rows]) + "\n")
    options = {"source": str(tmp_path / "zoo.csv"), "threads": 1, "properties": ["flux"]}
    prepared = prepare("galaxies", tmp_path / "data", **options)
    names = ["label:elliptical", "label:merger", "label:spiral"]
    assert sorted(prepared.summary["columns"]) == [*names, "share"]  # each night has another name
    codes = prepared.values("train", names)
    assert np.isnan(codes[3]).all()
    told = [names[row.argmax()].partition(":")[2] for row in np.delete(codes, 3, 0)]
    assert told == [label for label in labels if label]
    named = prepare("galaxies", tmp_path / "named", columns=["label"], **options)
    assert list(named.summary["columns"]) == names

    fitted = DOMAIN.recipes["stamp-vae"].fit(prepared.items("train")[:], codes, names)
    condition = dict(zip(names, fitted.condition({"label:spiral": 1.0}), strict=True))
    assert condition["label:spiral"] > 0 > condition["label:merger"]  # an item of one class is of no other
    (asked,) = parse_conditions(["label = spiral"], DOMAIN, fitted)
    assert (asked.name, asked.requested_low, asked.satisfied(0.8), asked.satisfied(0.3)) == (
        "label:spiral", 1.0, True, False,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="Did you mean 'label = spiral'"):
        parse_conditions(["label = spirals"], DOMAIN, fitted)


def test_a_property_that_only_score_computes_is_an_error_before_rows_are_read(tmp_path):
    with pytest.raises(ConfigError, match=r"signal_to_noise.*got 'sersic_index', which `score` computes"):
        prepare("galaxies", tmp_path / "data", source="simulated/test", sample=True, properties=["sersic_index"])
    assert not (tmp_path / "data").exists()
