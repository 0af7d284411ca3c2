"""generate: the requested number of items, determined by the seed, written as returned."""

import pandas as pd
import pytest

from sciencegen.api.generate import generate
from sciencegen.errors import SciencegenError


@pytest.mark.usefixtures("tiny_draws")
def test_a_seed_decides_the_items_and_a_file_holds_them(workspace, tmp_path):
    options = {"model": str(workspace.model), "threads": 1, "include": ["height"]}
    first, again, other = (generate("pointclouds", 4, seed=seed, **options) for seed in (1, 1, 2))
    assert first.table.equals(again.table)
    assert set(first.table["item"]) != set(other.table["item"])
    assert first.summary["written"] == len(first.table) == 4
    first.write(tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.csv")["item"].tolist() == first.table["item"].tolist()
    with pytest.raises(SciencegenError, match="height"):
        generate("pointclouds", 4, **{**options, "include": ["hieght"]})
