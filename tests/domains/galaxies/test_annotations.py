"""Each kind of an image of the noise gives the same variance."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.domains.galaxies.headers import ANNOTATIONS, NOISES, PASSED_OVER

VARIANCE = np.array([[0.25, 1.0], [4.0, 9.0]])
GIVEN = {"variance": VARIANCE, "inverse": 1 / VARIANCE, "sigma": np.sqrt(VARIANCE)}


@pytest.mark.parametrize("kind", list(NOISES))
def test_kinds_agree(kind: str) -> None:
    assert NOISES[kind](GIVEN[kind]) == pytest.approx(VARIANCE)


@pytest.mark.filterwarnings("error")
def test_a_weight_of_zero_is_no_finite_variance() -> None:
    assert np.isinf(NOISES["inverse"](np.zeros(2))).all()


def test_each_name_has_one_meaning() -> None:
    assert set(ANNOTATIONS.values()) == {"psf", *NOISES}
    assert not PASSED_OVER & set(ANNOTATIONS)
