"""Order sheets: each item once, with its routes and the columns of its domain."""

from __future__ import annotations

import pandas as pd
import pytest

from sciencegen.api.science import domain_of
from sciencegen.api.writing.plates import order_sheet
from sciencegen.errors import ConfigError

pytest.importorskip("dnachisel")


def test_copies_are_ordered_once_and_counted(tmp_path):
    plate = {
        "id": ["r1-1", "r1-2", "r1-1-2"],
        "item": ["MKW", "MXK", "MKW"],
        "mutant": ["A", "B", "A"],
        "value": [None] * 3,
    }
    order_sheet(domain_of("proteins"), True, {"stop": False}).write(tmp_path / "plate.csv", plate)
    sheet = pd.read_csv(tmp_path / "plate.order.csv", keep_default_na=False)
    assert list(sheet) == ["id", "item", "mutant", "wells", "dna", "gc", "not_ordered"]
    assert sheet["id"].tolist() == ["r1-1", "r1-2"]
    assert sheet["wells"].tolist() == [2, 1]
    assert sheet["dna"].tolist() == ["ATGAAATGG", ""]
    assert sheet["not_ordered"].tolist()[0] == ""
    assert "unknown residue 'X'" in sheet["not_ordered"].tolist()[1]


def test_molecules_have_their_routes():
    plate = {
        "id": ["r1-1"],
        "item": ["CCO"],
        "route": ["a + b"],
        "route_steps": [1],
        "route_blocks": ["a.b"],
        "predicted": [1.0],
    }
    assert order_sheet(domain_of("molecules"), True, {}).table(plate) == {
        "id": ["r1-1"], "item": ["CCO"], "route": ["a + b"], "route_steps": [1], "route_blocks": ["a.b"], "wells": [1]
    }  # fmt: skip


def test_options_ask_for_a_sheet_and_a_domain_without_any_refuses_them():
    assert order_sheet(domain_of("proteins"), False, {}) is None
    assert order_sheet(domain_of("proteins"), False, {"host": "yeast"}) is not None
    with pytest.raises(ConfigError, match="Expected no `order` options for molecules, got host"):
        order_sheet(domain_of("molecules"), False, {"host": "yeast"})
