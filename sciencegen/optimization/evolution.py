"""Latent evolution, the default search: elitist, with adaptive operators and a surrogate that chooses children."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.optimization.objective import Evaluation, Objective
from sciencegen.optimization.selection import DiversityFilter, best_first, desirability, random_weights
from sciencegen.optimization.spaces import Item, SearchSettings, SearchSpace
from sciencegen.optimization.surrogate import TanimotoProcess, training_subset

# Adaptive choice of operators: shares in proportion to their success, and never below a minimum.


class Bandit:
    """Probability matching (Fialho et al. 2010): share_i = floor + (1 - K floor) q_i / sum q.

    q_i is the mean credit per try of operator i. Old tries are discounted by `memory` per round, so that an operator
    that no longer helps (a large step near an optimum) is used less.
    """

    def __init__(self, names: Sequence[str], floor: float = 0.01, memory: float = 0.9) -> None:
        self.names, self.floor, self.memory = tuple(names), min(floor, 0.5 / len(names)), memory
        self._tries = dict.fromkeys(self.names, 1.0)
        self._credit = dict.fromkeys(self.names, 0.3)

    def shares(self, among: Sequence[str] | None = None) -> Float[np.ndarray, " operator"]:
        """Probabilities of the operators that can be used now, in the order given (`names` by default)."""
        names = among or self.names
        quality = np.array([self._credit[name] / self._tries[name] for name in names])
        return self.floor + (1 - len(names) * self.floor) * quality / quality.sum()

    def draw(self, count: int, generator: np.random.Generator, among: Sequence[str] | None = None) -> list[str]:
        """Operators for `count` children."""
        return [str(name) for name in generator.choice(among or self.names, count, p=self.shares(among))]

    def learn(self, names: Sequence[str], credits: Sequence[float]) -> None:
        """Account for one round: the operator of each scored child and its credit in 0..1."""
        for name in self.names:  # the prior of one try at 0.3 fades in the same way, down to a small remainder
            self._tries[name] = self.memory * self._tries[name] + 0.05
            self._credit[name] = self.memory * self._credit[name] + 0.005
        for name, credit in zip(names, credits, strict=True):
            self._tries[name] += 1.0
            self._credit[name] += credit


# Scored individuals with their latents, the best kept as parents, and how a search begins.

MOST_TRIES = 20
"""Most moves that are tried for each requested neighbour."""


@dataclass(frozen=True)
class Individual:
    """A scored item and the latent it was decoded from or is encoded to; NaN if there is none."""

    evaluation: Evaluation
    latent: Float[np.ndarray, " latent"]

    @property
    def item(self) -> Any:
        return self.evaluation.item

    @property
    def has_latent(self) -> bool:
        return bool(np.isfinite(self.latent).all())


def score_new(
    objective: Objective, items: Sequence[Any | None], latents: Float[np.ndarray, "item latent"]
) -> list[tuple[int, Individual]]:
    """Score the items not scored before; (row, individual) of each distinct new one. None rows are skipped."""
    rows, keys = [], set()
    for row, item in enumerate(items):
        if item is None or objective.is_scored(item) or objective.key(item) in keys:
            continue
        keys.add(objective.key(item))
        rows.append(row)
    evaluations = objective.evaluate([items[row] for row in rows])
    scored = zip(rows, evaluations, strict=True)
    return [(row, Individual(e, latents[row])) for row, e in scored if e is not None]


def survivors(individuals: Sequence[Individual], size: int, variety: DiversityFilter | None = None) -> list[Individual]:
    """The best `size` that could be scored, best first; with a limit to each class, those beyond it come last."""
    usable = [individual for individual in individuals if individual.evaluation.failure is None]
    if not usable:
        return []
    ordered = [usable[i] for i in best_first([individual.evaluation for individual in usable])]
    if variety is None:
        return ordered[:size]
    return [ordered[i] for i in variety.choose([individual.item for individual in ordered], size)]


def begin(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> list[Individual]:
    """Score the start items, then prior draws: `initial` of them, a quarter of that where there are start items.

    Individuals may have no latent yet; a search that moves in the latent space calls `locate` afterwards.
    """
    start = [item for item in space.start if space.accept(item)]
    nowhere = np.full((len(start), space.latent_size), np.nan, np.float32)
    individuals = [new for _, new in score_new(objective, start, nowhere)]
    wanted = settings.initial // 4 if individuals else settings.initial
    return individuals + draw_prior(space, objective, generator, min(wanted, objective.remaining), settings.patience)


def score_neighbours(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, count: int
) -> list[Individual]:
    """Score items one move away from the start items, taken in turn, even if the start item itself isn't acceptable."""
    move, start = space.edit or space.mutate, space.start
    if move is None or not start:
        return []
    count = min(count, objective.remaining)
    moved: list[Any | None] = []
    for row in range(MOST_TRIES * count):
        item = move(start[row % len(start)], generator)
        if item is not None and space.accept(item):
            moved.append(item)
        if len(moved) == count:
            break
    nowhere = np.full((len(moved), space.latent_size), np.nan, np.float32)
    return [new for _, new in score_new(objective, moved, nowhere)]


