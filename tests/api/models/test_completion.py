"""Completing: rows of one size share a chunk, and only a model that completes is taken."""

from types import SimpleNamespace

import pytest

from sciencegen.api.models.completion import ROWS, _chunks, check_completes, completer, completing_parts
from sciencegen.config import Resources
from sciencegen.errors import ConfigError


def test_chunks_hold_each_row_once_and_rows_of_one_size():
    given = ["x" * (row % 3 + 1) for row in range(3 * ROWS + 7)]
    rows = list(range(0, len(given), 2)) + list(range(1, len(given), 2))
    chunks = list(_chunks(given, rows))
    assert sorted(row for chunk in chunks for row in chunk) == list(range(len(given)))
    assert all(len({len(given[row]) for row in chunk}) == 1 and len(chunk) <= ROWS for chunk in chunks)


def test_a_model_that_makes_new_items_completes_none():
    with pytest.raises(ConfigError, match="runs/m makes new ones"):
        check_completes(SimpleNamespace(completes=False), "runs/m")
    with pytest.raises(ConfigError, match="runs/m can't"):
        completing_parts(SimpleNamespace(representation=object(), model=object(), folder="runs/m"))


def test_a_scaffold_needs_a_model_and_no_name_is_no_completer():
    assert completer("molecules", None, 0, Resources()) is None
    with pytest.raises(ConfigError, match="Name it with `complete`"):
        completer("molecules", None, 0, Resources(), SimpleNamespace(item=None))
