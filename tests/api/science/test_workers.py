"""Worker processes: a text that crashes its process loses only its own row."""

import pickle

import pytest

from sciencegen.api.sampling.judge import Judge
from sciencegen.api.science import Encode, ReadItems, describe
from sciencegen.domains import load_domain
from sciencegen.items import Row

CLOUDS = ["0 0;1 0;0 1;1 1;2 2", "crash", "junk", "0 0;2 0;0 2;2 2;1 1"]


def test_rows_keep_their_order_and_refusals_their_lines():
    rows = [Row(line, text) for line, text in enumerate(CLOUDS, 3)]
    good, refused = describe(ReadItems("pointclouds"), rows, 1)
    assert [row.line for row, _ in good] == [3, 6]
    assert [(line, text) for line, text, _ in refused] == [(4, "crash"), (5, "junk")]


@pytest.mark.parametrize("task", [Encode, lambda *named: Judge(*named, (), (), (), False)])
def test_a_recipe_is_imported_as_its_task_is_unpickled(task, monkeypatch):
    """The server of workers unpickles a task once; else each worker imports torch again."""
    sent, seen = pickle.dumps(task("pointclouds", "default", "{}")), []

    class Recipes:
        def __getitem__(self, name):
            seen.append(name)

    monkeypatch.setitem(vars(load_domain("pointclouds")), "recipes", Recipes())
    assert pickle.loads(sent).recipe == "default"
    assert seen == ["default"]