def locate(space: SearchSpace, individuals: Sequence[Individual]) -> list[Individual]:
    """Individuals, where those without a latent get that of their encoding."""
    missing = [i for i, individual in enumerate(individuals) if not individual.has_latent]
    located = list(individuals)
    for i, latent in zip(missing, space.encode_or_nan([individuals[i].item for i in missing]), strict=True):
        located[i] = Individual(individuals[i].evaluation, latent)
    return located


def draw_prior(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, count: int, patience: int
) -> list[Individual]:
    """Score `count` new items drawn from the prior, fewer if `patience` draws in a row give nothing new. Items that
    `space.draw` makes have no latent yet (see `locate`).
    """
    individuals: list[Individual] = []
    stalled = 0
    while len(individuals) < count and stalled < patience:
        drawn, latents = space.draw_accepted(max(count - len(individuals), 8), generator)
        items = first_distinct(drawn, objective, count - len(individuals))
        new = [individual for _, individual in score_new(objective, items, latents)]
        individuals += new
        stalled = 0 if new else stalled + 1
    return individuals


def first_distinct(items: Sequence[Any | None], objective: Objective, count: int) -> list[Any | None]:
    """The list with None in place of all but the first `count` distinct unscored items."""
    kept: list[Any | None] = []
    keys: set[str] = set()
    for item in items:
        fresh = item is not None and len(keys) < count and not objective.is_scored(item)
        fresh = fresh and objective.key(item) not in keys
        kept.append(item if fresh else None)
        if fresh:
            keys.add(objective.key(item))
    return kept


# Moves in a latent space whose prior is N(0, I). Each preserves it for independent parents, so that children resemble
# draws of the model. Parents of a search are alike; `spherical_mix` of such makes latents longer than those of draws.

Latents = Float[np.ndarray, "item latent"]


def crank_nicolson_step(
    latents: Latents,
    step: float | Float[np.ndarray, "item 1"],
    moving: Bool[np.ndarray, " latent"],
    generator: np.random.Generator,
) -> Latents:
    """Step z' = sqrt(1 - s^2) z + s eps on `moving` coordinates: preconditioned Crank-Nicolson (Cotter et al. 2013).

    Leaves N(0, I) invariant for every step 0 <= s <= 1; s = 1 is a fresh draw.
    """
    noise = generator.standard_normal(latents.shape, np.float32)
    moved = np.sqrt(1 - np.square(step)) * latents + step * noise
    return np.where(moving, moved, latents).astype(np.float32)


def exchange_coordinates(
    latents: Latents, others: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator
) -> Latents:
    """Each moving coordinate comes from one of the two parents; the share of `others` is drawn per child."""
    share = generator.uniform(0.1, 0.6, (len(latents), 1))
    taken = (generator.random(latents.shape) < share) & moving
    return np.where(taken, others, latents).astype(np.float32)


