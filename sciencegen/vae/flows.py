"""Invertible maps between latents and noise, each exact in both directions.

`to_noise(z, context)` is the fast direction, with its log-determinant (density, training); `to_latent(u, context)`
is its inverse (sampling).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.descent import DescentSettings, FitProgress, descend, no_progress
from sciencegen.networks.mlp import MLP
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae.posteriors import standard_normal_log_prob

# Monotone rational-quadratic splines with linear tails.

BOUND = 5.0
"""The spline acts on -5..5; outside it is the identity."""
SMALLEST = 1e-3
"""Least width and height of a bin (relative to the total), and least slope."""
_UNIT_SLOPE = math.log(math.expm1(1 - SMALLEST))
"""softplus(this) + SMALLEST = 1, so that parameters of zero give the identity."""


def _knots(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Bin sizes from raw sizes, and the left ends of the bins."""
    # written out, because torch's softmax takes five times as long over so few bins
    weights = (raw - raw.amax(-1, keepdim=True)).exp()
    shares = weights / weights.sum(-1, keepdim=True)
    sizes = 2 * BOUND * (SMALLEST + (1 - SMALLEST * raw.shape[-1]) * shares)
    return sizes, sizes.cumsum(-1) - sizes - BOUND


def rational_quadratic_spline(
    values: Float[Tensor, "batch element"], parameters: Float[Tensor, "batch element parameter"], inverse: bool
) -> tuple[Float[Tensor, "batch element"], Float[Tensor, "batch element"]]:
    """Values through the spline (or back), and the log of the derivative. Durkan et al. 2019, eq. 4, 5 and 6 to 8.

    parameters: K raw widths, K raw heights, K - 1 raw slopes at the inner knots; zeros give the identity.
    """
    bins = (parameters.shape[-1] + 1) // 3
    raw_widths, raw_heights, raw_slopes = parameters.split([bins, bins, bins - 1], -1)
    widths, lefts = _knots(raw_widths)
    heights, bottoms = _knots(raw_heights)
    slopes = functional.pad(SMALLEST + functional.softplus(raw_slopes + _UNIT_SLOPE), (1, 1), value=1.0)
    inside = values.abs() < BOUND
    clipped = values.clamp(-BOUND, BOUND)
    edges = (bottoms if inverse else lefts)[..., 1:]
    index = (clipped[..., None] >= edges).sum(-1, keepdim=True)
    pick = lambda table: table.gather(-1, index)[..., 0]  # noqa: E731
    left, width, bottom, height = pick(lefts), pick(widths), pick(bottoms), pick(heights)
    slope, slope_next = pick(slopes[..., :-1]), pick(slopes[..., 1:])
    mean_slope = height / width
    if inverse:
        share = _solve(clipped - bottom, height, mean_slope, slope, slope_next)
        moved = left + share * width
    else:
        share = (clipped - left) / width
    rest = share * (1 - share)
    denominator = mean_slope + (slope_next + slope - 2 * mean_slope) * rest
    if not inverse:
        moved = bottom + height * (mean_slope * share.square() + slope * rest) / denominator
    numerator = mean_slope.square() * (
        slope_next * share.square() + 2 * mean_slope * rest + slope * (1 - share).square()
    )
    log_derivative = numerator.log() - 2 * denominator.log()
    log_derivative = torch.where(inside, log_derivative, 0.0)
    return torch.where(inside, moved, values), -log_derivative if inverse else log_derivative


def _solve(rise: Tensor, height: Tensor, mean_slope: Tensor, slope: Tensor, slope_next: Tensor) -> Tensor:
    """The position in the bin, 0..1, where the spline has risen by `rise`: the root of eq. 25 in the stable form 29."""
    excess = slope_next + slope - 2 * mean_slope
    a = height * (mean_slope - slope) + rise * excess
    b = height * slope - rise * excess
    c = -mean_slope * rise
    discriminant = (b.square() - 4 * a * c).clamp_min(0)
    return 2 * c / (-b - discriminant.sqrt())


Latent = Float[Tensor, "batch latent"]
Context = Float[Tensor, "batch context"]
LogDet = Float[Tensor, " batch"]


