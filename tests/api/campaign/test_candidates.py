"""Candidates that the user supplies: distinct items of a pool with their costs."""

import pytest
from pointclouds import DOMAIN

from sciencegen.api.campaign.candidates import candidate_pool, nearest_measured, suggested_items
from sciencegen.config import ProposeSettings
from sciencegen.errors import DataError


def like(item):
    """Every item can be compared with the known ones."""


CLOUDS = ["0 0;1 0;0 1;1 1;2 2", "0 0;2 0;0 2;2 2;1 1"]


def supplied(path, cost=None, also=()):
    return ProposeSettings(pool=str(path), also=tuple(map(str, also)), cost=cost, threads=1)


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text(f"item,price\n{CLOUDS[0]},2\n{CLOUDS[1]},3\n{CLOUDS[0]},9\njunk,1\n")
    return path


def test_an_item_counts_once_at_its_first_cost(pool):
    found, refused = candidate_pool(DOMAIN, supplied(pool, "price"), None, like)
    assert [DOMAIN.items.key(item) for item in found.items] == list(found.keys)
    assert found.costs.tolist() == [2.0, 3.0]
    assert [(line, text) for line, text, _ in refused] == [(5, "junk")]


def test_a_cost_that_is_none_is_an_error_with_its_line(pool):
    pool.write_text(f"item,price\n{CLOUDS[0]},2\n{CLOUDS[1]},0\n")
    with pytest.raises(DataError, match="line 3 has 0"):
        candidate_pool(DOMAIN, supplied(pool, "price"), None, like)


def test_a_pool_without_items_says_why(pool):
    pool.write_text("item\njunk\n")
    with pytest.raises(DataError, match="all rows were refused"):
        candidate_pool(DOMAIN, supplied(pool), None, like)


def test_items_that_cannot_be_compared_are_refused_with_the_reason(pool):
    first = DOMAIN.items.key(DOMAIN.items.parse(CLOUDS[0]))

    def unlike(item):
        return "too small" if DOMAIN.items.key(item) == first else None

    found, refused = candidate_pool(DOMAIN, supplied(pool), None, unlike)
    assert len(found.items) == 1
    assert [(line, why) for line, _, why in sorted(refused) if line < 5] == [(2, "too small"), (4, "too small")]
    with pytest.raises(DataError, match=r"all rows were refused, the first: .*\. Correct them, or pass another pool"):
        candidate_pool(DOMAIN, supplied(pool), None, lambda item: "too small")


def test_further_tables_give_items_and_refusals(pool):
    items, refused = suggested_items(DOMAIN, supplied(pool, also=[pool, pool]), None, like)
    assert len(items) == 4
    assert len(refused) == 2


def test_the_nearest_measured_item_has_a_column_for_each_target():
    """Whatever the first measured one lacks."""
    items = [DOMAIN.items.parse(text) for text in CLOUDS]
    values = {DOMAIN.items.key(items[0]): {"a": 1.0}, DOMAIN.items.key(items[1]): {"a": 2.0, "b": 3.0}}
    found = nearest_measured(
        DOMAIN, lambda item, other: "" if item is other else "other", items, items, values, ["a", "b"]
    )
    assert found["nearest"] == [DOMAIN.items.text(item) for item in items]
    assert (found["nearest_a"], found["nearest_b"]) == ([1.0, 2.0], [None, 3.0])
    assert (found["similarity"], found["changed"]) == ([1.0, 1.0], ["", ""])
    assert nearest_measured(DOMAIN, str.__add__, items, [], values, ["a"]) == {}
