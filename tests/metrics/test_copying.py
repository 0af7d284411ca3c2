import numpy as np
import pytest
from scipy.spatial import cKDTree

from sciencegen.errors import DataError
from sciencegen.metrics.sets import copying_scores


def distance(items, references):
    """Of each item to its nearest reference."""
    return cKDTree(references).query(items)[0]


def test_copies_show_and_fresh_draws_do_not(generator):
    training, held_out, fresh = generator.normal(size=(3, 1000, 4))
    reference = distance(held_out, training)
    fair = copying_scores(distance(fresh, training), reference)
    assert fair.copied < 0.03
    assert fair.nearer == pytest.approx(0.5, abs=0.04)
    half = np.concatenate([training[:300] + 1e-6, fresh[:300]])
    copied = copying_scores(distance(half, training), reference)
    assert copied.copied == pytest.approx(0.5, abs=0.02)
    assert copied.nearer > 0.7
    far = copying_scores(distance(fresh + 5, training), reference)
    assert far.nearer < 0.1
    with pytest.raises(DataError, match="both kinds"):
        copying_scores(np.zeros(0), reference)
