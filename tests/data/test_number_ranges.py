"""Numbers as ranges: the text and the numbers say the same, however they lie."""

import numpy as np
import pytest

from sciencegen.data.number_ranges import NumberRanges


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95, 1.0])
def test_the_numbers_come_back(share):
    numbers = np.flatnonzero(np.random.default_rng(0).random(300) < share).tolist()
    ranges = NumberRanges.of(numbers)
    assert list(ranges) == numbers
    assert len(ranges) == len(numbers)
    assert NumberRanges.parse(ranges.text) == ranges
    places = list(range(0, len(numbers), 7))
    assert list(ranges.at(places)) == [numbers[place] for place in places]


def test_a_text_may_be_in_any_order_and_overlap():
    assert list(NumberRanges.parse("9, 3-5,4-6,2")) == [2, 3, 4, 5, 6, 9]
    assert NumberRanges.parse("3-4,5").text == "3-5"


def test_a_long_run_takes_no_room():
    ranges = NumberRanges.parse("0-999999999999")
    assert len(ranges) == 10**12
    assert list(ranges.at([0, 10**11])) == [0, 10**11]


@pytest.mark.parametrize("text", ["a", "5-3", "-1", "1-2-3", "1.5", "9" * 16])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="expected numbers such as"):
        NumberRanges.parse(text)
