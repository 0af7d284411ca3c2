"""score: values are the domain's own, and a text that is no item keeps its place."""

import pandas as pd
import pytest
from pointclouds import DOMAIN

from sciencegen.api.score import score
from sciencegen.errors import SciencegenError

CLOUDS = ["0 0;1 0;0 1;1 1;2 2", "0 0;2 0;0 2;2 2;1 1"]


def test_each_text_has_its_row(tmp_path):
    found = score("pointclouds", [CLOUDS[0], "junk", CLOUDS[1]], ["height", "toy:far"], threads=1)
    items = [DOMAIN.items.parse(text) for text in CLOUDS]
    assert found.table["height"].dropna().tolist() == pytest.approx(DOMAIN.measure(items, ["height"])[:, 0])
    assert found.table["toy:far"].dropna().tolist() == [2.0, 2.0]
    assert found.table["refused"].notna().tolist() == [False, True, False]
    assert [line for line, *_ in found.refused] == [2]
    with pytest.raises(SciencegenError, match="Did you mean 'height'"):
        score("pointclouds", CLOUDS, ["hieght"], threads=1)


def test_a_frame_is_its_column_of_items():
    table = pd.DataFrame({"size": 1.0, "mine": [*CLOUDS, None]})
    found = score("pointclouds", table, ["height"], column="mine", threads=1)
    assert (
        found.table["height"].tolist()[:2]
        == score("pointclouds", CLOUDS, ["height"], threads=1).table["height"].tolist()
    )
    assert found.table["refused"].notna().tolist() == [False, False, True]
    with pytest.raises(SciencegenError, match="Expected a column of items"):
        score("pointclouds", table, ["height"], threads=1)
    with pytest.raises(SciencegenError, match="Expected items of pointclouds as texts, got list"):
        score("pointclouds", [[1.0]], ["height"], threads=1)
