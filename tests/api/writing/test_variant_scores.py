"""The heat map of a table of variants."""

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.writing.results import VariantScores
from sciencegen.errors import ConfigError, DataError

TABLE = pd.DataFrame(
    {"mutant": ["A42G", "A42C", "K43R", "A42G:K43R", None], "score": [-1.0, 0.5, np.nan, -9.0, 1.0], "lab": 2.0}
)


def cells(figure) -> np.ndarray:
    return np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)


def test_single_changes_are_cells():
    found = VariantScores(TABLE, variants_of="proteins").plot_heatmap()
    assert sorted(cells(found)[np.isfinite(cells(found))]) == [-1.0, 0.5]
    assert found.axes[-1].get_ylabel() == "score (nats), 0 is the wild type"
    other = VariantScores(TABLE, variants_of="proteins").plot_heatmap("lab")
    assert np.isfinite(cells(other)).sum() == 3


def test_what_has_no_cells_is_an_error():
    with pytest.raises(ConfigError, match="column of scores among mutant, score, lab, got 'fitness'"):
        VariantScores(TABLE, variants_of="proteins").plot_heatmap("fitness")
    with pytest.raises(DataError, match="single changes"):
        VariantScores(TABLE[3:], variants_of="proteins").plot_heatmap()
