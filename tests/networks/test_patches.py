import pytest
import torch

from sciencegen.networks.uvit import Grid, PatchTokens, outside, vector_of

GRIDS = [Grid((1, 2, 2), (7, 5, 3, 1)), Grid((2, 1, 1), (0, 6))]


def test_a_vector_is_put_together_from_its_images_and_the_rest():
    vector = torch.randn(3, 9)
    assert outside(9, GRIDS) == [2, 4, 8]
    images = [grid.image(vector) for grid in GRIDS]
    assert [tuple(image.shape) for image in images] == [(3, 1, 2, 2), (3, 2, 1, 1)]
    assert (images[0][:, 0, 0] == vector[:, [7, 5]]).all()
    assert (vector_of(vector[:, [2, 4, 8]], images, GRIDS) == vector).all()


@pytest.mark.parametrize(("shape", "patch", "count"), [((2, 4, 6), 2, 6), ((1, 5, 3), 2, 6), ((3, 1, 7), 3, 3)])
def test_a_token_is_a_square_of_pixels(shape, patch, count):
    tokens = PatchTokens(shape, patch, 8, 4)
    assert tokens.count == count
    image = torch.randn(2, 4, *shape[1:])
    first = tokens(image)
    assert first.shape == (2, count, 8)
    changed = image.clone()
    changed[:, :, -1, -1] += 1
    assert ((tokens(changed) != first).any(2).sum(1) == 1).all()
    assert tokens.read(first).shape == (2, *shape)
    assert not tokens.read(first).any()


@pytest.mark.parametrize("shape", [(2, 4, 6), (1, 5, 3)])
def test_tokens_and_pixels_have_one_order(shape):
    """With the identity for both layers, the image comes back."""
    numbers = shape[0] * 4
    tokens = PatchTokens(shape, 2, numbers, shape[0])
    with torch.no_grad():
        tokens.inward.bias.zero_()
        tokens.inward.weight.copy_(torch.eye(numbers))
        tokens.outward.weight.copy_(torch.eye(numbers))
    image = torch.randn(2, *shape)
    torch.testing.assert_close(tokens.read(tokens(image)), image)
