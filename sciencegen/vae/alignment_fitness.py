"""A value measured for variants of a reference, as a sum over their letters; and letters that give a requested value.

    f(x) = f0 + sum_i e_i(x_i),      e_i(l) = b(r_i(l)) + s_i + t_il,      e_i = 0 for the reference's letter

where r_i(l) = log p(l | z0) - log p(x0_i | z0) is the log ratio of a letter around the reference x0, in the model that
was trained without measurements. b, with b(0) = 0, is linear between terciles of the measured letters' r, because
measured values saturate. The coefficients are those of ridge regression: few measurements are explained by r, many also
by columns s and letters t (Hsu et al. 2022). A monotone curve g relates sums to measured values (`FitnessLink`). If a
value g(f) = c is requested, letters are drawn from

    p(l | z, c)  ~  p(l | z) exp(tilt e_i(l)),

which is nearest to p(l | z) of all distributions with the same mean of f. The tilt is that for which the drawn row has
g(f) = c. Along the quantiles letters are in the order of e, so that a greater tilt never gives a letter with a smaller
e. If n changes are requested too, the reference's letters are weighted by exp(stay), with the stay that leaves n
changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import DataError
from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.networks.mlp import BayesianLinear, MaskedAutoregressiveMLP
from sciencegen.vae.conditions import GaussianInference
from sciencegen.vae.posteriors import AutoregressiveFlowPosterior, DiagonalGaussian

if TYPE_CHECKING:
    from scipy.sparse import sparray


# The monotone curve from sums of effects to measured values, which saturate (Otwinowski et al. 2018).
#
# It is fitted to left-out sums, so that it also corrects what ridge regression makes too large or too small. Between
# its knots, and beyond them, it is straight.

KNOTS, FEWEST_OF_KNOT = 21, 20
END_SLOPES = 0.5, 2.0
"""Limits of the slope beyond the knots."""
MARGIN, FLAT = 100.0, 1e-6
"""How far the ends beyond the knots reach, and the rise of a flat part between two knots: in standard deviations of the
values."""


class FitnessLink(nn.Module):
    """knots: sums and measured values, each [knot], increasing. At first both are the same, and part of no state."""

    knots: Tensor

    def __init__(self) -> None:
        super().__init__()
        ends = torch.linspace(-1, 1, KNOTS + 2, dtype=torch.float64)
        self.register_buffer("knots", ends.expand(2, -1).clone(), persistent=False)

    def fit(self, sums: Float[np.ndarray, " item"], values: Float[np.ndarray, " item"]) -> None:
        """Means of groups of items with neighbouring sums, made monotone by isotonic regression."""
        from scipy.optimize import isotonic_regression  # on use

        groups = np.array_split(np.argsort(sums, kind="stable"), max(min(KNOTS, len(sums) // FEWEST_OF_KNOT), 1))
        x = np.array([sums[group].mean() for group in groups])
        y = isotonic_regression([values[group].mean() for group in groups], weights=[len(one) for one in groups]).x
        unit = float(values.std()) or 1.0
        y = y + FLAT * unit * np.arange(len(y))
        x = np.maximum.accumulate(x + 1e-9 * FLAT * unit * np.arange(len(x)))
        low, high = (_end_slope(x[rows], y[rows]) for rows in (slice(None, 2), slice(-2, None)))
        x = np.array([x[0] - MARGIN * unit, *x, x[-1] + MARGIN * unit])
        y = np.array([y[0] - MARGIN * unit * low, *y, y[-1] + MARGIN * unit * high])
        more = KNOTS + 2 - len(x)
        between = np.linspace(x[-2], x[-1], more + 2)[1:-1]
        x, y = (np.insert(one, -1, further) for one, further in ((x, between), (y, np.interp(between, x, y))))
        self.register_buffer("knots", torch.from_numpy(np.stack([x, y])).to(self.knots))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """Models of earlier versions have no curve: their values are sums."""
        if f"{prefix}knots" in state_dict:
            self.register_buffer("knots", self.knots)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def sums(self, values: Float[Tensor, " item"]) -> Float[Tensor, " item"]:
        """The sums at which the curve has these values; NaN stays NaN."""
        x, y = self.knots
        place = torch.searchsorted(y, values.contiguous()).clamp(1, len(y) - 1)
        return x[place - 1] + (values - y[place - 1]) / (y[place] - y[place - 1]) * (x[place] - x[place - 1])


def _end_slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.clip((y[-1] - y[0]) / (x[-1] - x[0]), *END_SLOPES)) if x[-1] > x[0] else 1.0


# Letters at quantiles in 0..1, and back: letters in their order have intervals as wide as their probabilities.

Share = Float[Tensor, "item column letter"]
"""Probabilities that sum to 1 in each column."""
Quantile = Float[Tensor, "item column"]
Letters = Int[Tensor, "item column"]


def letters_at_quantile(share: Share, quantile: Quantile) -> Letters:
    """The letter whose interval of 0..1 contains the quantile; at a boundary, the earlier letter."""
    return (share.cumsum(-1) < quantile[..., None]).sum(-1).clamp(max=share.shape[-1] - 1)


def midpoint_quantile(share: Share, letters: Letters) -> Quantile:
    """The middle of each letter's interval."""
    chosen = letters[..., None].long()
    return (share.cumsum(-1).gather(-1, chosen) - 0.5 * share.gather(-1, chosen))[..., 0]


