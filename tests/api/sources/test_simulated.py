"""Simulated rows are a function of their numbers alone."""

import pandas as pd
import pytest

from sciencegen.api.sources.tables import SimulateRows, write_rows
from sciencegen.errors import DataError


def test_a_row_is_the_same_whatever_it_is_made_with(tmp_path, monkeypatch):
    simulate = SimulateRows("galaxies", {"side": 32}, 3)
    assert simulate((0, 3))[2] == simulate((2, 3))[0]
    heard = []
    write_rows(simulate, (1, 3), tmp_path / "x.csv", ["flux"], lambda done, total: heard.append((done, total)))
    table = pd.read_csv(tmp_path / "x.csv")
    assert table["item"].tolist() == [text for text, _ in simulate((1, 3))]
    assert table["flux"].tolist() == pytest.approx([values["flux"] for _, values in simulate((1, 3))])
    assert heard[-1] == (2, 2)


def test_a_domain_without_a_simulation_says_so():
    with pytest.raises(DataError, match="pointclouds has no simulation"):
        SimulateRows("pointclouds", {}, 0)((0, 1))
