"""A regressor of latents that has gradients, for ascent in latent space: an ensemble of small networks.

Deep ensembles (Lakshminarayanan et al. 2017) over bootstrap samples. With members m and s the out-of-bag error,

    mean(z) = average of f_m(z)
    std(z)  = scale * sqrt(variance over m of f_m(z) + s^2)

where `scale` makes the out-of-bag errors have unit variance in units of std.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.errors import ConfigError, DataError, IncompatibleError, ShapeError
from sciencegen.files import atomic_write, sha256_of
from sciencegen.runs import FORMAT_VERSION, RunFolder, check_format

NUMBERS = "latent_predictor.json"
ARRAYS = "latent_predictor.safetensors"
FEWEST_ROWS = 10


@dataclass(frozen=True)
class LatentPredictorSettings:
    """members: networks in the ensemble. steps: of AdamW at most; the best by out-of-bag error is kept."""

    members: int = 5
    hidden: int = 128
    steps: int = 600
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 0.3

    def __post_init__(self) -> None:
        if min(self.members - 1, self.hidden, self.steps, self.batch) < 1:
            raise ConfigError(f"Expected members >= 2 and hidden, steps and batch >= 1, got {asdict(self)}.")


class LatentPredictor(nn.Module):
    """[batch latent] -> mean and std [batch], differentiable. All members run as one batched product."""

    centre: Tensor
    width: Tensor
    target_mean: Tensor
    target_scale: Tensor
    noise: Tensor
    scale: Tensor

    def __init__(self, latent_size: int, settings: LatentPredictorSettings, generator: Generator | None = None) -> None:
        super().__init__()
        self.latent_size, self.settings = latent_size, settings
        sizes = (latent_size, settings.hidden, settings.hidden, 1)
        pairs = list(pairwise(sizes))
        draw = lambda i, o: torch.randn(settings.members, i, o, generator=generator) / i**0.5  # noqa: E731
        self.weights = nn.ParameterList([nn.Parameter(draw(i, o)) for i, o in pairs])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(settings.members, 1, o)) for _, o in pairs])
        for name, size in (("centre", latent_size), ("width", latent_size)):
            self.register_buffer(name, torch.zeros(size) if name == "centre" else torch.ones(size))
        for name in ("target_mean", "noise"):
            self.register_buffer(name, torch.zeros(()))
        for name in ("target_scale", "scale"):
            self.register_buffer(name, torch.ones(()))

    def members(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "member batch"]:
        """Each network's opinion, of the standardized target."""
        if latent.ndim != 2 or latent.shape[1] != self.latent_size:
            raise ShapeError(f"Expected latents [batch {self.latent_size}], got {list(latent.shape)}.")
        hidden = ((latent - self.centre) / self.width).expand(self.settings.members, -1, -1)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden if layer == 0 else nn.functional.silu(hidden), weight)
        return hidden[..., 0]

    def forward(self, latent: Float[Tensor, "batch latent"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Mean and standard deviation, in the unit of the training values."""
        opinions = self.members(latent)
        std = self.scale * (opinions.var(dim=0, unbiased=True) + self.noise**2).sqrt()
        return self.target_mean + self.target_scale * opinions.mean(dim=0), self.target_scale * std


def fit_latent_predictor(
    latents: Float[Tensor, "item latent"],
    values: Float[Tensor, " item"],
    settings: LatentPredictorSettings,
    generator: Generator,
) -> LatentPredictor:
    """Fit on the rows whose value is finite. Runs where `latents` are; `generator` is a CPU generator."""
    latents, values = torch.as_tensor(latents).float(), torch.as_tensor(values).to(latents)
    if latents.ndim != 2 or values.shape != latents.shape[:1]:
        raise ShapeError(f"Expected latents [item latent], values [item], got {[*latents.shape]}, {[*values.shape]}.")
    kept = values.isfinite() & latents.isfinite().all(dim=1)
    latents, values = latents[kept], values[kept]
    if len(values) < FEWEST_ROWS or values.std() == 0:
        raise DataError(f"Expected at least {FEWEST_ROWS} rows with values that vary, found {len(values)}.")
    model = LatentPredictor(latents.shape[1], settings, generator).to(latents.device)
    model.centre.copy_(latents.mean(dim=0))
    model.width.copy_(latents.std(dim=0).clamp_min(1e-6))
    model.target_mean.copy_(values.mean())
    model.target_scale.copy_(values.std())
    target = (values - model.target_mean) / model.target_scale
    out_of_bag = _train(model, latents, target, generator)
    _calibrate(model, latents, target, out_of_bag)
    return model.eval().requires_grad_(False)


def _train(model: LatentPredictor, latents: Tensor, target: Tensor, generator: Generator) -> Tensor:
    """Fit in place, keep the weights of least out-of-bag error; returns which rows each member never saw."""
    settings, rows = model.settings, len(target)
    drawn = torch.randint(rows, (settings.members, rows), generator=generator)
    out_of_bag = torch.ones(settings.members, rows, dtype=torch.bool).scatter_(1, drawn, False).to(target.device)
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    best, kept = float("inf"), {name: value.clone() for name, value in model.state_dict().items()}
    for step in range(1, settings.steps + 1):
        pick = torch.randint(rows, (settings.members, min(rows, settings.batch)), generator=generator)
        index = drawn.gather(1, pick).to(target.device)
        opinions = _own_rows(model, latents, index)
        optimizer.zero_grad()
        ((opinions - target[index]) ** 2).mean().backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == settings.steps:
            error = _out_of_bag_error(model, latents, target, out_of_bag)
            if error < best:
                best, kept = error, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return out_of_bag


def _own_rows(model: LatentPredictor, latents: Tensor, index: Tensor) -> Float[Tensor, "member batch"]:
    """Member m at its own rows index[m]: one pass over all rows asked for would cost members times as much."""
    hidden = (latents[index] - model.centre) / model.width
    for layer, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        hidden = torch.baddbmm(bias, hidden if layer == 0 else nn.functional.silu(hidden), weight)
    return hidden[..., 0]


@torch.no_grad()
def _out_of_bag_error(model: LatentPredictor, latents: Tensor, target: Tensor, out_of_bag: Tensor) -> float:
    """Mean squared error over (member, row) pairs where the member never saw the row; on 2,000 rows at most."""
    some = slice(0, 2000)
    errors = (model.members(latents[some]) - target[some]) ** 2
    unseen = out_of_bag[:, some]
    return float(errors[unseen].mean()) if unseen.any() else float(errors.mean())


@torch.no_grad()
def _calibrate(model: LatentPredictor, latents: Tensor, target: Tensor, out_of_bag: Tensor) -> None:
    """Noise and scale from what the members that never saw a row say of it."""
    opinions = model.members(latents)
    count = out_of_bag.sum(dim=0)
    judged = count >= 1
    mean = (opinions * out_of_bag).sum(dim=0)[judged] / count[judged]
    squared = (mean - target[judged]) ** 2
    variance = opinions.var(dim=0, unbiased=True)
    model.noise.copy_((squared.mean() - variance[judged].mean()).clamp_min(1e-6).sqrt())
    model.scale.copy_((squared / (variance[judged] + model.noise**2)).mean().sqrt())


def save_latent_predictor(model: LatentPredictor, folder: str | Path) -> Path:
    """Two files, no pickle; the arrays last, with their checksum in the numbers."""
    from safetensors.torch import save as to_bytes

    content = to_bytes({name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()})
    run = RunFolder(folder)
    numbers = {"format_version": FORMAT_VERSION, "latent_size": model.latent_size, "settings": asdict(model.settings)}
    run.write_json(NUMBERS, {**numbers, "arrays_sha256": hashlib.sha256(content).hexdigest()})
    with atomic_write(run / ARRAYS, "wb") as handle:
        handle.write(content)
    return run.path


def load_latent_predictor(folder: str | Path) -> LatentPredictor:
    """The predictor in a folder, on the CPU."""
    from safetensors.torch import load_file

    run = RunFolder(folder, create=False)
    numbers = run.read_json(NUMBERS)
    check_format(numbers.get("format_version"), str(run / NUMBERS))
    if not run.has(ARRAYS) or sha256_of(run / ARRAYS) != numbers.get("arrays_sha256"):
        raise IncompatibleError(f"Expected {run / ARRAYS} as it was saved, found it missing or changed. Train again.")
    model = LatentPredictor(numbers["latent_size"], LatentPredictorSettings(**numbers["settings"]))
    model.load_state_dict(load_file(run / ARRAYS))
    return model.eval().requires_grad_(False)