def with_changes(share: Share, quantile: Quantile, own: Letters, changes: Float[Tensor, " item"]) -> Quantile:
    """Quantiles that give, in `share`, the letters that the given ones give after the letters `own` are weighted by
    w = exp(stay). Each row's w is that for which `changes` of its letters differ from `own` (NaN: w = 1).

    If the letters before `own` have the probability A, `own` R and those after it B, u gives another letter if
    u (A + w R + B) < A or (1 - u)(A + w R + B) < B, that is if w < (max(A / u, B / (1 - u)) - A - B) / R. w is below
    this bound in `changes` columns.
    """
    chosen = own[..., None].long()
    mass = share.gather(-1, chosen)[..., 0].clamp(min=1e-300)
    below = (share.cumsum(-1).gather(-1, chosen)[..., 0] - mass).clamp(min=0)
    above = (1 - below - mass).clamp(min=0)
    quantile = quantile.clamp(1e-15, 1 - 1e-15)
    log_bound = (torch.maximum(below / quantile, above / (1 - quantile)) - below - above).clamp(min=1e-300).log()
    ordered = torch.sort(log_bound - mass.log(), 1, descending=True).values
    last = changes.nan_to_num(0).long().clamp(0, ordered.shape[1] - 1)[:, None]
    stay = torch.where(
        last > 0, 0.5 * (ordered.gather(1, last) + ordered.gather(1, (last - 1).clamp(min=0))), ordered[:, :1] + 1
    )
    wide = (torch.where(changes.isnan()[:, None], 0.0, stay) + mass.log()).exp()
    place = quantile * (below + wide + above)
    outside = torch.where(place < below, place, place - wide + mass)
    return torch.where((place >= below) & (place <= below + wide), below + 0.5 * mass, outside)


# The row from which changes are counted, and the number of changes that a condition requests.


