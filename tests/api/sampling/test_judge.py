"""Evaluation of draws: properties, predictions, and properties of observations."""

from types import SimpleNamespace

import numpy as np

from sciencegen.api.sampling.judge import measure_all
from sciencegen.scoring.oracles import Score


def test_a_named_predictor_comes_before_measuring():
    domain = SimpleNamespace(
        properties={"size": SimpleNamespace(observed=False)},
        measure=lambda items, names: np.ones((len(items), len(names))),
    )
    guess = SimpleNamespace(score=lambda items: [Score(2.0) for _ in items])
    assert measure_all(domain, ["a", "b"], ["size"], lambda name: guess) == [[1.0], [1.0]]
    assert (
        measure_all(domain, ["a", "b"], ["size"], lambda name: guess, None, ("size",)) == [[2.0, None, None, None]] * 2
    )


def test_properties_of_an_observation_are_measured_of_what_is_seen():
    properties = {name: SimpleNamespace(observed=name == "noise") for name in ("size", "noise")}
    domain = SimpleNamespace(
        properties=properties, measure=lambda items, names: np.array([[float(one)] * len(names) for one in items])
    )
    for names, seen, expected in (
        (["noise", "size"], ["3", "4"], [[3.0, 1.0], [4.0, 2.0]]),
        (["noise", "size"], None, [[1.0, 1.0], [2.0, 2.0]]),
        (["size"], ["3", "4"], [[1.0], [2.0]]),
    ):
        assert measure_all(domain, ["1", "2"], names, observed=seen) == expected
