"""The method is that with the shorter code, and plans come back from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sciencegen.compression.images import Lossy, image_plan, is_image, planned

NOISE = np.random.default_rng(0).normal(size=(20, 16, 16))


@pytest.mark.parametrize(
    ("array", "method"),
    [
        (np.rint(NOISE * 20).astype(np.int16), "predictor"),
        (NOISE.astype(np.float32), "predictor"),
        (np.zeros((20, 16, 16), np.int16), "lzma"),  # nothing to predict
        (np.tile(np.rint(NOISE[:1] * 1e6).astype(np.int32), (20, 1, 1)), "lzma"),  # repeats, which LZMA finds
        (np.rint(NOISE[:1] * 20).astype(np.int16), "lzma"),  # too few pixels
    ],
)
def test_classical_codec_where_it_is_shorter(array: np.ndarray, method: str) -> None:
    assert planned(array, None).method == method


def test_plan_comes_back_from_json() -> None:
    plan = planned(NOISE.astype(np.float32), Lossy(4.0, 1.0))
    back = image_plan(json.loads(json.dumps(plan.to_json())))
    assert (back.shape, back.kind, back.sigmas, back.floors) == (plan.shape, plan.kind, plan.sigmas, plan.floors)
    assert back.largest_error() == plan.largest_error() == 0.125


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 2)), True), (np.zeros(4), False), (np.zeros((0, 4)), False),
        (np.zeros((2, 2), complex), False), (np.zeros((2, 2), bool), False), (np.zeros((2, 2), np.uint64), True),
    ],
)  # fmt: skip
def test_arrays_of_numbers_are_images(array: np.ndarray, expected: bool) -> None:
    assert is_image(array) == expected