@dataclass(frozen=True)
class WildTypeRow:
    """The row from which changes are counted. place: column of a condition with the number of changes; mean, std: of
    that number in the training rows, by which it is standardized."""

    letters: Int[Tensor, " column"]
    place: int
    mean: float
    std: float

    def changes(self, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
        """Requested number of changed letters, NaN where none is requested."""
        return (condition[:, self.place] * self.std + self.mean).round()


# One model of aligned rows: a conditional encoder and decoder, in which columns are independent given z.

LETTERS = "letters"
"""The field of a Batch: [batch column] integers, arbitrary where the mask is False."""
Mask = Bool[Tensor, "item column"]
Known = Float[Tensor, "item feature"]
"""The `condition_features` of each row; empty without properties."""


FLOW_STEPS, FLOW_CONTEXT = 2, 32


class Member(nn.Module):
    """One model: an encoder, a decoder, and a posterior of the decoder's last weights.

    known: number of condition features of both. posterior: one of `posteriors.POSTERIORS`. inference: whether there is
    a head q(c | x).
    """

    def __init__(
        self, columns: int, letters: int, hidden: int, latent: int, known: int = 0, posterior: str = "gaussian",
        inference: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.columns, self.letters, self.latent, self.known = columns, letters, latent, known
        self.encoder = nn.ModuleList([_linear(columns * letters + known, hidden), _linear(hidden, hidden)])
        self.mean, self.log_std = _linear(hidden, latent, 1.0), _linear(hidden, latent, 1.0, bias=-2.0)
        self.decoder = nn.ModuleList([_linear(latent + known, hidden), _linear(hidden, hidden)])
        self.output = BayesianLinear(hidden, columns * letters)
        nn.init.normal_(self.output.weight, std=0.1 / math.sqrt(hidden))
        nn.init.zeros_(self.output.bias)
        self.flow: nn.ModuleList | None = None
        if posterior == "iaf":
            self.context = _linear(hidden, FLOW_CONTEXT, 1.0)
            self.flow = nn.ModuleList([MaskedAutoregressiveMLP(latent, FLOW_CONTEXT) for _ in range(FLOW_STEPS)])
        self.inference = GaussianInference(hidden, known // 2) if inference else None

    def features(self, letters: Letters, mask: Mask, known: Known) -> Float[Tensor, "item hidden"]:
        """Of the encoder, with a condition; a gap is a column of zeros."""
        one_hot = functional.one_hot(letters.clamp(0, self.letters - 1).long(), self.letters) * mask[..., None]
        hidden = torch.cat([one_hot.flatten(1).to(self.output.weight), known], 1)
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
        return hidden

    def unconditional_features(self, letters: Letters, mask: Mask) -> Float[Tensor, "item hidden"]:
        """Of the encoder without a condition: the input of q(c | x)."""
        return self.features(letters, mask, self.output.weight.new_zeros(len(letters), self.known))

    def posterior(self, letters: Letters, mask: Mask, known: Known) -> DiagonalGaussian | AutoregressiveFlowPosterior:
        """q(z | x, c)."""
        hidden = self.features(letters, mask, known)
        gaussian = DiagonalGaussian(self.mean(hidden), self.log_std(hidden).clamp(-8, 3))
        if self.flow is None:
            return gaussian
        steps = cast(list[MaskedAutoregressiveMLP], list(self.flow))
        return AutoregressiveFlowPosterior(gaussian, steps, self.context(hidden))

    def logits(
        self, z: Float[Tensor, "item latent"], known: Known, generator: Generator | None = None
    ) -> Float[Tensor, "item column letter"]:
        """Of p(x | z, c). With a generator, the last weights are sampled."""
        hidden = torch.cat([z, known], 1)
        for layer in self.decoder:
            hidden = functional.relu(layer(hidden))
        return self.output(hidden, generator).unflatten(-1, (self.columns, self.letters))

    def log_prob(
        self, z: Float[Tensor, "item latent"], letters: Letters, mask: Mask, known: Known,
        generator: Generator | None = None,
    ) -> Float[Tensor, " item"]:  # fmt: skip
        """Log p(x | z, c) without gaps."""
        log_p = torch.log_softmax(self.logits(z, known, generator), -1)
        picked = log_p.gather(-1, letters.clamp(0, self.letters - 1).long()[..., None])
        return torch.where(mask, picked[..., 0], 0.0).sum(-1)

    def evidence(
        self, letters: Letters, mask: Mask, known: Known, noise: Float[Tensor, "sample one latent"]
    ) -> Float[Tensor, "sample item"]:
        """Log p(x | z, c) p(z) / q(z | x, c) at the latents to which the posterior maps the noise."""
        posterior = self.posterior(letters, mask, known)

        def weight(one: Tensor) -> Tensor:
            z, log_volume = posterior.reparameterized(one)
            log_ratio = 0.5 * (one.square() - z.square()).sum(-1) + log_volume
            return self.log_prob(z, letters, mask, known) + log_ratio

        return torch.stack([weight(one) for one in noise])


def _linear(inputs: int, outputs: int, gain: float = 2**0.5, bias: float = 0.0) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    nn.init.constant_(layer.bias, bias)
    return layer


PerLetter = Float[Tensor, "item column letter"]

FREE = 10.0
"""Prior standard deviation of f0 and of b's coefficients, in units of the noise, which is 1."""
WIDTHS = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Prior standard deviations of s and t among which cross-validation chooses."""
FOLDS = 5
WRONG = 1e6
"""Miss of a value that counts as one change too many or too few."""
STEEPEST, BISECTIONS = 64.0, 9
"""The greatest tilt, and bisections of its cube root, which are fine near 0."""


class AdditiveFitness(nn.Module):
    """reference: its letters. place: column of a condition with the measured value. effects: e; ranked: the letters of
    each column in the order of e. link: g. explained: the share of the variance explained in cross-validation."""

    reference: Tensor
    effects: Tensor
    ranked: Tensor
    base: Tensor
    explained: Tensor

    def __init__(self, reference: Int[Tensor, " column"], letters: int, place: int) -> None:
        super().__init__()
        self.place = place
        self.register_buffer("reference", reference, persistent=False)
        self.register_buffer("effects", torch.zeros(len(reference), letters, dtype=torch.float64))
        self.register_buffer("ranked", torch.arange(letters).repeat(len(reference), 1))
        self.register_buffer("base", torch.zeros((), dtype=torch.float64))
        self.register_buffer("explained", torch.full((), torch.nan, dtype=torch.float64))
        self.link = FitnessLink()

    def value(self, letters: Letters) -> Float[Tensor, " item"]:
        """The sum f of each row."""
        return self.base + self.effects.expand(len(letters), -1, -1).gather(2, letters[..., None]).sum((1, 2))

    @torch.no_grad()
    def learn(
        self, batches: Iterable[Batch], members: Iterable[Member], known: Known, progress: FitProgress = no_progress
    ) -> None:
        """Fit to measured rows without gaps. members: models trained without measurements; known: their condition."""
        some = [_measured(batch, self.place) for batch in batches]
        letters, values = (torch.cat(part) for part in zip(*some, strict=True))
        if len(values) < FOLDS:
            raise DataError(f"Expected {FOLDS} or more measured rows without gaps, found {len(values)}. Measure more.")
        reference = self.reference[None]
        whole = torch.ones_like(reference, dtype=torch.bool)
        each = [one.logits(one.posterior(reference, whole, known).mean, known)[0].log_softmax(-1) for one in members]
        log_p = torch.stack(each).mean(0)
        self.fit(letters, values, log_p - log_p.gather(1, reference[0][:, None]), progress)

    def fit(
        self, letters: Letters, values: Float[Tensor, " item"], ratios: Float[Tensor, "column letter"],
        progress: FitProgress = no_progress,
    ) -> None:  # fmt: skip
        """Fit to measured rows. letters, values: of these. ratios: r."""
        rows, reference = letters.cpu().numpy(), self.reference.cpu().numpy()
        basis = _basis(ratios.cpu().double().numpy(), rows, reference)
        design = _design(rows, reference, basis)
        measured = values.cpu().double().numpy()
        width, left_out = _best_width(design, measured, basis.shape, progress)
        found = _ridge(design, measured, width)
        self.link.fit(left_out, measured)
        shared, columns, own = np.split(found[1:], np.cumsum([basis.shape[2], len(reference)]))
        effects = basis @ shared + columns[:, None] + own.reshape(ratios.shape)
        effects[np.arange(len(reference)), reference] = 0.0
        self.effects.copy_(torch.from_numpy(effects))
        self.ranked.copy_(self.effects.argsort(stable=True, dim=1))
        self.base.fill_(float(found[0]))
        self.explained.fill_(1 - np.square(left_out - measured).mean() / max(float(measured.var()), 1e-12))

    def letters(
        self, log_p: PerLetter, quantile: Quantile, requested: Float[Tensor, " item"],
        changes: Float[Tensor, " item"] | None = None,
    ) -> Letters:  # fmt: skip
        """Letters at each quantile, under the tilt for which a row comes nearest to g(f) = requested. changes:
        requested number of letters that differ from the reference; NaN or None: no request."""
        ranked, effects = self.ranked.expand_as(log_p), self.effects.gather(1, self.ranked)
        log_p, own = log_p.gather(2, ranked), (self.ranked == self.reference[:, None]).long().argmax(1)
        requested = self.link.sums(requested)
        found, miss = self.reference.expand(len(log_p), -1), torch.full_like(requested, torch.inf)
        low, high = torch.full_like(requested, -1.0), torch.ones_like(requested)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            share = torch.softmax(log_p + STEEPEST * middle[:, None, None] ** 3 * effects, -1)
            place = quantile if changes is None else with_changes(share, quantile, own.expand(len(share), -1), changes)
            letters = ranked.gather(2, letters_at_quantile(share, place)[..., None])[..., 0]
            over = self.value(letters) - requested
            missed = over.abs()
            if changes is not None:
                made = (letters != self.reference).sum(1)
                missed = missed + WRONG * (made - changes).abs().nan_to_num(0.0)
            nearer = missed < miss
            found, miss = torch.where(nearer[:, None], letters, found), torch.where(nearer, missed, miss)
            low, high = torch.where(over < 0, middle, low), torch.where(over < 0, high, middle)
        return found


def _measured(batch: Batch, place: int) -> tuple[Tensor, Tensor]:
    """Letters and values of the rows that have a measured value and no gap."""
    assert batch.condition is not None
    chosen = ~batch.condition[:, place].isnan()
    if batch.mask is not None:
        chosen &= batch.mask.all(1)
    return batch[LETTERS][chosen], batch.condition[chosen, place]


def _basis(ratios: np.ndarray, rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """[column letter term] of b(r): r, and its part above each tercile of those in `rows`. All are 0 at r = 0: single
    changes alone could not separate the reference's value from a constant cost of any change."""
    row, column = np.nonzero(rows != reference)
    knots = np.quantile(ratios[column, rows[row, column]], [1 / 3, 2 / 3]) if len(row) else np.zeros(2)
    return np.stack([ratios, *(np.maximum(ratios - knot, 0) - max(-knot, 0) for knot in knots)], -1)


def _design(rows: np.ndarray, reference: np.ndarray, basis: np.ndarray) -> sparray:
    """[row feature] sparse: 1; the sums of the changes' terms of b; which columns changed; to which letters."""
    from scipy.sparse import coo_array, hstack

    row, column = np.nonzero(rows != reference)
    letter, (columns, letters, _) = rows[row, column], basis.shape
    shared = np.zeros((len(rows), basis.shape[2]))
    np.add.at(shared, row, basis[column, letter])
    one = np.ones(len(row))
    changed = coo_array((one, (row, column)), (len(rows), columns))
    to = coo_array((one, (row, column * letters + letter)), (len(rows), columns * letters))
    return hstack([np.ones((len(rows), 1)), shared, changed, to], format="csr")


def _ridge(design: sparray, values: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Ridge coefficients with prior standard deviations `width`, in units of the noise."""
    from scipy.sparse.linalg import lsmr

    return width * lsmr(design.multiply(width).tocsr(), values, damp=1.0, maxiter=1000)[0]


def _best_width(
    design: sparray, values: np.ndarray, shape: tuple[int, ...], progress: FitProgress
) -> tuple[np.ndarray, np.ndarray]:
    """The widths of s and t with the least cross-validation error, and the left-out sums with these."""
    fold = np.random.default_rng(0).permutation(len(values)) % FOLDS

    def left_out(width: np.ndarray) -> np.ndarray:
        found = np.empty(len(values))
        for out in range(FOLDS):
            kept = fold != out
            found[~kept] = design[~kept] @ _ridge(design[kept], values[kept], width)
        return found

    sizes = [1 + shape[2], shape[0], shape[0] * shape[1]]
    widths = [np.repeat([FREE, s, t], sizes) for s, t in product(WIDTHS, WIDTHS)]
    sums, errors = [], []
    for done, width in enumerate(widths, 1):
        sums.append(left_out(width))
        errors.append(float(np.square(sums[-1] - values).mean()))
        progress(done, len(widths), errors[-1])
    best = int(np.argmin(errors))
    return widths[best], sums[best]
