"""Acquisition functions: values of a finite set of candidates, by which one is picked after another.

acquisition = load_acquisition(name)(state, generator)
acquisition.values() -> [candidate], the greatest is the next pick
acquisition.pick(index)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.normals import JointNormal, draws_of
from sciencegen.plugins import installed_part

BETA = 2.0
"""Standard deviations of optimism."""
DRAWN_AT_ONCE = 96
DRAWS = 128
"""Joint samples behind an expected improvement."""
LONGEST_EI = 150
"""Most candidates that noisy expected improvement evaluates: each step computes a batch of Cholesky factors."""


@dataclass(frozen=True)
class AcquisitionState:
    """The joint posterior of the candidates, the pending items and the best measured items, in this order.

    pending, baseline: numbers of pending and of best measured items. costs: of each candidate. exploration: as in
    `PlateSettings`.
    """

    joint: JointNormal
    pending: int
    baseline: int
    costs: Float[np.ndarray, " candidate"]
    exploration: float = 1.0

    @property
    def candidates(self) -> int:
        return len(self.joint.mean) - self.pending - self.baseline


class Acquisition(Protocol):
    """Values of the candidates, the greatest of which is picked next; `pick` records which one was picked."""

    def values(self) -> Float[np.ndarray, " candidate"]: ...

    def pick(self, index: int) -> None: ...


class Thompson:
    """Each pick is the best of another function drawn from the posterior (Thompson 1933; in batches, Kandasamy et al.
    2018): candidates are taken as often as they are likely to be best."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state, self._generator = state, generator
        self._draws: list[np.ndarray] = []

    def values(self) -> Float[np.ndarray, " candidate"]:
        if not self._draws:
            joint = self._state.joint
            wider = JointNormal(joint.mean, self._state.exploration**2 * joint.covariance, joint.noise)
            self._draws = list(draws_of(wider, DRAWN_AT_ONCE, self._generator)[::-1])
        return self._draws.pop()[: self._state.candidates]

    def pick(self, index: int) -> None:
        return


class UpperBound:
    """mean + BETA sd, the sd falling as if each pick had been measured (GP-BUCB, Desautels, Krause, Burdick 2014)."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state, self._covariance = state, state.joint.covariance.copy()
        for index in range(state.candidates, state.candidates + state.pending):
            self.pick(index)

    def values(self) -> Float[np.ndarray, " candidate"]:
        deviation = np.sqrt(np.maximum(np.diag(self._covariance), 0.0))
        return (self._state.joint.mean + BETA * deviation)[: self._state.candidates]

    def pick(self, index: int) -> None:
        """C <- C - c c^T / (c_ii + noise)."""
        column = self._covariance[:, index].copy()
        self._covariance -= np.outer(column, column) / (column[index] + self._state.joint.noise)


class Greedy:
    """The posterior mean, without exploration: for controls and for the last plate."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state = state

    def values(self) -> Float[np.ndarray, " candidate"]:
        return self._state.joint.mean[: self._state.candidates]

    def pick(self, index: int) -> None:
        return


class NoisyImprovement:
    """log E[max(0, f - max over the batch and the best so far)], all uncertain: qLogNoisyExpectedImprovement of BoTorch
    (Letham et al. 2019; Ament et al. 2023) over a finite set. Greedy: picked and pending items join the best so far.

    The log of a candidate's cost is subtracted: improvement per cost (Snoek et al. 2012).
    """

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        from sciencegen.optimization.gaussian_process import FinitePool  # on use: BoTorch's acquisition functions

        self._state, self._pool, self._seed = state, FinitePool(state.joint), int(generator.integers(2**31))
        self._reference = list(range(state.candidates, len(state.joint.mean)))
        optimistic = state.joint.mean + BETA * np.sqrt(np.maximum(np.diag(state.joint.covariance), 0))
        self._looked_at = np.sort(np.argsort(-optimistic[: state.candidates], kind="stable")[:LONGEST_EI])

    def values(self) -> Float[np.ndarray, " candidate"]:
        from sciencegen.optimization.gaussian_process import log_noisy_improvement

        values = np.full(self._state.candidates, -np.inf)
        values[self._looked_at] = log_noisy_improvement(self._pool, self._looked_at, self._reference, DRAWS, self._seed)
        return values - np.log(self._state.costs)

    def pick(self, index: int) -> None:
        self._reference.append(index)


MakeAcquisition = Callable[[AcquisitionState, np.random.Generator], Acquisition]

ACQUISITIONS: dict[str, MakeAcquisition] = {
    "thompson": Thompson,
    "ucb": UpperBound,
    "noisy-ei": NoisyImprovement,
    "greedy": Greedy,
}
"""The default first."""
GROUP = "sciencegen.acquisitions"
"""Entry points of acquisitions that other packages add."""


def load_acquisition(name: str) -> MakeAcquisition:
    """The acquisition with this name: built in (`ACQUISITIONS`), or an entry point of `sciencegen.acquisitions`.

    Examples
    --------
    >>> load_acquisition("greedy") is Greedy
    True
    """
    return ACQUISITIONS[name] if name in ACQUISITIONS else installed_part("acquisition", GROUP, name, ACQUISITIONS)
