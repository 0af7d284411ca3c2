"""What composition explains."""

import numpy as np
import pytest

from sciencegen.prediction.columns import fit_baseline


def test_the_baseline_tells_what_grows_with_an_item():
    counts = np.random.default_rng(0).integers(0, 6, (200, 2)).astype(float)
    total = counts @ [2.0, -5.0] + 0.01 * np.sin(np.arange(200))
    level = 3.0 + np.cos(np.arange(200))
    baseline = fit_baseline(counts, np.column_stack([total, level, level]), [None, None, "dipole"])
    assert baseline.readouts == ("sum", "mean", "dipole")
    assert baseline.weights[0] == pytest.approx([2.0, -5.0, 0.0], abs=0.01)
    assert not baseline.weights[2].any()
    values = np.column_stack([total, level, level])
    standardized = baseline.standardized(counts, values)
    assert standardized[:, :2].std(0) == pytest.approx([1, 1], abs=0.01)
    np.testing.assert_allclose(baseline.restored(counts, standardized), values)
