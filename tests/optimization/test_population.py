"""How a search begins."""

import numpy as np

from sciencegen.optimization.evolution import score_neighbours


def test_neighbours_of_a_start_that_is_not_acceptable_itself_are_found(toy_space, objective):
    space = toy_space(4, accept=lambda item: item[0] != 0.5, start=[(0.5,) * 4])
    judge = objective("maximize sphere", budget=50)
    found = score_neighbours(space, judge, np.random.default_rng(0), 10)
    assert len(found) == 10
    assert all(one.item[0] != 0.5 for one in found)
