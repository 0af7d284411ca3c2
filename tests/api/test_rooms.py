from types import SimpleNamespace

import numpy as np

from sciencegen.api.rooms import measure_all
from sciencegen.scoring.oracles import Score


def test_a_named_predictor_comes_before_measuring():
    domain = SimpleNamespace(properties={"size": None}, measure=lambda items, names: np.ones((len(items), len(names))))
    guess = SimpleNamespace(score=lambda items: [Score(2.0) for _ in items])
    assert measure_all(domain, ["a", "b"], ["size"], lambda name: guess) == [[1.0], [1.0]]
    assert (
        measure_all(domain, ["a", "b"], ["size"], lambda name: guess, None, ("size",)) == [[2.0, None, None, None]] * 2
    )
