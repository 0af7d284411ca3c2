"""How much of a batch of arrays of different sizes is padding."""

import numpy as np


def padded_fraction(sizes, batches):
    """The part of all pairs of positions, size² for each item, that padding adds to."""
    computed = sum(len(batch) * int(sizes[batch].max()) ** 2 for batch in batches)
    return 1 - float(sum((sizes[batch].astype(np.int64) ** 2).sum() for batch in batches)) / computed
