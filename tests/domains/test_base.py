"""Defaults of the record of a domain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains.base import ItemIO, Similarity
from sciencegen.errors import DataError

ITEMS = ItemIO(parse=float, text=str)


def test_items_are_read_from_tables_and_lines_and_written_to_tables(tmp_path):
    ITEMS.write(tmp_path / "a.csv", [1.5, 2.0], ["x", "y"], {"height": [3.0, 4.0]})
    rows = list(ITEMS.read(tmp_path / "a.csv", None))
    assert [(ITEMS.parse(row.text), row.id, row.values) for row in rows] == [
        (1.5, "x", {"height": 3.0}), (2.0, "y", {"height": 4.0}),
    ]  # fmt: skip
    (tmp_path / "a.txt").write_text("1.5\n\n 2 \n")
    assert [(row.line, row.text) for row in ITEMS.read(tmp_path / "a.txt", None)] == [(1, "1.5"), (2, ""), (3, "2")]
    with pytest.raises(DataError, match="found nothing"):
        ITEMS.read(Path("nowhere.txt"), None)


def test_defaults_follow_the_record_that_replaces_another(tmp_path):
    """A form is made by `dataclasses.replace`: what it leaves alone must not ask the other record."""
    other = replace(ITEMS, columns=("number",), text=lambda item: f"{item:.1f}")
    (tmp_path / "a.csv").write_text("number\n1.25\n")
    assert [row.text for row in other.read(tmp_path / "a.csv", None)] == ["1.25"]
    assert other.key(1.25) == "1.2"
    alike = Similarity(matrix=lambda items, others: np.eye(len(items), len(others)))
    assert replace(alike, matrix=lambda items, others: np.zeros((len(items), len(others)))).nearest([1], [1]) == [0.0]