class Invertible(Protocol):
    """One step of a flow."""

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]: ...

    def to_latent(self, noise: Latent, context: Context) -> Latent: ...


class Whitening(nn.Module):
    """u = L^-1 (z - centre), with centre and covariance L L^T set once from data (buffers, no gradient).

    The data-dependent start of an activation norm (Kingma & Dhariwal 2018, section 3.1), with correlations: a flow
    whose couplings start as the identity then starts as the Gaussian fit.
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))

    def fit(self, latents: Latent, jitter: float = 1e-3) -> None:
        """Set centre and covariance from data; `jitter` (relative to each variance) bounds the condition number."""
        if latents.shape[-1] != self.centre.shape[0] or latents.shape[0] < 2:
            raise ShapeError(f"Expected 2 or more latents [n {self.centre.shape[0]}], got {list(latents.shape)}.")
        latents = latents.double()
        std = latents.std(0).clamp_min(1e-6)
        scaled = (latents - latents.mean(0)) / std
        correlation = scaled.T @ scaled / (latents.shape[0] - 1)
        correlation = (correlation + jitter * torch.eye(len(std), device=std.device).double()) / (1 + jitter)
        self.centre.copy_(latents.mean(0))
        self.factor.copy_(std[:, None] * torch.linalg.cholesky(correlation))

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        noise = torch.linalg.solve_triangular(self.factor, (latent - self.centre).T, upper=False).T
        return noise, -self.factor.diagonal().log().sum().expand(latent.shape[0])

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        return self.centre + noise @ self.factor.T


class Mixing(nn.Module):
    """u = L U P z: a fixed random permutation P, then a learned invertible matrix. Kingma & Dhariwal 2018, eq. 11.

    L is unit lower triangular and U upper triangular with the diagonal exp(log_diagonal); both start as the identity.
    """

    permutation: Tensor

    def __init__(self, size: int, generator: Generator) -> None:
        super().__init__()
        self.register_buffer("permutation", torch.randperm(size, generator=generator))
        self.lower = nn.Parameter(torch.zeros(size, size))
        self.upper = nn.Parameter(torch.zeros(size, size))
        self.log_diagonal = nn.Parameter(torch.zeros(size))

    def factors(self) -> tuple[Tensor, Tensor]:
        identity = torch.eye(len(self.log_diagonal), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + identity, self.upper.triu(1) + torch.diag(self.log_diagonal.exp())

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        lower, upper = self.factors()
        return latent[:, self.permutation] @ (lower @ upper).T, self.log_diagonal.sum().expand(latent.shape[0])

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        lower, upper = self.factors()
        half = torch.linalg.solve_triangular(lower, noise.T, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, half, upper=True).T[:, self.permutation.argsort()]


class Coupling(nn.Module):
    """Transforms the second half of the elements, with parameters computed from the first half and the context.

    "affine": u_2 = z_2 exp(s) + t with s in (-2, 2) (Dinh et al. 2017, eq. 7 and 8).
    "spline": a monotone rational-quadratic spline (Durkan et al. 2019, section 3.1).
    Both start as the identity.
    """

    def __init__(
        self, size: int, context_size: int, width: int, depth: int, transform: str, bins: int, generator: Generator
    ) -> None:
        super().__init__()
        if transform not in COUPLINGS:
            raise unknown_name("coupling transform", transform, COUPLINGS)
        self.kept, self.changed = size // 2, size - size // 2
        self.transform = transform
        per_element = 2 if transform == "affine" else 3 * bins - 1
        outputs = self.changed * per_element
        self.network = MLP(self.kept + context_size, outputs, width, depth, zero_output=True, generator=generator)

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        kept, changed = latent.split([self.kept, self.changed], -1)
        changed, log_det = COUPLINGS[self.transform](changed, self._coefficients(kept, context), False)
        return torch.cat([kept, changed], -1), log_det.sum(-1)

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        kept, changed = noise.split([self.kept, self.changed], -1)
        changed, _ = COUPLINGS[self.transform](changed, self._coefficients(kept, context), True)
        return torch.cat([kept, changed], -1)

    def _coefficients(self, kept: Tensor, context: Tensor) -> Tensor:
        return self.network(torch.cat([kept, context], -1)).unflatten(-1, (self.changed, -1))


def affine(values: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    """Maps x to x exp(s) + t, or back. s = 2 tanh(raw / 2): slope 1 at 0, and no scale beyond e^2 per layer."""
    raw, shift = parameters.unbind(-1)
    log_scale = 2 * torch.tanh(raw / 2)
    if inverse:
        return (values - shift) * (-log_scale).exp(), -log_scale
    return values * log_scale.exp() + shift, log_scale


COUPLINGS = {"affine": affine, "spline": rational_quadratic_spline}
"""(values [batch element], parameters [batch element parameter], inverse) -> (values, log derivative)."""


# A learned conditional flow p(z | c) over the latents of a trained model.

Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class FlowSettings:
    """layers: pairs of an invertible matrix and a coupling. width, depth: of each coupling's network. transform: of
    each coupling, "affine" or "spline" (with `bins` bins). context_size: features of the condition in each coupling."""

    layers: int = 8
    width: int = 128
    depth: int = 2
    transform: str = "affine"
    bins: int = 8
    context_size: int = 64

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"Expected 1 or more flow layers, got {self.layers}.")


class FlowPrior(nn.Module):
    """A normalizing flow p(z | c) over the latents of a trained model.

        log p(z | c) = log N(u; 0, I) + log |du/dz|,     u = inverse(z, c)

    Whitening, then layers of an invertible matrix and a coupling. `fit_prior` fits it to a model's posteriors: samples
    are then drawn from it, because the aggregate posterior differs from N(0, I). The initial weights depend only on
    `seed`.

    Parameters
    ----------
    latent_size, property_count : int
        Columns of z and of c.
    settings : FlowSettings, optional
    seed : int

    References
    ----------
    .. [1] Dinh et al., "Density estimation using Real NVP", ICLR 2017, eq. 2.

    Examples
    --------
    >>> import torch
    >>> from sciencegen.vae.flows import FlowPrior, FlowSettings
    >>> flow = FlowPrior(latent_size=2, property_count=1, settings=FlowSettings(layers=2, width=16))
    >>> noise, condition = torch.zeros(3, 2), torch.tensor([[0.5], [1.0], [float("nan")]])
    >>> latent = flow(noise, condition)
    >>> torch.allclose(flow.inverse(latent, condition), noise, atol=1e-6)
    True
    >>> flow.log_prob(latent, condition).shape
    torch.Size([3])
    """

    def __init__(
        self, latent_size: int, property_count: int, settings: FlowSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        s, generator = settings or FlowSettings(), Generator().manual_seed(seed)
        self.latent_size, self.property_count = latent_size, property_count
        context_size = s.context_size if property_count else 0
        read = lambda: MLP(2 * property_count, context_size, context_size, 1, generator=generator)  # noqa: E731
        self.context = read() if context_size else None
        self.whitening = Whitening(latent_size)
        steps: list[nn.Module] = []
        for _ in range(s.layers):
            steps.append(Mixing(latent_size, generator))
            steps.append(Coupling(latent_size, context_size, s.width, s.depth, s.transform, s.bins, generator))
        self.steps = nn.ModuleList(steps)

    @property
    def reader(self) -> nn.Linear | None:
        """The linear layer whose last inputs are the features of the condition; None without properties."""
        return None if self.context is None else cast(nn.Linear, self.context.hidden[0])

    def standardize(self, latents: Latent) -> None:
        """Set the whitening to centre and covariance of the latents: the flow then starts as their Gaussian fit."""
        self.whitening.fit(latents)

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def _context(self, like: Tensor, condition: Condition) -> Tensor:
        if self.context is None:
            return like.new_zeros(like.shape[0], 0)
        return self.context(condition_features(condition, like, self.property_count))

    def noise_and_log_det(self, latent: Latent, condition: Condition = None) -> tuple[Latent, Float[Tensor, " batch"]]:
        """The noise u = inverse(z, c) and log |du/dz|."""
        check_latents(latent, self.latent_size)
        context = self._context(latent, condition)
        noise, log_det = self.whitening.to_noise(latent, context)
        for step in cast(list[Invertible], self.steps):
            noise, change = step.to_noise(noise, context)
            log_det = log_det + change
        return noise, log_det

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        noise, log_det = self.noise_and_log_det(latent, condition)
        return standard_normal_log_prob(noise) + log_det

    def inverse(self, latent: Latent, condition: Condition = None) -> Latent:
        """The noise that `forward` maps to these latents."""
        return self.noise_and_log_det(latent, condition)[0]

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        context = self._context(noise, condition)
        for step in reversed(cast(list[Invertible], self.steps)):
            noise = step.to_latent(noise, context)
        return self.whitening.to_latent(noise, context)

    def draw(self, noise: Latent, condition: Condition = None) -> Latent:
        """Standard normal noise to draws of p(z | c), here the same as `forward`; other priors may differ."""
        return self(noise, condition)

    def fit_loss(self, latent: Latent, condition: Condition, step: int, generator: Generator) -> Float[Tensor, ""]:
        """Mean of -log p(z | c)."""
        return -self.log_prob(latent, condition).mean()

    def cross_entropy(self, latent: Latent, condition: Condition = None) -> float:
        """-E log p(z | c) in nats."""
        return -float(self.log_prob(latent, condition).mean())

    @torch.no_grad()
    def start_unconditional(self, other: FlowPrior) -> None:
        """Copy the weights of a conditional flow: this unconditional one then equals it without any known value."""
        assert other.context is not None  # otherwise the other flow is unconditional too
        (missing,) = other.context(other.whitening.centre.new_zeros(1, 2 * other.property_count))
        for before, after in zip(other.steps, self.steps, strict=True):
            if isinstance(before, Coupling) and isinstance(after, Coupling):
                read, now = (cast(nn.Linear, one.network.hidden[0]) for one in (before, after))
                own, context = read.weight.split([before.kept, len(missing)], 1)
                now.weight.copy_(own)
                now.bias.copy_(read.bias + context @ missing)


# Fit a flow prior to the latents of a trained model by maximum likelihood.


@dataclass(frozen=True)
class PriorFit:
    """Result of a fit. losses: averages over at most ten equal parts of the steps. start, end: -log p(z | c) per item
    in nats (of a diffusion an upper bound), before and after fitting, on held-out rows (NaN if there are none). notes:
    sentences on what could not be fitted beside it."""

    losses: tuple[float, ...]
    start: float
    end: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PriorFitSettings(DescentSettings):
    """steps, batch: of the descent. dropout: of conditions, so that any subset can be given. held_out: share of the
    rows that are not trained on. anew: start from the latents' Gaussian fit, else from the flow's current weights."""

    steps: int = 3000
    batch: int = 512
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1))
    held_out: float = 0.02
    anew: bool = True


GO_ON = PriorFitSettings(learning_rate=2e-4, anew=False)
"""For continuing the training of a fitted flow on new items."""


NEW_COLUMN_RATE, NEW_COLUMN_STEPS = 0.03, 1000
"""Learning rate and steps for the weights of condition columns that a fitted flow has not used so far."""


def steps_further(items: int, steps: int) -> int:
    """Steps to continue a fitted flow, if a new one would take `steps`: one per item, and at least a tenth of `steps`.
    After 3,000 further steps on 100 items, a flow overfitted: it predicted other items worse than before."""
    return min(max(items, steps // 10), steps)


@dataclass(frozen=True)
class _Latents:
    """The training set: centres, log standard deviations and conditions of the same items."""

    mean: Tensor
    log_std: Tensor | None
    condition: Tensor | None

    def __post_init__(self) -> None:
        for name, table in (("log_std", self.log_std), ("conditions", self.condition)):
            if table is not None and len(table) != len(self.mean):
                raise ShapeError(f"Expected {name} for each of {len(self.mean)} latents, got {list(table.shape)}.")

    def draw(self, index: Int[Tensor, " row"], generator: Generator) -> tuple[Tensor, Tensor | None]:
        """Draws z ~ q(z | x) of the items at `index`, and their c."""
        latent = self.mean[index]
        if self.log_std is not None:
            latent = latent + self.log_std[index].exp() * standard_normal(latent.shape, generator, latent)
        return latent, None if self.condition is None else self.condition[index]


@runtime_checkable
class FittablePrior(Protocol):
    """A prior of latents that can be fitted after its model; a torch module: `FlowPrior` or `DiffusionPrior`."""

    def standardize(self, latents: Float[Tensor, "item latent"]) -> None:
        """Start as the latents' Gaussian fit."""

    def fit_loss(self, latent: Tensor, condition: Tensor | None, step: int, generator: Generator) -> Tensor:
        """The scalar that a step of the fit minimizes."""

    def cross_entropy(self, latent: Tensor, condition: Tensor | None) -> float:
        """-E log p(z | c) of these latents, or an upper bound of it, in nats."""

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def train(self, mode: bool = True) -> object: ...

    def eval(self) -> object: ...


