"""Progressive distillation: a student learns to do in one deterministic step what its teacher does in two.

Salimans & Ho 2022, algorithm 2. Repeated, a sampler of 64 steps becomes one of 8 or 4.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, Levels, coefficients, deterministic_step, diffuse, predict
from sciencegen.diffusion.samplers import Path, check_path
from sciencegen.diffusion.state import Fields, State
from sciencegen.errors import ConfigError
from sciencegen.networks.descent import DescentSettings, descend

Student = TypeVar("Student", bound=nn.Module)


@torch.no_grad()
def two_step_target(
    teacher: Denoiser, state: State, z: Batch, t: Levels, middle: Levels, s: Levels
) -> dict[str, Tensor]:
    """The x with which one step from t to s arrives where the teacher's two arrive:

    x = (z_s - (sigma_s / sigma_t) z_t) / (alpha_s - (sigma_s / sigma_t) alpha_t).
    """
    halfway = deterministic_step(state, z, predict(teacher, state, z, t), t, middle)
    arrived = deterministic_step(state, halfway, predict(teacher, state, halfway, middle), middle, s)

    def implied(name: str) -> Tensor:
        before, after = (coefficients(state, name, at, z[name]) for at in (t, s))
        ratio = after.sigma / before.sigma
        return (arrived[name] - ratio * z[name]) / (after.alpha - ratio * before.alpha)

    return {name: implied(name) for name in state.fields}


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

    log_snrs: the teacher's path [2 N + 1] from noise to data, of which the student's steps are every second one.
    """
    t, middle, s = (log_snrs[2 * index + ahead] for ahead in (0, 1, 2))
    z = diffuse(state, x, t, noise)
    target = two_step_target(teacher, state, z, t, middle, s)
    estimate = predict(student, state, z, t)
    errors = state.squared_norms({name: target[name] - estimate[name] for name in target}, x.mask)
    weighted = [(t + f.log_snr_shift).exp().clamp(min=1.0) * errors[name] for name, f in state.fields.items()]
    return torch.stack(weighted).sum(0)


@dataclass(frozen=True)
class DistillationSettings:
    """updates: of each halving, each on a batch. descent: how."""

    updates: int = 2000
    descent: DescentSettings = field(default_factory=DescentSettings)


def distill(
    model: Student,
    state: State,
    batches: Callable[[int], Iterator[Batch]],
    log_snrs: Path,
    final_steps: int,
    generator: Generator,
    settings: DistillationSettings | None = None,
) -> tuple[Student, Float[Tensor, " coarse"]]:
    """A copy of the model (a module that is a denoiser) for `final_steps` steps, and its path; halving after halving.

    log_snrs: the model's own path, of final_steps times a power of two steps. batches(halving): items of the state, in
    its spaces (`State.embed`), endless.
    """
    check_path(log_snrs)
    settings, steps = settings or DistillationSettings(), len(log_snrs) - 1
    ratio = steps // max(final_steps, 1)
    if final_steps < 1 or ratio * final_steps != steps or ratio & (ratio - 1):
        raise ConfigError(
            f"Expected a path of {final_steps} times a power of two steps, got one of {steps}. "
            "Choose the teacher's steps so, such as 64 for 8 or 4."
        )
    student, halving = copy.deepcopy(model), 0
    while len(log_snrs) - 1 > final_steps:
        student = _halved(student, state, batches(halving), log_snrs, generator, settings)
        log_snrs, halving = log_snrs[::2], halving + 1
    return student, log_snrs


def _halved(
    teacher: Student,
    state: State,
    batches: Iterator[Batch],
    log_snrs: Path,
    generator: Generator,
    settings: DistillationSettings,
) -> Student:
    student = copy.deepcopy(teacher)
    teacher.eval().requires_grad_(False)

    def loss(step: int) -> Tensor:
        x = next(batches)
        index = torch.randint((len(log_snrs) - 1) // 2, (len(x),), generator=generator, device=generator.device)
        noise = state.noise(x, generator)
        return distillation_loss(student, teacher, state, x, log_snrs, index.to(log_snrs.device), noise).mean()

    descend(student.parameters(), loss, settings.updates, settings.descent)
    return student.eval()
