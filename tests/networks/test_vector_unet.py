import pytest
import torch

from sciencegen.errors import ShapeError
from sciencegen.networks.unet import UNetSettings, VectorUNetDenoiser
from sciencegen.networks.uvit import Grid
from tests.networks.vector_denoisers import GRID, PROPERTIES, SIZE, check_laws


@pytest.mark.parametrize("sizes", [{"multipliers": (1, 2), "patch": 1}, {"multipliers": (1,), "patch": 2}])
def test_laws_of_a_denoiser(sizes):
    torch.manual_seed(0)
    check_laws(VectorUNetDenoiser("z", SIZE, GRID, PROPERTIES, UNetSettings(width=4, known=8, **sizes)))


def test_an_image_alone_that_is_no_square():
    network = VectorUNetDenoiser("z", 6, Grid((1, 2, 3), tuple(range(6))), settings=UNetSettings(width=4, known=8))
    torch.nn.init.normal_(network.unet.outward.weight)
    z = torch.randn(2, 6)
    found = network({"z": z}, torch.zeros(2), None, None)["z"]
    assert found.shape == z.shape
    assert found.any(1).all()
    with pytest.raises(ShapeError, match=r"'z' of shape \[batch 6\], got \[2, 5\]"):
        network({"z": z[:, :5]}, torch.zeros(2), None, None)
