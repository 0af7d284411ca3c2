"""Networks of series and images of any size."""

import pytest
import torch

from sciencegen.networks import grids

SHAPES = [(1, 1), (3, 5), (8, 8), (9, 30)]


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_are_read_and_written(shape):
    features = grids.ImageReader(2, shape, 16)(torch.randn(3, 2, *shape))
    assert features.shape == (3, 16)
    assert grids.ImageWriter(16, 5, shape, 16)(features).shape == (3, 5, *shape)


@pytest.mark.parametrize("time", [1, 2, 11])
def test_series_of_any_length_are_read_and_written(time):
    features = grids.SeriesReader(2, (time,), 8)(torch.randn(3, 2, time))
    assert features.shape == (3, 8)
    assert grids.SeriesWriter(8, 5, (time,), 8)(features).shape == (3, 5, time)


def test_what_is_written_at_a_time_depends_on_the_time():
    written = grids.SeriesWriter(4, 1, (6,), 8)(torch.randn(2, 4))
    assert written.std(2).min() > 1e-5


def test_each_number_is_read():
    """The gradient of the features with regard to every input isn't zero."""
    for reader, shape in ((grids.ImageReader(1, (9, 7), 16), (1, 9, 7)), (grids.SeriesReader(1, (9,), 16), (1, 9))):
        inputs = torch.randn(1, *shape, requires_grad=True)
        reader(inputs).sum().backward()
        assert (inputs.grad.abs() > 0).all()
