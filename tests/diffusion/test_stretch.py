import math

import torch

from sciencegen.diffusion.images import log_slope, stretched, unstretched

PIXELS = torch.tensor([-3e3, -40.0, -1.0, -1e-3, 0.0, 0.3, 7.0, 2e4])


def test_the_slope_is_that_of_the_stretch():
    pixels = PIXELS.clone().double().requires_grad_()
    values = stretched(pixels)
    (slope,) = torch.autograd.grad(values.sum(), pixels)
    torch.testing.assert_close(log_slope(values), slope.log())
    assert log_slope(torch.tensor(200.0)).item() == math.log(2) - 200, "where cosh overflows in single precision"


def test_it_comes_back_and_keeps_the_noise():
    values = stretched(PIXELS.double())
    torch.testing.assert_close(unstretched(values), PIXELS.double())
    near = torch.linspace(-0.1, 0.1, 5).double()
    torch.testing.assert_close(stretched(near), near, rtol=0, atol=2e-4)
