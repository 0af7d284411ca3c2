"""Kernels."""

import numpy as np
import pytest

from sciencegen.prediction.columns import as_table
from sciencegen.prediction.families import FAMILIES, Training, leave_one_out


def test_kernel_interpolates_when_noise_is_absent():
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((120, 2))
    target = np.sin(inputs[:, 0])
    known = Training(as_table(inputs), target, np.arange(120) % 5, np.arange(120), np.zeros(2, dtype=bool))
    family = FAMILIES["kernel"](known, generator)
    held_out = family.predict(known.query(slice(None)))[np.arange(120), known.fold]
    assert np.median(np.abs(held_out - target)) < 0.02


def test_leave_one_out_errors_are_those_of_models_of_the_others():
    generator = np.random.default_rng(0)
    inputs, target = generator.standard_normal((25, 2)), generator.standard_normal(25)
    similarity = np.exp(-0.5 * np.square(inputs[:, None] - inputs[None]).sum(2))
    found = leave_one_out(*np.linalg.eigh(similarity), target, 0.3)
    for row in range(25):
        others = np.arange(25) != row
        weights = np.linalg.solve(similarity[np.ix_(others, others)] + 0.3 * np.eye(24), target[others])
        assert found[row] == pytest.approx(target[row] - similarity[row, others] @ weights)
