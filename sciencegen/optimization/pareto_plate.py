"""Picks for several measured targets, by expected hypervolume improvement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtri
from scipy.stats import qmc

from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.pareto import nondominated
from sciencegen.optimization.plate import Candidates, PlateBuilder, PlateSettings, Similarity, pick_by_blocks
from sciencegen.optimization.targets import DRAWS, Models

# Expected hypervolume improvement of a batch, over a finite set of candidates.
#
# The hypervolume that points y dominate above a reference r is an integral in polar coordinates, over the directions
# lambda of the positive orthant of the unit sphere (Deng & Zhang 2019; Zhang & Golovin 2020, lemma 5):
#
#     HV(Y) = c E_lambda[max_(y in Y) s_lambda(y - r)]       s_lambda(g) = min_j max(0, g_j / lambda_j)^m
#     c = pi^(m/2) / (2^m Gamma(m/2 + 1))
#
# So the improvement by a candidate is c E[max(0, s_lambda(candidate) - best_lambda)], for each draw of the posterior;
# its mean over draws is the expected one (Emmerich et al. 2006; of batches, Daulton, Balandat, Bakshy 2020). A batch is
# picked one by one: a pick raises best_lambda in each draw. Constraints weight a candidate by the probability that it
# meets them (Gardner et al. 2014), and in draws where it doesn't, a pick raises nothing. For two objectives the
# directions are evenly spaced, which is the midpoint rule; for more they are a Sobol sequence.

Gains = Float[np.ndarray, "... objective"]
Directions = Float[np.ndarray, "direction objective"]

DIRECTIONS = 64
BEYOND = 0.1
"""How far below the worst ends of the Pareto front the reference lies, as a share of the front's range."""


def directions(objectives: int, count: int = DIRECTIONS) -> Directions:
    """Directions of the positive orthant, evenly distributed over the unit sphere.

    Examples
    --------
    >>> directions(2, 2).round(3).tolist()
    [[0.924, 0.383], [0.383, 0.924]]
    """
    if objectives == 1:
        return np.ones((1, 1))
    if objectives == 2:
        angles = (np.arange(count) + 0.5) / count * math.pi / 2
        return np.stack([np.cos(angles), np.sin(angles)], 1)
    uniform = qmc.Sobol(objectives, scramble=True, seed=0).random(8 * count)
    normal = np.abs(ndtri(0.5 + uniform * (0.5 - 1e-9)))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def scalarized(gains: Gains, chosen: Directions) -> Float[np.ndarray, "... direction"]:
    """s_lambda(g) of gains above the reference."""
    objectives = gains.shape[-1]
    positive = np.maximum(gains, 0.0)
    least = positive[..., 0, None] / chosen[:, 0]
    for place in range(1, objectives):
        least = np.minimum(least, positive[..., place, None] / chosen[:, place])
    return least**objectives


def factor(objectives: int) -> float:
    """C.

    Examples
    --------
    >>> round(factor(1), 6), round(factor(2), 6)
    (1.0, 0.785398)
    """
    return math.pi ** (objectives / 2) / (2**objectives * math.gamma(objectives / 2 + 1))


def reference_point(gains: Float[np.ndarray, "item objective"]) -> Float[np.ndarray, " objective"]:
    """The worst ends of the Pareto front, and a tenth of its range beyond them (Ishibuchi et al. 2011); of a front of
    one point, the range of all rows counts.

    Examples
    --------
    >>> import numpy as np
    >>> reference_point(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])).tolist()
    [-0.1, -0.1]
    """
    front = gains[nondominated(gains)]
    span = np.ptp(front, 0)
    every = np.ptp(gains, 0)
    return front.min(0) - BEYOND * np.where(span > 0, span, np.where(every > 0, every, 1.0))


class HypervolumeImprovement:
    """The acquisition (`plate.Acquisition`) of a block of candidates.

    Parameters
    ----------
    gains : array [draw candidate objective]
        Of joint draws, above the reference, larger is better.
    known : array [draw item objective]
        Of measured and pending items, in the same draws.
    probability : array [candidate]
        That a candidate meets all constraints.
    feasible, known_feasible : array [draw candidate], [draw item]
        Whether it meets them in a draw.
    """

    def __init__(
        self,
        gains: Float[np.ndarray, "draw candidate objective"],
        known: Float[np.ndarray, "draw item objective"],
        probability: Float[np.ndarray, " candidate"],
        feasible: Bool[np.ndarray, "draw candidate"],
        known_feasible: Bool[np.ndarray, "draw item"],
    ) -> None:
        chosen = directions(gains.shape[-1])
        self._scores = scalarized(gains.astype(np.float32), chosen.astype(np.float32))
        of_known = scalarized(known, chosen) * known_feasible[..., None]
        self._best = of_known.max(1, initial=0.0).astype(np.float32)
        self._probability, self._feasible = probability, feasible
        self._factor = factor(gains.shape[-1])

    def values(self) -> Float[np.ndarray, " candidate"]:
        improvement = np.maximum(self._scores - self._best[:, None], 0.0).mean((0, 2), dtype=float)
        return self._factor * improvement * self._probability

    def pick(self, index: int) -> None:
        scores = self._scores[:, index] * self._feasible[:, index, None]
        np.maximum(self._best, scores, out=self._best)


