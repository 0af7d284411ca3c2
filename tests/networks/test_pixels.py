"""Context fields on the pixels of an image."""

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.pixels import SYMMETRIES, on_pixels, turned, with_context


def test_on_pixels_keeps_the_centre_and_the_sum(double_precision):
    odd = torch.zeros(1, 5, 5)
    odd[0, 2, 2] = 1.0
    even = on_pixels(odd, 8)
    assert even.sum() == 1
    assert (even[0, 0, 3:5, 3:5] == 0.25).all()
    assert on_pixels(torch.rand(2, 3, 1, 1), 4).shape == (2, 3, 4, 4)
    assert on_pixels(torch.rand(1, 9, 9), 4).shape == (1, 1, 4, 4)
    for g in SYMMETRIES["d4"]:
        image = torch.rand(1, 7, 7)
        torch.testing.assert_close(on_pixels(turned(image, g), 12), turned(on_pixels(image, 12), g))


def test_context_follows_the_image_as_channels():
    image, level = torch.randn(2, 1, 8, 8), torch.randn(2, 2, 1, 1)
    found = with_context(image, {"psf": torch.randn(2, 5, 5), "level": level}, {"psf": 1, "level": 2})
    assert found.shape == (2, 4, 8, 8)
    assert torch.equal(found[:, :1], image)
    assert (found[:, 2:] == level).all()
    with pytest.raises(ConfigError, match="'level'"):
        with_context(image, {"psf": torch.randn(2, 5, 5)}, {"level": 2})
    with pytest.raises(ShapeError, match="with 3 channels"):
        with_context(image, {"level": level}, {"level": 3})
