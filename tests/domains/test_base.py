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


class Named(ItemIO):
    """Items with a further method, which may be the key of other items."""

    def lower(self, item):
        return self.text(item).lower()


class Halved(Similarity):
    """A similarity with a further method."""

    def half(self, items, references):
        return self.matrix(items, references).max(1, initial=0.0) / 2


def test_a_method_of_another_record_is_kept_unless_it_is_a_default():
    """Only defaults follow the record, since `replace` passes those of the old one."""
    other = Named(parse=str, text=lambda item: item)
    mine = Named(parse=str, text=lambda item: f"<{item}>", key=other.lower)
    assert mine.key("A") == "a"
    assert replace(mine, columns=("name",)).key("A") == "a"
    assert Named(parse=str, text=lambda item: f"<{item}>", key=lambda item: other.key(item)).key("A") == "A"
    full = Halved(matrix=lambda items, references: np.ones((len(items), len(references))))
    assert Halved(matrix=full.matrix, nearest=full.half).nearest([1], [1]).tolist() == [0.5]


def test_the_name_of_a_file_stands_for_its_items(tmp_path):
    path = tmp_path / "A.CSV"
    ITEMS.write(tmp_path / "a.csv", [1.5, 2.0], ["x", "y"], {})
    (tmp_path / "a.csv").rename(path)
    assert ITEMS.texts_in(str(path)) == ["1.5", "2.0"]
    for text in ("1.5", str(tmp_path / "none.csv"), str(tmp_path), "7" * 5000 + ".csv"):
        assert ITEMS.texts_in(text) == [text]
