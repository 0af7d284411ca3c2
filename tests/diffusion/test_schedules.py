import math

import pytest
import torch

from sciencegen.diffusion.schedules import (
    EDM,
    SCHEDULES,
    Cosine,
    Learned,
    Linear,
    log_snr_and_slope,
    log_snr_grid,
)
from sciencegen.errors import ConfigError

ALL = {
    **{name: build() for name, build in SCHEDULES.items()},
    "shifted cosine": Cosine(shift=-2.0),
    "learned": Learned(generator=torch.Generator().manual_seed(0)).double(),
}


@pytest.fixture(params=ALL)
def schedule(request):
    return ALL[request.param]


def test_it_falls_from_end_to_end(schedule):
    with torch.no_grad():
        log_snr = schedule(torch.linspace(0, 1, 1001))
    assert (log_snr.diff() < 0).all()
    assert log_snr[0].item() == pytest.approx(schedule.log_snr_max)
    assert log_snr[-1].item() == pytest.approx(schedule.log_snr_min)


@pytest.mark.parametrize("grad", [False, True])
def test_the_slope_is_the_derivative(schedule, grad):
    time, step = torch.tensor([0.013, 0.3, 0.61, 0.93]), 1e-6
    with torch.set_grad_enabled(grad):
        log_snr, slope = log_snr_and_slope(schedule, time)
        difference = (schedule(time + step) - schedule(time - step)) / (2 * step)
    torch.testing.assert_close(log_snr, schedule(time))
    torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-6)


def test_inference_mode_changes_neither_value_nor_slope(schedule):
    time = torch.tensor([0.013, 0.3, 0.61, 0.93])
    with torch.no_grad():
        expected = log_snr_and_slope(schedule, time)
    with torch.inference_mode():
        found = [log_snr_and_slope(schedule, one) for one in (time, time.clone())]
    assert all(torch.equal(a, b) and not a.requires_grad for pair in found for a, b in zip(pair, expected, strict=True))


def test_the_named_shapes_are_the_papers():
    time = torch.linspace(0.2, 0.8, 5)
    unlimited = Cosine(60.0, -60.0)
    torch.testing.assert_close(unlimited(time), -2 * torch.log(torch.tan(0.5 * math.pi * time)))
    torch.testing.assert_close(Cosine(60.0, -60.0, 1.3)(time), unlimited(time) + 1.3)
    sigma = torch.exp(-0.5 * EDM()(time))
    expected = (0.004 ** (1 / 7) + time * (160 ** (1 / 7) - 0.004 ** (1 / 7))) ** 7
    torch.testing.assert_close(sigma, expected)


def test_the_learned_schedule_takes_gradients_through_value_and_slope():
    schedule = Learned(generator=torch.Generator().manual_seed(1)).double()
    log_snr, slope = log_snr_and_slope(schedule, torch.tensor([0.2, 0.7]))
    gradients = torch.autograd.grad((log_snr * slope).sum(), list(schedule.parameters()))
    assert all((gradient != 0).any() for gradient in gradients)


def test_a_grid_goes_from_noise_to_data():
    grid = log_snr_grid(Linear(4.0, -6.0), 5, torch.zeros(()))
    assert grid.tolist() == pytest.approx([-6, -4, -2, 0, 2, 4])
    crowded = log_snr_grid(Linear(4.0, -6.0), 2, torch.zeros(()), last_time=0.2, crowding=2.0)
    assert crowded.tolist() == pytest.approx([-6, 4 - 10 * (0.2 + 0.8 * 0.25), 2])
    later = log_snr_grid(Linear(4.0, -6.0), 2, torch.zeros(()), last_time=0.2, first_time=0.6)
    assert later.tolist() == pytest.approx([-2, 0, 2])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Linear(-5.0, 5.0), ConfigError, "log_snr_max above log_snr_min, got -5.0 and 5.0"),
        (lambda: EDM(rho=0.0), ConfigError, "rho above 0"),
        (lambda: Learned(0.0, 0.0), ConfigError, "log_snr_max above"),
        (lambda: log_snr_grid(Linear(), 0, torch.zeros(())), ConfigError, "1 or more steps, got 0"),
        (lambda: log_snr_grid(Linear(), 4, torch.zeros(()), last_time=1.0), ConfigError, "last_time of 0 to below 1"),
        (lambda: log_snr_grid(Linear(), 4, torch.zeros(()), crowding=0.0), ConfigError, "crowding in 0..4"),
        (lambda: log_snr_grid(Linear(), 4, torch.zeros(()), 0.5, first_time=0.5), ConfigError, "above the last, 0.5"),
        (lambda: log_snr_grid(Linear(), 4, torch.zeros(()), first_time=1.5), ConfigError, "at most 1, got 1.5"),
    ],
)
def test_impossible_schedules_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
