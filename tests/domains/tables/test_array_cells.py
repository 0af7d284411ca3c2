"""Arrays of numbers as nested lists."""

import numpy as np
import pytest

from sciencegen.domains.tables import rows
from sciencegen.items import Refusal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"x": [[1, 2], [3]]}', "lists of different lengths"),
        ('{"x": [1, "a"]}', "a list of something else than numbers in 'x'"),
        ('{"x": ["1", "2"]}', "something else than numbers"),
        ('{"x": [{}, {}]}', "something else than numbers"),
        ('{"x": []}', "an empty list"),
        ('{"x": [1e19, 2]}', "exceeds 1e[+]18"),
        ('{"x": [1, NaN]}', "isn't finite"),
        ('{"x": [null, Infinity]}', "isn't finite"),
        ('{"x": [[[[1]]]]}', "an array of 4 dimensions"),
        ('{"x": [100000000000000000000, 1]}', "exceeds"),
    ],
)
def test_what_is_no_array_is_refused(text, reason):
    found = rows.parse(text)
    assert isinstance(found, Refusal)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


@pytest.mark.parametrize("cell", [[1, 2, 3], [[1.5, None], [None, -2e17]], [[[0], [1]]], [True, False]])
def test_an_array_is_restored_from_its_text(cell):
    assert rows.parse(rows.text({"x": cell})) == {"x": cell}


def test_equal_numbers_are_equal_arrays():
    assert rows.key({"x": [[1.0, 2]]}) == rows.key({"x": [[1, 2.0]]}) != rows.key({"x": [[1, 2.5]]})


def test_cells_of_an_array():
    values = np.array([[0.1, np.nan], [np.inf, 1], [np.nan, np.nan], [1e-8, -3e7]], np.float32)
    first, second, third, last = rows.cells_of(values)
    assert first == [0.1, None]
    assert isinstance(second, ValueError)
    assert third is None
    np.testing.assert_allclose(last, [1e-8, -3e7], rtol=1e-6)
    assert rows.cells_of(np.array([[True, False]])) == [[1, 0]]


@pytest.mark.parametrize(("kind", "digits"), [(np.float32, 7), (np.float16, 4), (np.float64, 17)])
def test_shortest_numbers_have_the_digits_of_their_precision(kind, digits):
    values = np.random.default_rng(0).normal(0, 1, 1000).astype(kind)
    found = rows.shortest(values)
    np.testing.assert_allclose(found, values.astype(float), rtol=5 * 10.0**-digits)
    assert max(len(f"{abs(one):.17g}".lstrip("0.")) for one in found) >= digits
    assert rows.shortest(np.array([0.5, 0, np.nan], kind))[:2].tolist() == [0.5, 0]
    assert rows.shortest(np.float32([0.1])).tolist() == [0.1]
