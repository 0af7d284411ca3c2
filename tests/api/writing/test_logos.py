"""Logos of results: of sequences that can be aligned, whichever table they stand in."""

import pandas as pd
import pytest

from sciencegen.api.writing.results import Result
from sciencegen.errors import ConfigError, DataError


def result(*texts: str | None, domain: str = "proteins") -> Result:
    return Result(pd.DataFrame({"item": texts}), domain=domain)


def test_columns_are_numbered_by_the_wild_type(tmp_path):
    texts = ["MKVLAT", "MRVLAS", None, "MRVLAT", "MKVLAT", "MKVLAT"]
    figure = result(*texts).plot_logo()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2", "6"]
    assert figure.axes[0].patches
    named = result(*texts).plot_logo("MKVLAT")
    assert [text.get_text() for text in named.axes[0].texts] == ["K", "T"]
    assert result(*["MKV-AT"] * 9, "MRVLAS", domain="proteins/aligned").plot_logo().axes[0].patches


def test_others_are_errors():
    with pytest.raises(ConfigError, match=r"letters in columns .proteins., got molecules"):
        result("CCO", domain="molecules").plot_logo()
    with pytest.raises(ConfigError, match="got other rows"):
        Result(pd.DataFrame({"metric": [1]})).plot_logo()
    for texts in ((), ("MKV", "MKV")):
        with pytest.raises(DataError, match="can be aligned and that differ"):
            result(*texts).plot_logo()
    with pytest.raises(DataError, match="more items for a logo, got 2"):
        result("MKV", "MKL").plot_logo()
