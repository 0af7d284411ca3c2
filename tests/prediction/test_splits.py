import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.prediction.training_tables import Split, below_cut, has_cut, split_folds


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def parts(rows: int = 200, kinds: int = 30) -> list[tuple[int, ...]]:
    draw = generator()
    return [tuple(draw.choice(kinds, size=draw.integers(0, 3), replace=False).tolist()) for _ in range(rows)]


def test_no_model_has_seen_a_part_that_it_is_asked_about():
    labels = parts()
    found = split_folds(Split("positions", "parts", labels), np.arange(200.0)[:, None], 5, generator())
    for k in range(5):
        known = {part for row in np.flatnonzero(~found.left_out[:, k]) for part in labels[row]}
        asked = [labels[row] for row in np.flatnonzero(found.fold == k)]
        assert all(not set(item) <= known for item in asked if item)
    assert found.left_out[np.arange(200), found.fold].all()
    assert all(found.left_out[row].sum() == 1 for row, item in enumerate(labels) if not item)


def test_equal_items_are_on_one_side_whatever_the_split():
    rows = np.repeat(np.arange(60.0), 2)[:, None]
    labels = [item for item in parts(60) for _ in range(2)]
    for split in (Split(), Split("p", "parts", labels), Split("g", "groups", [f"{k // 2 % 9}" for k in range(120)])):
        found = split_folds(split, rows, 4, generator())
        assert (found.fold[::2] == found.fold[1::2]).all()
        assert (found.left_out[::2] == found.left_out[1::2]).all()


def cut(order, target=None, inputs=None):
    rows = np.arange(float(len(order)))
    return below_cut(
        Split("o", "order", order),
        rows[:, None] if inputs is None else inputs,
        np.sin(rows) if target is None else target,
        19,
    )


@pytest.mark.parametrize("values", [np.arange(90), np.repeat([0, 1, 2, 5], [1, 20, 40, 29]), generator().random(50)])
def test_everything_beyond_a_cut_is_above_everything_below(values):
    below = cut(values)
    assert values[below].max() < values[~below].min()
    assert below.sum() >= 10
    assert (~below).sum() >= 19


def test_the_cut_is_as_near_to_half_as_items_allow():
    assert cut(np.arange(90)).sum() == 45
    assert cut(np.repeat([1, 2, 3], [30, 20, 40])).sum() == 50
    assert cut(np.repeat([1, 2], [15, 300])).sum() == 15


def test_copies_of_one_item_are_no_items_to_learn_from():
    """Sixty measurements of the wild type, say."""
    order = np.repeat([0, 1, 2], [60, 20, 30])
    inputs = np.where(np.arange(110) < 60, 0, np.arange(110))[:, None]
    assert cut(order, inputs=inputs).sum() == 80


def test_the_lower_part_has_something_to_learn():
    """Half of the values are nearly zero: the cut lies among the others."""
    values = np.where(np.arange(200) < 110, 0.001 * np.arange(200), np.arange(200.0))
    below = cut(values, target=values)
    assert below[:115].all()
    assert values[below].var() >= values.var() / 5
    assert cut(np.repeat([1, 2], [40, 60]), target=np.repeat([0.0, 1.0], [40, 60])).sum() == 40  # no other cut


def test_a_part_of_a_split_is_the_split_of_that_part():
    split = Split("p", "parts", parts()).of(np.array([3, 1]))
    assert split.labels == [parts()[3], parts()[1]]
    assert Split().of(np.array([3])) == Split()


def test_what_does_not_split_is_told():
    with pytest.raises(DataError, match="2 to 2"):
        cut(np.full(50, 2))
    assert not has_cut(Split("mutations", "order", np.full(50, 2)), np.arange(50.0)[:, None], 19)
    with pytest.raises(DataError, match="nearly every item"):
        split_folds(Split("positions", "parts", [(1, 2, 3)] * 50), np.arange(50.0)[:, None], 5, generator())
    with pytest.raises(DataError, match="at least 2 positions"):
        split_folds(Split("positions", "parts", [(1,)] * 50), np.arange(50.0)[:, None], 5, generator())
    with pytest.raises(ConfigError, match="part"):
        Split("p", "partz")
