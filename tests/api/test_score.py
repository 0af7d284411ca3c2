"""score: values are the domain's own, and a text that is no item keeps its place."""

from pathlib import Path

import pandas as pd
import pytest
from pointclouds import DOMAIN

from sciencegen.api.score import score
from sciencegen.domains.proteins.backbones.files import ITEMS, OBJECTS
from sciencegen.errors import DataError, SciencegenError
from tests.domains.proteins.backbones.examples import chains

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


@pytest.mark.parametrize(
    "given",
    [
        lambda texts, objects: texts,
        lambda texts, objects: iter(texts),
        lambda texts, objects: objects,
        lambda texts, objects: pd.DataFrame({"item": [None, *texts]}),
    ],
)
def test_the_form_of_given_items_is_recognized(given):
    texts = [ITEMS.text(one) for one in chains()[:2]]
    found = score("proteins", given(texts, [OBJECTS.of(one) for one in chains()[:2]]), ["helix", "length"], threads=1)
    assert found.table["length"].dropna().tolist() == [len(one) for one in chains()[:2]]
    assert found.domain == "proteins/structures"
    alone = score("proteins", OBJECTS.of(chains()[1]), ["helix"], threads=1)
    assert alone.table["helix"].tolist() == found.table["helix"].tolist()[-1:]


def test_an_absent_file_is_named():
    with pytest.raises(DataError, match=r"there is none at 'none\.pdb'\. Check the path"):
        score("proteins", Path("none.pdb"))
