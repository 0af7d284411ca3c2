import itertools

import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.diffusion.distillation import DistillationSettings, distill, distillation_loss, two_step_target
from sciencegen.diffusion.process import alpha, deterministic_step, diffuse, sigma
from sciencegen.diffusion.samplers import no_noise, sample_ddim
from sciencegen.diffusion.schedules import Cosine, log_snr_grid
from sciencegen.errors import ConfigError
from sciencegen.networks.denoiser import VectorDenoiser
from sciencegen.networks.descent import DescentSettings
from tests.diffusion.known_data import VECTOR, GaussianData, MixtureData

DATA = MixtureData()
PATH = log_snr_grid(Cosine(8.0, -8.0), 16, torch.zeros((), dtype=torch.float64))


class Corrected(nn.Module):
    """The exact denoiser plus a network that starts at zero: a teacher that needs no training."""

    def __init__(self, generator):
        super().__init__()
        self.network = VectorDenoiser("x", 2, width=48, depth=2, generator=generator).double()

    def forward(self, z, log_snr, condition, mask):
        exact = DATA.denoise(z, log_snr)["x"]
        correction = self.network(z, log_snr, condition, mask)["x"]
        return {"x": exact + sigma(log_snr)[:, None] * correction}


def test_one_step_with_the_target_arrives_where_two_do(generator):
    x = DATA.draw(20, generator)
    t, middle, s = (torch.full((20,), level) for level in (-2.0, -0.5, 1.0))
    z = diffuse(VECTOR, x, t, VECTOR.noise(x, generator))
    two = sample_ddim(DATA.denoise, VECTOR, z, torch.tensor([-2.0, -0.5, 1.0]), no_noise)
    one = deterministic_step(VECTOR, z, two_step_target(DATA.denoise, VECTOR, z, t, middle, s), t, s)
    torch.testing.assert_close(one["x"], two["x"])


def test_the_target_of_a_point_is_the_point(generator):
    """Where x is known the teacher's two steps are one already: the exact student's loss is 0."""
    point = GaussianData(torch.tensor([0.3, -0.4]), 1e-6)
    x = point.draw(8, generator)
    index, noise = torch.arange(8), VECTOR.noise(x, generator)
    exact = distillation_loss(point.denoise, point.denoise, VECTOR, x, PATH, index, noise)
    assert exact.max() < 1e-9
    off = lambda z, *_: {"x": z["x"]}  # noqa: E731
    assert (distillation_loss(off, point.denoise, VECTOR, x, PATH, index, noise) > 1e-3).all()


def test_a_distilled_student_does_in_4_steps_what_its_teacher_does_in_16(generator):
    teacher = Corrected(generator)
    settings = DistillationSettings(180, DescentSettings(learning_rate=4e-3))
    batches = lambda halving: (DATA.draw(192, generator) for _ in itertools.count())  # noqa: E731
    student, path = distill(teacher, VECTOR, batches, PATH, 4, generator, settings)
    assert torch.equal(path, PATH[::4])
    start = Batch({"x": torch.randn(2000, 2, generator=generator)})
    with torch.no_grad():
        wanted, hasty, learned = (
            sample_ddim(model, VECTOR, start, steps, no_noise)["x"]
            for model, steps in ((teacher, PATH), (teacher, path), (student, path))
        )
    rms = lambda other: (other - wanted).square().sum(1).mean().sqrt().item()  # noqa: E731
    likelihood = lambda x: DATA.log_prob(x / alpha(path[-1])).mean().item()  # noqa: E731
    print("distance to 16 steps: teacher", rms(hasty), "student", rms(learned))
    print("mean log p: 16 steps", likelihood(wanted), "teacher 4", likelihood(hasty), "student 4", likelihood(learned))
    assert rms(learned) < 0.4 * rms(hasty)
    assert next(teacher.parameters()).requires_grad  # the caller's model is left as it was
    assert not any((value != 0).any() for value in teacher.network.outward.parameters())


def test_paths_that_can_not_be_halved_are_refused(generator):
    for steps, final in ((32, 3), (24, 4), (32, 0)):
        path = log_snr_grid(Cosine(8.0, -8.0), steps, torch.zeros(()))
        with pytest.raises(ConfigError, match="power of two"):
            distill(Corrected(generator), VECTOR, lambda halving: iter(()), path, final, generator)
