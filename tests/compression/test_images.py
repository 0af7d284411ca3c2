"""The method is that with the shorter code, and plans come back from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sciencegen.compression import images
from sciencegen.compression.images import Lossy, image_plan, is_image, planned, taken, tilings, write_chunk
from sciencegen.compression.planes import PlaneModel, calibrated

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


@pytest.mark.parametrize("sky", [0.0, 37.3, 12345.6, -9e5])
def test_a_sky_of_floats_costs_nothing(sky: float) -> None:
    """With one pixel in 50 that has none."""
    array = (np.random.default_rng(1).normal(size=(60, 16, 16)) + sky).astype(np.float64)
    array[::2, 3, 4:14] = np.nan
    plan = planned(array, Lossy(16.0, 1.0))
    (tiles,) = tilings(16, 16)
    content = write_chunk(taken(array[:, None], tiles, 0, 60), list(plan.codings), plan.centred)
    assert plan.method == "predictor"
    assert 8 * len(content) / array.size < 6.35


@pytest.mark.parametrize(("side", "centred"), [(32, True), (130, False)])
def test_models_are_fitted_as_they_code(side: int, centred: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a large image have no object at their centre, stamps may have one."""
    seen = []

    def noted(cells: np.ndarray, sigmas: list[int], centred: bool, coded: int) -> list[PlaneModel]:
        seen.append(centred)
        return calibrated(cells, sigmas, centred, coded)

    monkeypatch.setattr(images, "calibrated", noted)
    noise = np.random.default_rng(3).normal(size=(2, 1, side, side)).astype(np.float32)
    assert planned(noise, None).centred == centred
    assert seen == [centred]


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
