"""A value measured for variants of a reference, as a sum over their letters; and letters that give a requested value.

    f(x) = f0 + sum_i e_i(x_i),      e_i(l) = b(r_i(l)) + s_i + t_il,      e_i = 0 for the reference's letter

where r_i(l) = log p(l | z0) - log p(x0_i | z0) is the log ratio of a letter around the reference x0, in the model that
was trained without measurements. b, with b(0) = 0, is linear between terciles of the measured letters' r, because
measured values saturate. The coefficients are those of ridge regression: few measurements are explained by r, many also
by columns s and letters t (Hsu et al. 2022). A monotone curve g relates sums to measured values (`fitness_link`). If a
value g(f) = c is requested, letters are drawn from

    p(l | z, c)  ~  p(l | z) exp(tilt e_i(l)),

which is nearest to p(l | z) of all distributions with the same mean of f. The tilt is that for which the drawn row has
g(f) = c. Along the quantiles letters are in the order of e, so that a greater tilt never gives a letter with a smaller
e. If n changes are requested too, the reference's letters are weighted by exp(stay), with the stay that leaves n
changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import DataError
from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.vae.alignments.fitness_link import FitnessLink
from sciencegen.vae.alignments.inverse_cdf import Quantile, letters_at_quantile, with_changes
from sciencegen.vae.alignments.networks import LETTERS, Known, Member

if TYPE_CHECKING:  # scipy is imported on use
    from scipy.sparse import sparray

Letters = Int[Tensor, "item column"]
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
