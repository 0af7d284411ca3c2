"""Progressive distillation: a student learns to do in one deterministic step what its teacher does in two.

Salimans & Ho 2022, algorithm 2. Repeated halving turns a sampler of 32 steps into samplers of 16, 8 and 4.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.model import HoldsDiffusion, after_first_estimate, diffusion_of
from sciencegen.diffusion.objectives import low_discrepancy_times
from sciencegen.diffusion.process import Denoiser, Levels, deterministic_step, diffuse, predict
from sciencegen.diffusion.samplers import Path
from sciencegen.diffusion.state import Fields, State, rows


@torch.no_grad()
def two_step_target(
    teacher: Denoiser, state: State, z: Batch, t: Levels, middle: Levels, s: Levels
) -> dict[str, Tensor]:
    """The estimate x for which one step from t to s ends where the teacher's two steps end. Ibid., appendix G.

    x = (z_s - (sigma_s / sigma_t) z_t) / (alpha_s - (sigma_s / sigma_t) alpha_t).

    A step moves z / alpha towards the estimate by the fraction 1 - u_s / u_t, u = sigma / alpha = e^(-log_snr / 2). So
    x is a weighted mean of the teacher's two estimates. At the end of a path, where t = middle = s, it is the first:

    x = (1 - w) x^(z_t) + w x^(z_middle),   w = (1 - u_s / u_middle) / (1 - u_s / u_t).
    """
    first = predict(teacher, state, z, t)
    second = predict(teacher, state, deterministic_step(state, z, first, t, middle), middle)
    share = torch.expm1(0.5 * (middle - s)) / torch.expm1(0.5 * (t - s)).clamp(max=-torch.finfo(s.dtype).tiny)
    w = {name: rows(share, first[name]) for name in state.fields}
    return {name: (1 - w[name]) * first[name] + w[name] * second[name] for name in state.fields}


def distillation_loss(
    student: Denoiser,
    teacher: Denoiser,
    state: State,
    x: Batch,
    log_snrs: Path,
    index: Int[Tensor, " batch"],
    noise: Fields,
) -> Float[Tensor, " batch"]:
    """max(SNR, 1) |x_target - x^|^2, the paper's truncated weighting, at the student's step `index` of each item.

    log_snrs: the teacher's path [2 N + 1] from noise to data; the student uses every second point of it. Step N is the
    end of the path, where a sampler needs a last estimate.
    """
    t, middle, s = (log_snrs[(2 * index + ahead).clamp(max=len(log_snrs) - 1)] for ahead in (0, 1, 2))
    z = diffuse(state, x, t, noise)
    target = two_step_target(teacher, state, z, t, middle, s)
    estimate = predict(student, state, z, t)
    errors = state.squared_norms({name: target[name] - estimate[name] for name in target}, x.mask)
    weighted = [(t + f.log_snr_shift).exp().clamp(min=1.0) * errors[name] for name, f in state.fields.items()]
    return torch.stack(weighted).sum(0)


class Distillation(nn.Module):
    """One halving as a trainable module: `student` starts as a copy of the model and learns to draw in `steps` steps.

    The teacher takes twice as many steps of DDIM, with its guidance, which the student reproduces without guidance.
    With self-conditioning the teacher sees its first estimates, and the student in a share of the batches.
    The teacher and the schedule are frozen. model: the teacher, or a model that holds it; the student is a copy of it.
    """

    def __init__(self, model: nn.Module, steps: int) -> None:
        super().__init__()
        self.student = copy.deepcopy(model).train()
        self.teacher = copy.deepcopy(diffusion_of(model)).requires_grad_(False).eval()
        student = diffusion_of(self.student)
        student.settings = replace(student.settings, sampler="ddim", steps=steps, guidance=0.0)
        if isinstance(student.schedule, nn.Module):
            student.schedule.requires_grad_(False)

    def train(self, mode: bool = True) -> Distillation:
        super().train(mode)
        self.teacher.eval()
        return self

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars. loss: the distillation loss in units of the noise, per dimension."""
        student = diffusion_of(self.student)
        state, settings = student.state, student.settings
        if isinstance(self.student, HoldsDiffusion):
            batch = self.student.embed(batch, generator)
        x = state.embed(batch).with_condition(settings.dropout(batch.condition, generator))
        with torch.no_grad():
            path = self.teacher.path(2 * settings.steps, x)
        times = low_discrepancy_times(len(x), generator, path)
        index = (times * (settings.steps + 1)).long().clamp(max=settings.steps)
        noise = state.noise(x, generator)
        teacher = self.teacher.denoiser()
        if settings.self_conditioning:
            teacher = after_first_estimate(teacher)
        losses = distillation_loss(student.training_denoiser(generator), teacher, state, x, path, index, noise)
        return {"loss": student.per_dimension(losses, x)}
