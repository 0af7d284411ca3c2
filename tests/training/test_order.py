"""The order of training items is a function of (seed, step)."""

from itertools import islice

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.training.progress import batch_order, weighted_order
from tests.padding import padded_fraction


def take(batches, **arguments):
    return list(islice(batch_order(**arguments), batches))


def test_an_epoch_holds_every_item_once():
    batches = take(10, count=100, batch_size=10, seed=3)
    assert sorted(np.concatenate(batches).tolist()) == list(range(100))


def test_starting_later_gives_the_same_batches():
    lengths = np.arange(103) % 17
    whole = take(45, count=103, batch_size=10, seed=1, lengths=lengths)
    for start in (0, 7, 10, 33):
        later = take(45 - start, count=103, batch_size=10, seed=1, start=start, lengths=lengths)
        assert all(np.array_equal(a, b) for a, b in zip(whole[start:], later, strict=True))


def test_epochs_and_seeds_differ():
    first, second = take(2, count=50, batch_size=50, seed=0)
    other = take(1, count=50, batch_size=50, seed=1)[0]
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_lengths_are_alike_within_a_batch():
    lengths = np.random.default_rng(0).integers(1, 100, 5000)

    def spread(**extra):
        return np.mean([np.ptp(lengths[batch]) for batch in take(50, count=5000, batch_size=100, seed=0, **extra)])

    assert spread(lengths=lengths) < 0.2 * spread()


def test_fewer_items_than_a_batch_make_one_smaller_batch():
    assert sorted(take(1, count=3, batch_size=10, seed=0)[0].tolist()) == [0, 1, 2]


def test_like_lengths_leave_little_padding():
    assert padded_fraction(np.array([1, 3]), [np.array([0, 1])]) == pytest.approx(1 - 10 / 18)
    sizes = np.random.default_rng(0).integers(3, 30, 1000)
    batches = take(1000 // 32, count=1000, batch_size=32, seed=0, lengths=sizes)
    assert padded_fraction(sizes, batches) < 0.06 < padded_fraction(sizes, [np.arange(1000)])


def test_weighted_draws_follow_the_weights_and_the_step_alone():
    weights = np.array([1.0, 0.0, 3.0])
    order = weighted_order(weights, 1000, seed=5)
    first, second = next(order), next(order)
    assert np.array_equal(second, next(weighted_order(weights, 1000, 5, start=1)))
    counts = np.bincount(np.concatenate([first, second]), minlength=3) / 2000
    np.testing.assert_allclose(counts, [0.25, 0, 0.75], atol=0.03)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [np.nan, 1.0]])
def test_weights_that_choose_nothing_are_refused(weights):
    with pytest.raises(ConfigError, match="weights of 0 or more"):
        next(weighted_order(np.array(weights), 4, 0))
