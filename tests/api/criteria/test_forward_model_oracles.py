"""Draws that are written as observed are scored as observed, by predictors that were trained on observed items."""

from types import SimpleNamespace

from sciencegen.api.sampling.judge import measure_all
from sciencegen.scoring.oracles import ArrayOracle, ForwardModelOracle

DOMAIN = SimpleNamespace(properties={})
PLAIN = ArrayOracle("plain", lambda items: [float(n) for n in items])
UNSEEN = SimpleNamespace(observed=lambda items, seed: [n if n >= 10 else n + 100 for n in items])
ORACLES = {"plain": PLAIN, "seen": ForwardModelOracle(PLAIN, UNSEEN)}


def test_what_is_written_is_judged():
    assert measure_all(DOMAIN, [1, 2], ["plain", "seen"], ORACLES.__getitem__, observed=[11, 12]) == [[1, 11], [2, 12]]


def test_what_is_not_observed_yet_is_by_the_predictor():
    assert measure_all(DOMAIN, [1, 2], ["plain", "seen"], ORACLES.__getitem__) == [[1, 101], [2, 102]]
