"""What was measured of rows around a reference as a sum over their letters, and the letters that lead to a value of it.

    f(x) = f0 + sum_i e_i(x_i),      e_i(l) = a + b r_i(l) + s_i + t_il,      e_i = 0 for the reference's letter

where r_i(l) is what the model that knows no measurement thinks of the letter: log p(l | z0) - log p(x0_i | z0) around
the reference x0. Ridge regression, so that few measurements are told by r, and many by their own columns s and letters
t (Hsu et al. 2022). Under f = c letters are drawn from

    p(l | z, c)  ~  p(l | z) exp(tilt e_i(l)),

of all distributions with the same mean of f the one nearest to p(l | z), with the tilt under which the row that is
drawn has f = c. Letters lie along the quantiles in the order of e, so that a greater tilt never gives one with less.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import DataError
from sciencegen.vae.column_networks import LETTERS, Known
from sciencegen.vae.quantiles import letters_at

Letters = Int[Tensor, "item column"]
PerLetter = Float[Tensor, "item column letter"]
Condition = Float[Tensor, "item property"] | None

FREE = 10.0
"""Standard deviation of f0, a and b before anything is measured, in noise's, which is 1."""
WIDTHS = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Of those of s and t, among which cross-validation chooses."""
FOLDS = 5
STEEPEST = 64.0
BISECTIONS = 14


class Landscape(nn.Module):
    """reference: its letters. place: of what was measured among the columns of a condition. effects: e; ranked: the
    letters of each column in their order. explained: the share of the variance that is foreseen of rows left out."""

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

    def value(self, letters: Letters) -> Float[Tensor, " item"]:
        """f of each row."""
        return self.base + self.effects.expand(len(letters), -1, -1).gather(2, letters[..., None]).sum((1, 2))

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch], members: Iterable[Any], known: Known) -> None:
        """From rows without gaps of which it was measured. members: models that know no measurement, told `known`."""
        some = [(batch, ~batch.condition[:, self.place].isnan() & _whole(batch)) for batch in batches]
        letters = torch.cat([batch[LETTERS][chosen] for batch, chosen in some])
        values = torch.cat([batch.condition[chosen, self.place] for batch, chosen in some])
        if len(values) < FOLDS:
            raise DataError(f"Expected {FOLDS} or more measured rows without gaps, found {len(values)}. Measure more.")
        reference = self.get_buffer("reference")[None]
        whole = torch.ones_like(reference, dtype=torch.bool)
        each = [one.logits(one.posterior(reference, whole, known).mean, known)[0].log_softmax(-1) for one in members]
        log_p = torch.stack(each).mean(0)
        self.fit(letters, values, log_p - log_p.gather(1, reference[0][:, None]))

    def fit(self, letters: Letters, values: Float[Tensor, " item"], ratios: Float[Tensor, "column letter"]) -> None:
        """letters, values: what was measured. ratios: r."""
        rows, reference = letters.cpu().numpy(), self.get_buffer("reference").cpu().numpy()
        design = _design(rows, reference, ratios.cpu().double().numpy())
        width, explained = _best_width(design, values.cpu().double().numpy(), len(reference), ratios.shape[1])
        found = _ridge(design, values.cpu().double().numpy(), width)
        own = found[3 + len(reference) :].reshape(ratios.shape)
        effects = found[1] + found[2] * ratios.cpu().numpy() + found[3 : 3 + len(reference), None] + own
        effects[np.arange(len(reference)), reference] = 0.0
        self.effects.copy_(torch.from_numpy(effects))
        self.ranked.copy_(self.effects.argsort(stable=True, dim=1))
        self.base.fill_(float(found[0]))
        self.explained.fill_(explained)

    def in_order(self, share: PerLetter) -> PerLetter:
        """What stands for each letter, by rank."""
        return share.gather(2, self.ranked.expand_as(share))

    def rank(self, letters: Letters) -> Letters:
        """The place of each letter in the order."""
        return self.ranked.argsort(1).expand(len(letters), -1, -1).gather(2, letters[..., None])[..., 0]

    def letters(self, log_p: PerLetter, quantile: Float[Tensor, "item column"], condition: Condition) -> Letters:
        """At each quantile, under the tilt by which a row comes nearest to what is asked, if anything is."""
        log_p, effects = self.in_order(log_p), self.effects.gather(1, self.ranked)

        def at(tilt: Tensor) -> Letters:
            rank = letters_at(torch.softmax(log_p + tilt[:, None, None] * effects, -1), quantile)
            return self.ranked.expand_as(log_p).gather(2, rank[..., None])[..., 0]

        plain = at(log_p.new_zeros(len(log_p)))
        if condition is None or (asked := condition[:, self.place].double()).isnan().all():
            return plain
        low, high = torch.full_like(asked, -STEEPEST), torch.full_like(asked, STEEPEST)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            less = self.value(at(middle)) < asked
            low, high = torch.where(less, middle, low), torch.where(less, high, middle)
        below, above = at(low), at(high)
        nearer = (asked - self.value(below)).abs() < (self.value(above) - asked).abs()
        led = torch.where(nearer[:, None], below, above)
        return torch.where(asked.isnan()[:, None], plain, led)


def _whole(batch: Batch) -> Tensor:
    return torch.ones(len(batch), dtype=torch.bool) if batch.mask is None else batch.mask.all(1)


def _design(rows: np.ndarray, reference: np.ndarray, ratios: np.ndarray):
    """[row feature] sparse: 1; the number of changes, the sum of their r; which columns changed; to which letters."""
    from scipy.sparse import csr_array

    row, column = np.nonzero(rows != reference)
    letter, columns = rows[row, column], len(reference)
    shape = (len(rows), 3 + columns + ratios.size)
    each = [
        (np.arange(len(rows)), np.zeros(len(rows), int), np.ones(len(rows))),
        (row, np.full(len(row), 1), np.ones(len(row))),
        (row, np.full(len(row), 2), ratios[column, letter]),
        (row, 3 + column, np.ones(len(row))),
        (row, 3 + columns + column * ratios.shape[1] + letter, np.ones(len(row))),
    ]
    at, feature, value = (np.concatenate(part) for part in zip(*each, strict=True))
    return csr_array((value, (at, feature)), shape)


def _ridge(design, values: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Coefficients of standard deviations `width` before, in those of the noise."""
    from scipy.sparse.linalg import lsmr

    return width * lsmr(design.multiply(width).tocsr(), values, damp=1.0, maxiter=1000)[0]


def _best_width(design, values: np.ndarray, columns: int, letters: int) -> tuple[np.ndarray, float]:
    """The widths of s and t that foresee rows left out best, and how well."""
    fold = np.random.default_rng(0).permutation(len(values)) % FOLDS

    def error(width: np.ndarray) -> float:
        missed = np.empty(len(values))
        for out in range(FOLDS):
            kept = fold != out
            missed[~kept] = design[~kept] @ _ridge(design[kept], values[kept], width) - values[~kept]
        return float(np.square(missed).mean())

    widths = [np.repeat([FREE, s, t], [3, columns, columns * letters]) for s, t in product(WIDTHS, WIDTHS)]
    errors = [error(width) for width in widths]
    best = int(np.argmin(errors))
    return widths[best], 1 - errors[best] / max(float(values.var()), 1e-12)
