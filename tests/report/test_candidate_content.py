"""Candidates from a table as it is written."""

import numpy as np
import pandas as pd
import pytest

from sciencegen.report.content import CandidateContent

TABLE = {
    "rank": [1, 2], "id": ["a", "b"], "item": ["CCO", "CCN"], "mass": np.array([46.1, 45.1]),
    "mass_lower": [45.0, 44.0], "mass_upper": [47.0, 46.0], "novel": pd.Series([True, False]),
}  # fmt: skip


def test_bounds_belong_to_their_column_and_ranks_and_ids_are_none():
    found = CandidateContent.from_table(TABLE)
    assert [column.name for column in found.columns] == ["mass", "novel"]
    assert found.columns[0].lower == [45.0, 44.0]
    assert (found.items, found.ids) == (["CCO", "CCN"], ["a", "b"])
    assert all(type(value) is bool for value in found.columns[1].values)


def test_columns_have_what_is_described_of_them():
    described = {"units": {"mass": "Da"}, "goal_ranges": {"mass": (None, 46.0)}, "directions": {"novel": "maximize"}}
    mass, novel = CandidateContent.from_table(TABLE, **described, total=9, noun="molecules").columns
    assert (mass.unit, mass.goal_range, mass.direction) == ("Da", (None, 46.0), None)
    assert (novel.unit, novel.goal_range, novel.direction) == ("", None, "maximize")


@pytest.mark.parametrize("column", ["mass", "novel"])
def test_a_table_needs_its_items_alone(column):
    found = CandidateContent.from_table({"item": ["CCO", "CCN"], column: TABLE[column]})
    assert [one.name for one in found.columns] == [column]
    assert found.ids == []
