import copy
import itertools

import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.diffusion.distillation import Distillation, distillation_loss, two_step_target
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.process import alpha, coefficients, deterministic_step, diffuse, sigma
from sciencegen.diffusion.samplers import no_noise, sample_ddim
from sciencegen.diffusion.schedules import Cosine, Learned, log_snr_grid
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.mlp import VectorDenoiser
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.train import train
from tests.diffusion.known_data import VECTOR, GaussianData, MixtureData

DATA = MixtureData()
SCHEDULE = Cosine(8.0, -8.0)
PATH = log_snr_grid(SCHEDULE, 16, torch.zeros((), dtype=torch.float64))


def diffusion(network, **settings):
    settings = DiffusionSettings(prediction="x", **settings)
    return DiffusionModel(network, VECTOR, SCHEDULE, {"x": (2,)}, settings)


class Corrected(nn.Module):
    """The exact denoiser plus a network that starts at zero: a teacher that needs no training."""

    def __init__(self, generator):
        super().__init__()
        self.network = VectorDenoiser("x", 2, width=48, depth=2, generator=generator).double()

    def forward(self, z, log_snr, condition, mask):
        exact = DATA.denoise(z, log_snr)["x"]
        correction = self.network(z, log_snr, condition, mask)["x"]
        return {"x": exact + sigma(log_snr)[:, None] * correction}


class Gains(nn.Module):
    """The exact denoiser of centred Gaussian data, z times a number that depends on the level; and a correction of that
    number for each of 5 levels. Whatever deterministic steps are made of it, they multiply z by a number."""

    levels = log_snr_grid(SCHEDULE, 4, torch.zeros(()))

    def __init__(self):
        super().__init__()
        self.correction = nn.Parameter(torch.zeros(5))

    def forward(self, z, log_snr, condition, mask):
        nearest = (log_snr[:, None] - self.levels).abs().argmin(1)
        exact = GaussianData(torch.zeros(2), 0.6).denoise(z, log_snr)["x"]
        return {"x": exact + self.correction[nearest][:, None] * sigma(log_snr)[:, None] * z["x"]}


def drawn(data, generator, count=64):
    return lambda step: (data.draw(count, generator) for _ in itertools.count())


def test_one_step_with_the_target_arrives_where_two_do(generator):
    x = DATA.draw(20, generator)
    t, middle, s = (torch.full((20,), level) for level in (-2.0, -0.5, 1.0))
    z = diffuse(VECTOR, x, t, VECTOR.noise(x, generator))
    two = sample_ddim(DATA.denoise, VECTOR, z, torch.tensor([-2.0, -0.5, 1.0]), no_noise)
    target = two_step_target(DATA.denoise, VECTOR, z, t, middle, s)
    torch.testing.assert_close(deterministic_step(VECTOR, z, target, t, s)["x"], two["x"])
    before, after = (coefficients(VECTOR, "x", at, z["x"]) for at in (t, s))
    ratio = after.sigma / before.sigma
    torch.testing.assert_close(target["x"], (two["x"] - ratio * z["x"]) / (after.alpha - ratio * before.alpha))


def test_at_the_end_of_a_path_the_target_is_the_teachers_estimate(generator):
    x, end = DATA.draw(20, generator), torch.full((20,), 1.0)
    z = diffuse(VECTOR, x, end, VECTOR.noise(x, generator))
    target = two_step_target(DATA.denoise, VECTOR, z, end, end, end)
    torch.testing.assert_close(target["x"], DATA.denoise(z.fields, end)["x"])


def test_the_target_of_a_point_is_the_point(generator):
    """Where x is known the teacher's two steps are one already: the exact student's loss is 0."""
    point = GaussianData(torch.tensor([0.3, -0.4]), 1e-6)
    x = point.draw(9, generator)
    index, noise = torch.arange(9), VECTOR.noise(x, generator)
    exact = distillation_loss(point.denoise, point.denoise, VECTOR, x, PATH, index, noise)
    assert exact.max() < 1e-9
    off = lambda z, *_: {"x": z["x"]}  # noqa: E731
    assert (distillation_loss(off, point.denoise, VECTOR, x, PATH, index, noise)[:-1] > 1e-3).all()


