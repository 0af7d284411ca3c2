"""Stamps from arrays: what an image lacks is said, and a wrong array is refused in its place."""

import numpy as np
import pytest

from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp, key
from sciencegen.domains.galaxies.objects import OBJECTS

IMAGE = np.random.default_rng(0).normal(0, 1, (2, 32, 32))


def test_a_mapping_is_the_stamp_of_its_arguments():
    given = {"image": IMAGE, "pixel_scale": 0.2, "variance": 1.0, "bands": ["g", "r"]}
    assert key(parse(OBJECTS.text(given))) == key(Stamp.of(**given))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (IMAGE, "neither a pixel scale nor a noise: pass Stamp.of"),
        (IMAGE[0], "neither a pixel scale nor a noise: pass Stamp.of"),
        ({"image": IMAGE, "scale": 0.2}, "'scale'"),
        ({"image": IMAGE, "pixel_scale": "wide", "variance": 1.0}, "wide"),
        ({"image": IMAGE * np.nan, "pixel_scale": 0.2, "variance": 1.0}, "pixels are NaN"),
        ({"image": IMAGE[:, :7], "pixel_scale": 0.2, "variance": 1.0}, "on a side, got 7"),
        (Stamp(IMAGE[:, :7], 0.2, None, np.ones(2), ("g", "r")), "on a side, got 7"),
    ],
)
def test_arrays_that_are_no_stamp_are_refused(given, reason):
    assert reason in parse(OBJECTS.text(given)).reason


def test_other_arrays_are_no_single_image():
    assert OBJECTS.text(np.zeros((3, 2, 32, 32))) is None
    assert OBJECTS.text({"pixel_scale": 0.2}) is None