def exchange_segment(
    latents: Latents, others: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator
) -> Latents:
    """One run of neighbouring coordinates from the other parent (two-point crossover): for latents with positions."""
    return np.where(_segments(latents.shape, generator) & moving, others, latents).astype(np.float32)


def resample_segment(latents: Latents, moving: Bool[np.ndarray, " latent"], generator: np.random.Generator) -> Latents:
    """One run of neighbouring coordinates drawn afresh from the prior."""
    return exchange_segment(latents, generator.standard_normal(latents.shape, np.float32), moving, generator)


def spherical_mix(
    latents: Latents,
    others: Latents,
    fraction: float | Float[np.ndarray, "item 1"],
    moving: Bool[np.ndarray, " latent"],
) -> Latents:
    """Mix cos(a) z + sin(a) z_other, a = fraction * pi / 2; two independent prior draws give a prior draw."""
    angle = np.asarray(fraction) * np.pi / 2
    return np.where(moving, np.cos(angle) * latents + np.sin(angle) * others, latents).astype(np.float32)


def _segments(shape: tuple[int, int], generator: np.random.Generator) -> Bool[np.ndarray, "item latent"]:
    """For each row one run of coordinates, cyclic, of length 1 to half the row."""
    count, size = shape
    first = generator.integers(0, size, (count, 1))
    length = generator.integers(1, max(size // 2, 1) + 1, (count, 1))
    return (np.arange(size)[None] - first) % size < length


# How evolution makes children: latent moves of several sizes, crossover, and the domain's own moves.


@dataclass(frozen=True)
class Child:
    """A proposed item, the operator that made it, and its latent (NaN where an operator works on items)."""

    operator: str
    item: Item
    latent: Float[np.ndarray, " latent"]

    @property
    def has_latent(self) -> bool:
        return bool(np.isfinite(self.latent).all())


Parent = Individual | Child
Move = Callable[[Item, np.random.Generator], Item | None]
LatentMove = Callable[[Latents, Latents, np.random.Generator], Latents]
ItemMove = Callable[[Parent, Parent, np.random.Generator], Item | None]


def latent_moves(space: SearchSpace) -> dict[str, LatentMove]:
    """(parents, partners, generator) -> children, by name, on the semantic part, the noise part, or all."""
    if not space.latent_size:
        return {}
    everything = np.ones(space.latent_size, bool)
    semantic = np.arange(space.latent_size) < space.semantic_size
    table: dict[str, LatentMove] = {
        "semantic_small": lambda z, other, rng: crank_nicolson_step(z, _steps(z, 0.02, 0.12, rng), semantic, rng),
        "semantic_medium": lambda z, other, rng: crank_nicolson_step(z, _steps(z, 0.12, 0.4, rng), semantic, rng),
        "semantic_large": lambda z, other, rng: crank_nicolson_step(z, _steps(z, 0.4, 0.9, rng), semantic, rng),
        "semantic_segment": lambda z, other, rng: resample_segment(z, semantic, rng),
        "crossover": lambda z, other, rng: exchange_coordinates(z, other, everything, rng),
        "crossover_segment": lambda z, other, rng: exchange_segment(z, other, everything, rng),
        "mix": lambda z, other, rng: spherical_mix(z, other, rng.uniform(0.1, 0.5, (len(z), 1)), everything),
        "difference": lambda z, other, rng: _extrapolate(z, other, rng),
    }
    if space.semantic_size < space.latent_size:
        table |= {
            "noise_medium": lambda z, other, rng: crank_nicolson_step(z, _steps(z, 0.1, 0.5, rng), ~semantic, rng),
            "noise_fresh": lambda z, other, rng: crank_nicolson_step(z, 1.0, ~semantic, rng),
            "both_medium": lambda z, other, rng: crank_nicolson_step(z, _steps(z, 0.1, 0.5, rng), everything, rng),
            "semantic_crossover": lambda z, other, rng: exchange_coordinates(z, other, semantic, rng),
        }
    return table


def item_moves(space: SearchSpace) -> dict[str, ItemMove]:
    """(parent, partner, generator) -> child item or None, by name."""
    table: dict[str, ItemMove] = {}
    if space.mutate is not None:
        mutate = space.mutate
        table["mutation"] = lambda parent, partner, rng: mutate(parent.item, rng)
        table["mutation_twice"] = lambda parent, partner, rng: _repeat(mutate, parent.item, 2, rng)
    if space.edit is not None:
        edit = space.edit
        table["edit"] = lambda parent, partner, rng: edit(parent.item, rng)
        table["edit_twice"] = lambda parent, partner, rng: _repeat(edit, parent.item, 2, rng)
    if space.recombine is not None:
        recombine = space.recombine
        table["recombination"] = lambda parent, partner, rng: recombine(parent.item, partner.item, rng)
    return table


def make_children(
    space: SearchSpace,
    names: Sequence[str],
    parents: Sequence[Parent],
    partners: Sequence[Parent],
    generator: np.random.Generator,
) -> list[Child]:
    """One child per row, without those that failed. Latents are decoded in one call."""
    items: list[Item | None] = [None] * len(names)
    latents = np.full((len(names), space.latent_size), np.nan, np.float32)
    by_latent, by_item = latent_moves(space), item_moves(space)
    for name in dict.fromkeys(names):
        rows = [row for row, other in enumerate(names) if other == name]
        if name in by_item:
            for row in rows:
                items[row] = _accepted(space, by_item[name](parents[row], partners[row], generator))
        elif name == "prior":
            drawn, latents[rows] = space.draw_accepted(len(rows), generator)
            for row, item in zip(rows, drawn, strict=True):
                items[row] = item
        else:
            first, second = (np.stack([group[row].latent for row in rows]) for group in (parents, partners))
            latents[rows] = by_latent[name](first, second, generator)
    moved = [row for row, name in enumerate(names) if name in by_latent]
    decodable = np.array(moved, int)[np.isfinite(latents[moved]).all(1)]
    for row, item in zip(decodable.tolist(), space.decode_accepted(latents[decodable]), strict=True):
        items[row] = item
    born = zip(names, items, latents, strict=True)
    return [Child(name, item, latent) for name, item, latent in born if item is not None]


def _steps(latents: Latents, low: float, high: float, generator: np.random.Generator) -> Float[np.ndarray, "item 1"]:
    """A step size for each child, log-uniform between low and high."""
    return np.exp(generator.uniform(np.log(low), np.log(high), (len(latents), 1)))


def _extrapolate(latents: Latents, others: Latents, generator: np.random.Generator) -> Latents:
    """A step away from the partner, as in differential evolution, with the norm limited to about the parent's."""
    moved = latents + generator.uniform(0.1, 0.6, (len(latents), 1)) * (latents - others)
    norm = np.linalg.norm(moved, axis=1, keepdims=True)
    return (
        moved * np.minimum(1.0, np.linalg.norm(latents, axis=1, keepdims=True) * 1.05 / np.maximum(norm, 1e-9))
    ).astype(np.float32)


def _repeat(move: Move, item: Item | None, times: int, generator: np.random.Generator) -> Item | None:
    for _ in range(times):
        item = move(item, generator) if item is not None else None
    return item


def _accepted(space: SearchSpace, item: Item | None) -> Item | None:
    return item if item is not None and space.accept(item) else None


# Choice of the children to score, by a Gaussian process fitted on the scored items.

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


RANK_PRESSURE = 2.0
"""Parents are drawn at the quantile 10^-(pressure u), u uniform: with 2, half of them from the best tenth."""

PICKERS = ("greedy", "optimistic", "blind")


def search_evolution(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Evolve until the budget is spent or `patience` rounds bring nothing new.

    The search begins with the start items, some of their neighbours, and draws of the prior. In each round, parents are
    drawn by rank and operators by their success (`Bandit`). They make `screen` children per scored one, in
    `generations`: the parents of each generation are the best children before it, as predicted by a Gaussian process
    fitted on scored items. The process then chooses which children to score: by its mean, by mean + deviation, or at
    random, in shares that follow success too. Items scored before use no budget.
    """
    everyone = begin(space, objective, generator, settings)
    everyone += score_neighbours(space, objective, generator, settings.initial // 4)
    parents = locate(space, survivors(everyone, settings.population, space.variety))
    operators = Bandit(["prior", *latent_moves(space), *item_moves(space)])
    pickers = Bandit(PICKERS, floor=0.1)
    screen, stalled = SurrogateScreen(space, objective.key), 0
    while not objective.exhausted and stalled < settings.patience:
        count = min(settings.batch, objective.remaining)
        screen.learn(everyone, random_weights([p.evaluation for p in parents], generator), generator)
        children = breed(space, objective, generator, settings, operators, screen, parents)
        chosen, why = screen.choose(children, count, pickers, generator)
        latents = np.array([child.latent for child in chosen], np.float32).reshape(len(chosen), space.latent_size)
        new = score_new(objective, [child.item for child in chosen], latents)
        stalled = 0 if new else stalled + 1
        newcomers = [individual for _, individual in new]
        everyone += newcomers
        ranked = survivors([*parents, *newcomers], settings.population, space.variety)
        place = {individual.evaluation.key: rank for rank, individual in enumerate(ranked)}
        # 1 for a child that becomes the best of the population, falling to 0 for one that doesn't enter it
        credits = [1 - place.get(one.evaluation.key, settings.population) / settings.population for one in newcomers]
        operators.learn([chosen[row].operator for row, _ in new], credits)
        pickers.learn([why[row] for row, _ in new], credits)
        parents = _located(space, ranked, parents)


def search_latent_evolution(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Evolution by latent moves only: what the model contributes without the domain's own moves."""
    search_evolution(replace(space, mutate=None, edit=None, recombine=None), objective, generator, settings)


def breed(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings,
    operators: Bandit, screen: SurrogateScreen, parents: Sequence[Individual],
) -> list[Child]:  # fmt: skip
    """Distinct children that were never scored."""
    born: dict[str, Child] = {}
    pool: Sequence[Parent] = parents
    count = min(settings.batch, objective.remaining) * settings.screen
    generations = min(settings.generations, count) if screen.ready and settings.screen > 1 else 1
    for generation in range(generations):
        share = count * (generation + 1) // generations - count * generation // generations
        for child in propose(space, generator, operators, pool, share):
            if not objective.is_scored(child.item):
                born.setdefault(objective.key(child.item), child)
        if generation + 1 < generations:
            pool = screen.best(list(born.values()), settings.population) or parents
    return list(born.values())


def propose(
    space: SearchSpace, generator: np.random.Generator, operators: Bandit, parents: Sequence[Parent], count: int
) -> list[Child]:
    """Up to `count` children: those that are no valid items are left out. Parents come best first."""
    if not parents:
        return make_children(space, ["prior"] * count, [], [], generator)
    located = [parent for parent in parents if parent.has_latent]
    everyone = list(parents)
    pool_of: dict[str, list[Parent]] = dict.fromkeys(latent_moves(space), located) | dict.fromkeys(
        item_moves(space), everyone
    )
    pool_of["prior"] = everyone  # a prior draw ignores its parents
    names = operators.draw(count, generator, [name for name in operators.names if pool_of[name]])
    pools = [pool_of[name] for name in names]
    first, second = ([_by_rank(pool, generator) for pool in pools] for _ in range(2))
    return make_children(space, names, first, second, generator)


def _by_rank(pool: Sequence[Parent], generator: np.random.Generator) -> Parent:
    quantile = 10 ** (-RANK_PRESSURE * generator.random())
    return pool[min(int(quantile * len(pool)), len(pool) - 1)]


def _located(space: SearchSpace, ranked: Sequence[Individual], before: Sequence[Individual]) -> list[Individual]:
    """The population, with newcomers encoded; individuals that were in it before are unchanged."""
    keys_before = {individual.evaluation.key for individual in before}
    new = locate(space, [individual for individual in ranked if individual.evaluation.key not in keys_before])
    found = {individual.evaluation.key: individual for individual in new}
    return [found.get(individual.evaluation.key, individual) for individual in ranked]
