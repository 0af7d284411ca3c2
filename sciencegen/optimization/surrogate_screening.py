"""Choice of the children to score, by a Gaussian process fitted on the scored items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.bandit import Bandit
from sciencegen.optimization.operators import Child
from sciencegen.optimization.population import Individual
from sciencegen.optimization.ranking import desirability
from sciencegen.optimization.spaces import SearchSpace
from sciencegen.optimization.surrogate import TanimotoProcess, training_subset

SURROGATE_SIZE, LEAST_SIZE = 900, 20


class SurrogateScreen:
    """Fits the process and chooses children; caches features of scored items, and of children until the next round."""

    def __init__(self, space: SearchSpace, key: Callable[[Any], str]) -> None:
        self._space, self._key = space, key
        self._scored: dict[str, np.ndarray] = {}
        self._round: dict[str, np.ndarray] = {}
        self._process: TanimotoProcess | None = None

    @property
    def ready(self) -> bool:
        return self._process is not None

    def learn(self, scored: Sequence[Individual], weights: np.ndarray | None, generator: np.random.Generator) -> None:
        """Fit the process; with too few points there is none, and children are chosen at random."""
        if len(scored) < LEAST_SIZE:
            return
        targets = desirability([individual.evaluation for individual in scored], weights)
        rows = training_subset(targets, SURROGATE_SIZE, generator)
        chosen = [scored[row] for row in rows.tolist()]
        new = [one for one in chosen if one.evaluation.key not in self._scored]
        self._scored |= self._table({one.evaluation.key: one for one in new}, self._round)
        self._round = {}
        features = np.stack([self._scored[one.evaluation.key] for one in chosen])
        self._process = TanimotoProcess().fit(features, targets[rows])

    def best(self, children: Sequence[Child], count: int) -> list[Child]:
        """The children with the greatest expected score, best first."""
        if not children:
            return []
        mean, _ = self._predict(children)
        ordered = [children[row] for row in np.argsort(-mean, kind="stable")]
        variety = self._space.variety
        return (
            ordered[:count]
            if variety is None
            else [ordered[i] for i in variety.choose([one.item for one in ordered], count)]
        )

    def choose(
        self, children: Sequence[Child], count: int, pickers: Bandit, generator: np.random.Generator
    ) -> tuple[list[Child], list[str]]:
        """At most `count` children, and which picker chose each; a class beyond its limit is chosen from only if there
        is no other."""
        blind = generator.permutation(len(children))
        if len(children) <= count or not self.ready:
            chosen = [children[row] for row in blind[:count]]
            return chosen, ["blind"] * len(chosen)
        mean, deviation = self._predict(children)
        orders = {
            "greedy": np.argsort(-mean, kind="stable"),
            "optimistic": np.argsort(-mean - deviation, kind="stable"),
            "blind": blind,
        }
        why = pickers.draw(count, generator)
        return [children[row] for row in self._taken(children, [orders[name].tolist() for name in why])], why

    def _taken(self, children: Sequence[Child], orders: Sequence[Sequence[int]]) -> list[int]:
        """For each order the first row that is left and within the limit of its class, else the first that is left."""
        variety, taken = self._space.variety, dict[int, None]()
        if variety is None:
            for order in orders:
                taken[next(row for row in order if row not in taken)] = None
            return list(taken)
        marks = cache(lambda row: variety.marks([children[row].item])[0])
        quota = variety.quota(len(orders))
        for order in orders:
            left = [row for row in order if row not in taken]
            row = next((row for row in left if quota.allows(marks(row))), left[0])
            quota.add(marks(row))
            taken[row] = None
        return list(taken)

    def _predict(self, children: Sequence[Child]) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
        assert self._process is not None
        keys = [self._key(child.item) for child in children]
        self._round |= self._table({k: c for k, c in zip(keys, children, strict=True) if k not in self._round}, {})
        return self._process.predict(np.stack([self._round[key] for key in keys]))

    def _table(self, things: dict[str, Any], features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Features by key, taken from `features` or computed."""
        missing = {key: thing for key, thing in things.items() if key not in features}
        rows: Sequence[np.ndarray] = list(self._features_of(list(missing.values()))) if missing else []
        return {key: features[key].copy() for key in things if key in features} | dict(zip(missing, rows, strict=True))

    def _features_of(self, things: Sequence[Any]) -> Float[np.ndarray, "item feature"]:
        items = [thing.item for thing in things]
        if self._space.features is not None:
            return np.asarray(self._space.features(items), np.float32)
        semantic = np.stack([thing.latent for thing in things]).astype(np.float32)[:, : self._space.semantic_size]
        missing = np.flatnonzero(~np.isfinite(semantic).all(1)).tolist()
        semantic[missing] = self._space.encode_or_nan([items[i] for i in missing])[:, : self._space.semantic_size]
        return np.nan_to_num(np.concatenate([semantic, np.ones((len(semantic), 1), np.float32)], 1))
