from itertools import pairwise

import numpy as np
import pytest

from sciencegen.data.buckets import padded_fraction, size_bucketed
from sciencegen.errors import ConfigError

SIZES = np.random.default_rng(0).integers(3, 30, 1000)


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("batch_size", [1, 64, 5000])
def test_every_item_once_in_batches_of_like_sizes(seed, batch_size):
    generator = None if seed is None else np.random.default_rng(seed)
    batches = size_bucketed(SIZES, batch_size, generator)
    assert sorted(np.concatenate(batches)) == list(range(1000))
    assert max(map(len, batches)) <= batch_size
    spans = sorted((SIZES[batch].min(), SIZES[batch].max()) for batch in batches if len(batch))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_order_follows_from_the_generator_alone():
    first, again, other = (size_bucketed(SIZES, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    assert not np.array_equal(np.concatenate(first), np.concatenate(size_bucketed(SIZES, 64)))


def test_how_much_is_padding():
    assert padded_fraction(np.array([2, 2]), [np.array([0, 1])]) == 0
    assert padded_fraction(np.array([1, 3]), [np.array([0, 1])]) == pytest.approx(1 - 10 / 18)
    assert padded_fraction(SIZES, size_bucketed(SIZES, 32)) < 0.06 < padded_fraction(SIZES, [np.arange(1000)])
    assert padded_fraction(np.array([], int), size_bucketed(np.array([], int), 8)) == 0


def test_what_is_refused():
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        size_bucketed(SIZES, 0)
