"""A chunk comes back as columns, with a reason for each row that it lacks."""

import numpy as np
import pytest

from sciencegen.data.prepared import ItemFunctions, reason_of
from sciencegen.data.workers import Failure
from sciencegen.items import Refusal
from tests.data import words

NAMES = ("length", "vowels")
TEXTS = ["Pear", "x7", "extraordinarily", "fig"]


def test_rows_are_kept_refused_or_not_encoded():
    found = ItemFunctions(words.parse_and_measure, NAMES, words.encode)(TEXTS)
    assert found.kept.tolist() == [0, 3]
    assert found.texts == ["Pear", "fig"]
    assert found.values.tolist() == [[4, 2], [3, 1]]
    assert found.refused == [(1, "not a word"), (2, "can't be encoded: too long")]
    assert found.lengths.tolist() == [4, 3]
    assert bytes(found.tokens.astype(np.uint8)) == b"Pearfig"


def test_without_an_encoder_there_are_no_tokens():
    found = ItemFunctions(words.parse_and_measure, NAMES)(TEXTS)
    assert found.kept.tolist() == [0, 2, 3]
    assert (found.lengths == -1).all()
    assert not len(found.tokens)


def test_results_of_another_number_and_tokens_that_are_none_are_errors():
    with pytest.raises(ValueError, match="expected 4 results"):
        ItemFunctions(lambda texts: [], NAMES)(TEXTS)
    with pytest.raises(ValueError, match="below 32768"):
        ItemFunctions(words.parse_and_measure, NAMES, lambda texts: [np.array([40_000])] * len(texts))(["fig"])


def test_a_reason_is_a_text_or_in_a_record():
    assert [reason_of(one) for one in ("a", Refusal("b"), Failure("c"))] == ["a", "b", "c"]
