"""Images on pixels, and their symmetries."""

import itertools

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.pixels import (
    SYMMETRIES,
    ConditionKinds,
    SymmetricConvolution,
    inverse,
    on_pixels,
    product,
    turned,
    with_context,
)

# Context fields on the pixels of an image.


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


D4 = SYMMETRIES["d4"]
in_doubles = pytest.mark.usefixtures("double_precision")


@in_doubles
def test_products_and_inverses_are_those_of_what_the_elements_do():
    image = torch.randn(6, 6)
    for first, second in itertools.product(D4, D4):
        assert (turned(turned(image, second), first) == turned(image, product(first, second))).all()
    assert all(product(inverse(g), g) == product(g, inverse(g)) == 0 for g in D4)


@in_doubles
def test_a_pair_turns_as_the_moments_of_an_image_do():
    """e1 ~ <x^2 - y^2>, e2 ~ 2 <x y>, x along the last dimension and y along the one before."""
    image, axis = torch.rand(8, 8), torch.arange(8.0) - 3.5

    def moments(values):
        x, y = axis[None, :], axis[:, None]
        weighted = [x**2 - y**2, 2 * x * y, x**2 + y**2]
        return torch.stack([(values * each).sum() for each in weighted])[None]

    kinds = ConditionKinds((2,), ((0, 1),))
    for g in D4:
        torch.testing.assert_close(moments(turned(image, g)), kinds.turned(moments(image), g))
    assert kinds.turned(torch.full((1, 3), torch.nan), 5).isnan().all()


def acting(features, g):
    """(g f)(k) = g f(g^-1 k)."""
    parts = features.unflatten(1, (-1, 8))[:, :, [product(inverse(g), k) for k in D4]]
    return turned(parts.flatten(1, 2), g)


@in_doubles
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (1, 1), (5, 1), (2, 2), (4, 4)])
def test_convolutions_commute(size, stride):
    lift, between, project = (SymmetricConvolution(3, 3, D4, size, stride, ends) for ends in ("lifts", "", "projects"))
    torch.nn.init.normal_(lift.bias)
    image, features = torch.randn(2, 3, 8, 8), torch.randn(2, 24, 8, 8)
    for g in D4:
        torch.testing.assert_close(lift(turned(image, g)), acting(lift(image), g), rtol=0, atol=1e-12)
        torch.testing.assert_close(between(acting(features, g)), acting(between(features), g), rtol=0, atol=1e-12)
        torch.testing.assert_close(project(acting(features, g)), turned(project(features), g), rtol=0, atol=1e-12)
    assert not torch.allclose(lift(image.flip(-1)), lift(image)), "the weights must not be invariant themselves"


@in_doubles
def test_even_sizes_without_their_stride_and_columns_told_twice_are_refused():
    with pytest.raises(ConfigError, match="odd size"):
        SymmetricConvolution(1, 1, D4, 2)
    with pytest.raises(ConfigError, match="each column"):
        ConditionKinds((0, 1), ((1, 2),))