def fit_prior(
    prior: FittablePrior,
    latents: Float[Tensor, "item latent"],
    conditions: Float[Tensor, "_ property"] | None,
    generator: Generator,
    *,
    log_std: Float[Tensor, "item latent"] | None = None,
    settings: PriorFitSettings | None = None,
    progress: FitProgress = no_progress,
) -> PriorFit:
    """Minimize -E log p(z | c) in place, with conditions dropped at random so that any subset can be given.

    The result depends only on the arguments and the generator's state.

    Parameters
    ----------
    prior : FittablePrior
    latents : [item latent]
        Centres of the posteriors.
    conditions : [item property], optional
    generator : Generator
    log_std : [item latent], optional
        Log standard deviations of the posteriors. If given, each step draws z ~ N(latents, exp(log_std)^2) (the
        aggregate posterior [1]_); else the centres are used.
    settings : PriorFitSettings, optional
    progress : FitProgress, optional

    Raises
    ------
    ShapeError
        If the arguments have different numbers of rows.

    References
    ----------
    .. [1] Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018, eq. 6 and 7.
    """
    settings = settings or PriorFitSettings()
    steps, data = settings.steps, _Latents(latents, log_std, conditions)

    def loss(step: int) -> Tensor:
        drawn = torch.randint(len(rows), (settings.batch,), generator=generator, device=generator.device)
        latent, condition = data.draw(rows[drawn.to(rows.device)], generator)
        return prior.fit_loss(latent, settings.dropout(condition, generator), step, generator)

    order = torch.randperm(len(latents), generator=generator, device=generator.device).to(latents.device)
    held, rows = order.split([(count := int(settings.held_out * len(order))), len(order) - count])
    if settings.anew:
        prior.standardize(data.draw(rows, generator)[0])
    done = 0 if settings.anew or not isinstance(prior, FlowPrior) else _fit_new_columns(prior, loss, steps, progress)
    check = data.draw(held, generator)
    start = _cross_entropy(prior, *check)
    prior.train()
    losses = descend(prior.parameters(), loss, steps, settings, _continued(progress, done, done + steps))
    prior.eval()
    size = max(1, math.ceil(len(losses) / 10))
    tenths = (losses[first : first + size] for first in range(0, len(losses), size))
    averages = tuple(sum(piece) / len(piece) for piece in tenths)
    return PriorFit(averages, start, _cross_entropy(prior, *check))


def _fit_new_columns(prior: FlowPrior, loss: Callable[[int], Tensor], further: int, progress: FitProgress) -> int:
    """Train only the weights of condition columns that the flow has not used so far (all zero): they are few, so they
    may take many large steps. Returns the number of steps; `further` steps follow."""
    if prior.context is None:
        return 0
    weight = cast(nn.Parameter, prior.context.hidden[0].weight)
    unused = (weight == 0).all(0)
    if not unused.any():
        return 0
    hook = weight.register_hook(lambda gradient: gradient * unused)
    settings = DescentSettings(NEW_COLUMN_RATE, weight_decay=0.0)
    descend([weight], loss, NEW_COLUMN_STEPS, settings, _continued(progress, 0, NEW_COLUMN_STEPS + further))
    hook.remove()
    return NEW_COLUMN_STEPS


def _continued(progress: FitProgress, before: int, steps: int) -> FitProgress:
    """Progress as a part of `steps` steps in total, of which `before` are already done."""
    return lambda step, _, loss: progress(before + step, steps, loss)


@torch.no_grad()
def _cross_entropy(prior: FittablePrior, latents: Tensor, conditions: Tensor | None) -> float:
    return prior.cross_entropy(latents, conditions) if len(latents) else math.nan