@pytest.mark.long
def test_on_gaussian_data_one_step_is_exactly_two_of_the_teacher(generator, tmp_path):
    """The law in closed form: there a student exists whose loss is 0, and training finds it."""
    teacher = diffusion(Gains())
    halving = Distillation(teacher, 4)
    start = Batch({"x": torch.randn(50, 2, generator=generator)})
    fine, coarse = teacher.path(8, start), halving.student.path(4, start)
    torch.testing.assert_close(coarse, fine[::2])
    ends = lambda model, path: sample_ddim(model, VECTOR, start, path, no_noise)["x"].detach()  # noqa: E731
    wanted = ends(teacher, fine)
    before = (ends(halving.student, coarse) - wanted).abs().max()
    settings = TrainingSettings(steps=500, learning_rate=0.02, final_rate=0.0, warmup_steps=1, weight_decay=0.0,
                                ema_decay=0.0, checkpoint_every=1000)  # fmt: skip
    train(halving, drawn(GaussianData(torch.zeros(2), 0.6), generator), settings, tmp_path)
    after = (ends(halving.student, coarse) - wanted).abs().max()
    print("where 4 steps of the student end and 8 of the teacher, farthest: before", before, "after", after)
    assert after < 1e-3 * before
    gap = halving.student.complete(start, {"x": start["x"]})["x"] - teacher.draw(start, "ddim", 8)["x"]
    assert gap.abs().max() < 1e-3 * before  # the last estimate too, at the end of the path


@pytest.mark.long
def test_a_distilled_student_does_in_4_steps_what_its_teacher_does_in_16(generator, tmp_path):
    teacher = student = diffusion(Corrected(generator))
    settings = TrainingSettings(steps=180, learning_rate=4e-3, final_rate=0.0, warmup_steps=9, weight_decay=0.0,
                                ema_decay=0.0, checkpoint_every=1000)  # fmt: skip
    for steps in (8, 4):
        halving = Distillation(student, steps)
        train(halving, drawn(DATA, generator, 192), settings, tmp_path / str(steps))
        student = halving.student
    start, path = Batch({"x": torch.randn(2000, 2, generator=generator)}), PATH[::4]
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
    assert not any((value != 0).any() for value in teacher.network.network.outward.parameters())


def test_the_teacher_and_the_schedule_stay_and_the_student_says_how_to_draw(generator):
    network = VectorDenoiser("x", 2, width=8, depth=1, generator=generator)
    model = DiffusionModel(network, VECTOR, Learned(4.0, -4.0), {"x": (2,)}, DiffusionSettings(guidance=1.0))
    halving = Distillation(model, 8).train()
    halving.loss(GaussianData(torch.zeros(2), 0.6).draw(16, generator), 0, generator)["loss"].backward()
    learning = {name for name, value in halving.named_parameters() if value.grad is not None}
    assert learning == {f"student.network.{name}" for name, _ in network.named_parameters()}
    assert {name for name, value in halving.named_parameters() if value.requires_grad} == learning
    assert not halving.teacher.training
    drawing = halving.student.settings
    assert (drawing.sampler, drawing.steps, drawing.guidance) == ("ddim", 8, 0.0)
    assert model.settings == DiffusionSettings(guidance=1.0)


def test_what_holds_a_diffusion_is_distilled_with_it(generator):
    """Items of various sizes: the student has its teacher's sizes, and what is learned is how to draw one."""
    network = VectorDenoiser("x", 2, width=8, depth=1, generator=generator)
    table = SizeTable(torch.tensor([1]), torch.ones(1), torch.zeros(1, 0), torch.ones(1, 0))
    settings = DiffusionSettings(prediction="v", steps=16)
    holder = SizedDiffusion(DiffusionModel(network, VECTOR, SCHEDULE, {"x": (2,)}, settings), table)
    halving = Distillation(holder, 4)
    assert isinstance(halving.student, SizedDiffusion)
    assert (halving.student.diffusion.settings.steps, holder.diffusion.settings.steps) == (4, 16)
    halving.loss(GaussianData(torch.zeros(2), 0.6).draw(16, generator), 0, generator)["loss"].backward()
    assert halving.student.diffusion.network.outward.weight.grad.abs().sum() > 0
    with pytest.raises(ConfigError, match="VectorDenoiser"):
        Distillation(network, 4)


class Told(nn.Module):
    """Data of no spread at the condition, at 0 where it is free."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))

    def forward(self, z, log_snr, condition, mask):
        return {"x": condition.nan_to_num(0.0) + self.level}


@pytest.mark.parametrize(("forgotten", "wanted"), [(0.0, 3.0), (1.0, 0.0)])
def test_what_the_student_learns_is_its_teacher_under_guidance(generator, forgotten, wanted):
    """x^ + w (x^ - x^ of the free condition) is 3 c at w = 2, and 0 where the condition is forgotten."""
    teacher = diffusion(Told(), guidance=2.0, dropout=ConditionDropout(everything=forgotten))
    halving = Distillation(teacher, 4)
    batch = Batch({"x": torch.zeros(8, 2)}, None, torch.ones(8, 2))
    guided = copy.deepcopy(halving)
    guided.student.forward = lambda z, log_snr, condition, mask: {"x": torch.full((8, 2), wanted)}
    assert guided.loss(batch, 0, generator)["loss"] < 1e-8
    assert (halving.loss(batch, 0, generator)["loss"] > 0.1) == (forgotten == 0.0)
