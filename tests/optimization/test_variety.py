"""A diversity filter: no class holds more than its share of parents, scored items and results."""

from collections import Counter

import numpy as np
import pytest

from sciencegen.optimization.evolution import Bandit, SurrogateScreen, survivors
from sciencegen.optimization.selection import DiversityFilter
from tests.optimization.running import run
from tests.optimization.test_surrogate_screening import children_of, individuals


def signs(items):
    """Sixteen classes: the signs of the first four coordinates."""
    return ["".join("+" if value > 0 else "-" for value in item[:4]) for item in items]


def filter_of(share):
    return DiversityFilter([signs], repr, share)


def largest(items):
    return max(Counter(signs(items)).values())


def test_labels_are_asked_once_and_empty_ones_are_no_class():
    asked = []

    def label(items):
        asked.extend(items)
        return ["" if item > 2 else "few" for item in items]

    variety = DiversityFilter([label], str, 0.5)
    assert variety.choose([1, 2, 3, 4, 5], 4) == [0, 1, 2, 3]
    assert variety.choose([1, 2, 3, 4, 5], 2) == [0, 2]
    assert asked == [1, 2, 3, 4, 5]


def test_each_kind_of_classes_has_its_limit():
    variety = DiversityFilter(
        [lambda items: [one[0] for one in items], lambda items: [one[1] for one in items]], str, 0.5
    )
    assert variety.choose(["ax", "bx", "cx", "dy", "ay", "az"], 4) == [0, 1, 3, 4]


def test_parents_are_of_many_classes_and_in_order(toy_space, objective):
    everyone = individuals(toy_space(4), objective("maximize sphere", budget=300), 200)
    best, spread = survivors(everyone, 30), survivors(everyone, 30, filter_of(0.1))
    assert largest([one.item for one in spread]) <= 3 < largest([one.item for one in best])
    assert spread[0].evaluation.key == best[0].evaluation.key
    scores = [one.evaluation.scalar for one in spread]
    assert scores == sorted(scores, reverse=True)


def test_a_screen_chooses_children_of_many_classes(toy_space, objective):
    judge, generator = objective("maximize sphere", budget=300), np.random.default_rng(0)
    chosen = {}
    for share in (None, 0.1):
        space = toy_space(4, variety=None if share is None else filter_of(share))
        screen, pickers = SurrogateScreen(space, repr), Bandit(["greedy", "optimistic", "blind"])
        screen.learn(individuals(space, judge, 150), None, generator)
        children = children_of(space, 300)
        picked, why = screen.choose(children, 30, pickers, np.random.default_rng(1))
        assert len({child.item for child in picked}) == len(why) == 30
        chosen[share] = largest([child.item for child in picked])
        assert largest([child.item for child in screen.best(children, 30)]) <= 3 or share is None
    assert chosen[0.1] <= 3 < chosen[None]


def test_a_screen_without_other_classes_chooses_as_without_a_limit(toy_space, objective):
    judge, names = objective("maximize sphere", budget=300), []
    for variety in (None, DiversityFilter([lambda items: ["one"] * len(items)], repr, 0.1)):
        space = toy_space(4, variety=variety)
        screen = SurrogateScreen(space, repr)
        screen.learn(individuals(space, judge, 150), None, np.random.default_rng(0))
        picked, _ = screen.choose(children_of(space, 100), 20, Bandit(["greedy", "optimistic", "blind"]),
                                  np.random.default_rng(1))  # fmt: skip
        names.append([child.item for child in picked])
    assert names[0] == names[1]


@pytest.mark.parametrize("method", ["evolution", "hill_climb"])
def test_a_search_with_a_limit_finds_better_items_of_other_classes(method, toy_space, objective):
    """The best of the tenth best class: where one class wins, a search without a limit leaves the others alone."""

    def tenth(space):
        best: dict[str, float] = {}
        for one in run(space, objective("maximize sphere", budget=500), method):
            (label,) = signs([one.item])
            best[label] = max(best.get(label, -np.inf), one.scalar)
        return sorted(best.values(), reverse=True)[9]

    assert tenth(toy_space(8, variety=filter_of(0.1))) > tenth(toy_space(8))
