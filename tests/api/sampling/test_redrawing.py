"""Rows that are drawn again are those of the whole generation, from any of its draws."""

import numpy as np
import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation, Together, redraw
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings

SETTINGS = {
    "plain": {"include": ["height"]},
    "raw": {"raw": True, "include": ["height"]},
    "filtered": {"keep": ["right"], "where": ["height >= -1"]},
    "best of three": {"best_of": 3, "steer": ["maximize height"]},
    "condition": {"where": ["radius = 1"]},
}


@pytest.mark.usefixtures("tiny_draws")
@pytest.mark.parametrize("name", SETTINGS)
def test_any_row_is_drawn_again(workspace, name):
    request = resolve_draws(
        load_model("pointclouds", str(workspace.model), "cpu"),
        GenerateSettings(n=20, seed=3, threads=1, **SETTINGS[name]),
    )
    generation = Generation(request)
    chunks = list(generation)
    rows = [dict(zip(chunk, row, strict=True)) for chunk in chunks for row in zip(*chunk.values(), strict=True)]
    kept = list(generation.kept)
    assert len(kept) == len(rows) == 20
    assert kept == sorted(set(kept))
    for chosen in ([17], [0, 1, 19], range(20)):
        again = list(redraw(request, [kept[row] for row in chosen]))
        assert again == [rows[row] for row in chosen]


@pytest.mark.parametrize(("size", "count"), [(64, 1), (8, 3), (64, 5), (1, 4), (5, 64)])
def test_what_is_computed_holds_whole_tasks_and_no_part_too_many(size, count):
    parts = [(0, slice(start, start + 4)) for start in range(0, 512, 4)]
    draws = np.array([3, 200, 201])
    together = Together(draws, size, count)
    rows = {row for draw in draws for row in range(draw * count, (draw + 1) * count)}
    tasks = {row // size for row in rows}
    needed = {row for row in range(512 * count) if row // size in tasks}
    computed = [part for part in parts if together.needs(part)]
    assert {row for row in range(512 * count) if together.has(row)} == needed
    assert {row for row in range(512 * count) if together.drawn(row)} == rows
    of_parts = [set(range(part[1].start * count, part[1].stop * count)) for part in computed]
    assert needed <= set().union(*of_parts)
    assert all(one & needed for one in of_parts)
    assert all(together.begins_before_end(part) for part in computed)


def test_nothing_is_computed_for_no_draw():
    together = Together(np.array([], np.int64), 64, 1)
    assert not together.begins_before_end((0, slice(0, 4)))
