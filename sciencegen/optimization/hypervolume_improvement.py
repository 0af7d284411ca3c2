"""Expected hypervolume improvement of a batch, over a finite set of candidates.

The hypervolume that points y dominate above a reference r is an integral in polar coordinates, over the directions
lambda of the positive orthant of the unit sphere (Deng & Zhang 2019; Zhang & Golovin 2020, lemma 5):

    HV(Y) = c E_lambda[max_(y in Y) s_lambda(y - r)]       s_lambda(g) = min_j max(0, g_j / lambda_j)^m
    c = pi^(m/2) / (2^m Gamma(m/2 + 1))

So the improvement by a candidate is c E[max(0, s_lambda(candidate) - best_lambda)], for each draw of the posterior; its
mean over draws is the expected one (Emmerich et al. 2006; of batches, Daulton, Balandat, Bakshy 2020). A batch is
picked one by one: a pick raises best_lambda in each draw. Constraints weight a candidate by the probability that it
meets them (Gardner et al. 2014), and in draws where it doesn't, a pick raises nothing. For two objectives the
directions are evenly spaced, which is the midpoint rule; for more they are a Sobol sequence.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri
from scipy.stats import qmc

from sciencegen.optimization.pareto import nondominated

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
    """An `acquisition.Acquisition`.

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
