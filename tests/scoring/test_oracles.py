"""A failure is a failure, never a score."""

import numpy as np
import pytest

from sciencegen.items import Refusal
from sciencegen.scoring.oracles import (
    SEED,
    ArrayOracle,
    ForwardModelOracle,
    FunctionOracle,
    Oracle,
    OracleAround,
    PredictionTally,
    ProbabilityOracle,
    Score,
    with_annotations,
    within_measured,
)


def word_length(word):
    if word == "bad":
        raise ValueError("a bad word")
    return len(word) if word else float("nan")


@pytest.mark.parametrize(
    "oracle",
    [
        FunctionOracle("length", word_length, "letters", "maximize"),
        ArrayOracle("length", lambda words: [np.nan if w in ("", "bad") else len(w) for w in words], "letters"),
    ],
    ids=["function", "array"],
)
def test_what_has_no_number_fails_alone(oracle):
    assert isinstance(oracle, Oracle)
    scores = oracle.score(["abc", "", "bad", "de"])
    assert [score.value for score in scores] == [3, None, None, 2]
    assert [score.failed for score in scores] == [False, True, True, False]
    assert all(score.failure for score in scores if score.failed)
    assert oracle.score([]) == []


def test_an_exception_is_told():
    assert FunctionOracle("length", word_length).score(["bad"])[0].failure == "ValueError: a bad word"


def test_the_reason_of_a_failure_is_one_short_line():
    def raises(item):
        raise TypeError(f"argument types\n    f({item})\ndid not match:\n  " + "signature " * 100)

    (score,) = FunctionOracle("f", raises).score([3])
    assert score.failure.startswith("TypeError: argument types f(3) did not match: signature ")
    assert len(score.failure) == 200
    assert score.failure.endswith("...")


def test_a_wrapper_has_the_name_unit_and_direction_of_its_oracle():
    class Wrapper(OracleAround):
        def __init__(self, oracle):
            self.oracle = oracle

    inner = FunctionOracle("length", word_length, "letters", "maximize")
    wrapper = Wrapper(inner)
    assert (wrapper.name, wrapper.unit, wrapper.direction) == ("length", "letters", "maximize")
    assert wrapper.measured is None
    inner_with_range = type("Trained", (), {**vars(Wrapper), "measured": (0.0, 9.0), "score": inner.score})(inner)
    assert Wrapper(inner_with_range).measured == (0.0, 9.0)


def test_annotated_names_have_further_columns():
    assert with_annotations(["a", "b"], ["b"]) == ["a", "b", "b_lower", "b_upper", "b_in_domain"]
    assert Score(None, failure="why").failed


def test_a_probability_is_clipped_and_has_no_interval():
    class Regressor:
        name, unit, direction = "active", "", None

        def score(self, items):
            return [
                Score(item, item - 1, item + 1, in_domain=False) if item else Score(None, failure="no")
                for item in items
            ]

    oracle = ProbabilityOracle(Regressor())
    assert isinstance(oracle, Oracle)
    assert (oracle.name, oracle.direction) == ("active", "maximize")
    low, middle, high, failed = oracle.score([-0.25, 0.5, 1.25, None])
    assert [low, middle, high] == [Score(value, in_domain=False) for value in (0.0, 0.5, 1.0)]
    assert failed.failure == "no"


# What learned from seen items is asked of seen ones.


class Blurred:
    """Sees a number as one more; what is above 100 it can't see, what was seen it leaves (odd numbers)."""

    def observed(self, items, seed):
        assert seed == SEED
        return [Refusal("too large") if n > 100 else n if n % 2 else n + 1 for n in items]


def test_items_are_observed_once_and_refusals_are_failures_in_their_places():
    oracle = ForwardModelOracle(ArrayOracle("n", lambda items: [float(n) for n in items], "m", "maximize"), Blurred())
    assert (oracle.name, oracle.unit, oracle.direction, oracle.measured) == ("n", "m", "maximize", None)
    scores = oracle.score([2, 200, 3])
    assert [score.value for score in scores] == [3, None, 3]
    assert scores[1].failure == "too large"
    assert oracle.score([]) == []


def test_a_cut_interval_holds_its_value_and_no_more_than_was_measured_beside_it():
    assert within_measured(1.5, -3.0, 4.0, (0.0, 1.0)) == (0.0, 1.5)
    assert within_measured(0.5, 0.0, 0.9, (0.0, 1.0)) == (0.0, 0.9)
    assert within_measured(0.5, -3.0, 4.0, None) == (-3.0, 4.0)


def test_predictions_that_say_nothing_are_counted():
    tally = PredictionTally("y", (0.0, 1.0))
    tally.look([Score(0.5, 0.0, 1.0, in_domain=False), Score(0.5, 0.4, 0.6, in_domain=True), Score(None, failure="no")])
    (told,) = tally.notes
    assert told.startswith("for 1 of 2 items the interval of 'y'")
    tally.look([Score(0.5, 0.4, 0.6, in_domain=False)])
    assert tally.notes[0].startswith("2 of 3 items are outside the domain of the predictor 'y' (column y_in_domain)")