WAYS = 16
"""Directions in which candidates are compared with the best measured items, to breed and sort them."""


@dataclass(frozen=True)
class ByHypervolume:
    """How candidates for several targets are rated and picked: compared with the Pareto front of what is measured.

    rows: of all measured items. front: gains of the measured items that meet all constraints, on the scale on which 0
    is the reference and 1 the best measured one. uncertain: rows of pending items, and of those that lack a target.
    """

    models: Models
    rows: FeatureRows
    front: Float[np.ndarray, "item objective"]
    reference: Float[np.ndarray, " objective"]
    span: Float[np.ndarray, " objective"]
    uncertain: FeatureRows | None

    def scaled(self, gains: Float[np.ndarray, "... objective"]) -> Float[np.ndarray, "... objective"]:
        return (gains - self.reference) / self.span

    @property
    def of_measured(self) -> Float[np.ndarray, " item"]:
        """The ratings of the measured items."""
        return self.ratings(self.rows)

    def ratings(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """How far an item may be beyond the measured ones in the direction in which it is best, less its probability to
        miss a constraint: max_lambda(t_lambda(item) - max_known t_lambda) with t_lambda(g) = min_j g_j / lambda_j."""
        chosen = directions(len(self.reference), WAYS)[:WAYS]
        best = (self.front[:, None] / chosen).min(2).max(0, initial=0.0)
        gains = self.scaled(self.models.optimistic(rows))
        ahead = ((gains[:, None] / chosen).min(2) - best).max(1)
        return ahead - (1 - self.models.probability(rows))

    def pick(
        self, candidates: Candidates, count: int, settings: PlateSettings, generator: np.random.Generator,
        similarity: Similarity,
    ) -> Int[np.ndarray, " pick"]:  # fmt: skip
        """Indices of candidates, in the order of picking. The acquisition is the expected hypervolume improvement,
        whatever the settings say."""

        def of_block(block: Int[np.ndarray, " candidate"]) -> HypervolumeImprovement:
            return self._improvement(candidates.rows[block], generator)

        builder = PlateBuilder(candidates, settings, similarity, count)
        return pick_by_blocks(builder, np.argsort(-self.ratings(candidates.rows), kind="stable"), of_block)

    def worth(self, rows: FeatureRows, generator: np.random.Generator) -> float:
        """The expected hypervolume improvement of a plate."""
        acquisition, found = self._improvement(rows, generator), 0.0
        for place in range(len(rows)):
            found += float(acquisition.values()[place])
            acquisition.pick(place)
        return found

    def _improvement(self, rows: FeatureRows, generator: np.random.Generator) -> HypervolumeImprovement:
        """The acquisition of a block of candidates."""
        count, models = len(rows), self.models
        drawn = models.draws(rows if self.uncertain is None else concatenate_rows([rows, self.uncertain]), generator)
        gains = self.scaled(np.stack([drawn[name] for name in models.objectives], 2))
        feasible = np.broadcast_to(models.meets(drawn), gains.shape[:2])
        front = np.broadcast_to(self.front, (DRAWS, *self.front.shape))
        return HypervolumeImprovement(
            gains[:, :count],
            np.concatenate([front, gains[:, count:]], 1),
            models.probability(rows),
            feasible[:, :count],
            np.concatenate([np.ones(front.shape[:2], bool), feasible[:, count:]], 1),
        )


def by_hypervolume(
    models: Models,
    rows: FeatureRows,
    places: Mapping[str, Int[np.ndarray, " measurement"]],
    pending: FeatureRows | None,
) -> ByHypervolume:
    """Compare with the measured items, whose `places` among `rows` are those of each target's measurements."""
    targets, expected = models.targets, models.predicted(rows)
    signs, whole, filled = targets.signs, np.ones(len(rows), bool), {}
    for name, sign in signs.items():
        own = np.full(len(rows), np.nan)
        own[places[name]] = sign * np.array([one.value for one in targets.measured[name]])
        whole &= np.isfinite(own)
        filled[name] = np.where(np.isnan(own), sign * expected[name][0], own)
    gains = np.stack([filled[name] for name in models.objectives], 1)
    meets = np.broadcast_to(models.meets(filled), len(rows))
    compared = gains[meets] if meets.any() else gains
    reference = reference_point(compared)
    span = compared.max(0) - reference
    uncertain = [part for part in (rows[~whole], pending) if part is not None and len(part)]
    return ByHypervolume(
        models, rows, (gains[meets & whole] - reference) / span, reference, span,
        concatenate_rows(uncertain) if uncertain else None,
    )  # fmt: skip
