"""Evaluation of draws: item, key, properties, and whether it is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from sciencegen.api.criteria import Condition, OracleBook, check_domains, read_goals, scales_of
from sciencegen.api.science import InRecipe, constraint_of, domain_of, key_of, representation_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Measures, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, Json, Refusal, none_if_nan
from sciencegen.optimization.goals import Goal, desirability
from sciencegen.optimization.objective import score_safely
from sciencegen.scoring.oracles import ForwardModelOracle, Oracle, Score

if TYPE_CHECKING:
    from sciencegen.batch import Batch


class Judged(NamedTuple):
    """An evaluated row: the item as text, its key, its properties (`with_annotations` of the names), whether the row is
    well formed, and whether the item contains all patterns to keep and no forbidden one, and is plausible if that is
    requested. how: cells that say how the item is made from building blocks.
    """

    text: str
    key: str
    values: list[Cell]
    well_formed: bool
    accepted: bool
    how: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Judge(InRecipe):
    """Decoded rows to `Judged`, or to refusals. The key of an item is that of `key_of`.

    Rows hold arrays instead of tensors, since tensors would be passed between processes as shared memory.
    """

    names: tuple[str, ...]
    keep: tuple[str, ...]
    forbid: tuple[str, ...]
    plausible: bool
    strict: bool = True
    """Whether to check that rows are well formed (`Representation.well_formed`); else all count as well formed."""
    predictors: tuple[tuple[str, str], ...] = ()
    observe: int | None = None
    """The seed for observing items with the instrument after their evaluation; None: items are not observed."""

    def __call__(self, rows: Sequence[Mapping[str, np.ndarray]]) -> list[Judged | Refusal]:
        from sciencegen.batch import TEXT, texts_of

        batch, representation = join_rows(rows), representation_of(self.domain, self.recipe, self.representation)
        made = TEXT in batch.fields  # by a task, without the model's decoder
        decoded = (
            list(map(domain_of(self.domain).items.parse, texts_of(batch))) if made else representation.decode(batch)
        )
        strict = self.strict and representation.canonical and not made
        well_formed = representation.well_formed(batch, decoded).tolist() if strict else [True] * len(decoded)
        judged = iter(self.of_items([item for item in decoded if not isinstance(item, Refusal)], drawn=not made))
        return [
            item if isinstance(item, Refusal) else next(judged)._replace(well_formed=good)
            for item, good in zip(decoded, well_formed, strict=True)
        ]

    def of_items(self, items: Sequence[Item], drawn: bool = False) -> list[Judged]:
        """Evaluate items, all of which count as well formed. drawn: whether they are the model's own draws."""
        domain = domain_of(self.domain)
        book = OracleBook(self.domain, dict(self.predictors), threads=1)  # there is a worker on every thread
        representation = representation_of(self.domain, self.recipe, self.representation)
        predictors = tuple(name for name, _ in self.predictors)
        observed = self._observed(representation, items)
        values = measure_all(domain, items, self.names, book.resolve, representation, predictors, observed)
        accept = self._accept(domain, representation, drawn)
        return [
            Judged(domain.items.text(written), key_of(self.domain, item), row, True, accept(item))
            for item, written, row in zip(items, observed, values, strict=True)
        ]

    def _observed(self, representation: Representation, items: Sequence[Item]) -> Sequence[Item]:
        """The items to write: observed by the instrument if requested."""
        observation = representation.observation
        if self.observe is None or observation is None or observation.instrument is None:
            return items
        observed = observation.instrument.observed(items, self.observe)
        if refusal := next((one for one in observed if isinstance(one, Refusal)), None):
            raise RuntimeError(f"An observed item is none: {refusal.reason}.")
        return observed

    def _accept(self, domain: Domain, representation: Representation, drawn: bool) -> Callable[[Item], bool]:
        if not self.keep and not self.forbid and not self.plausible:
            return lambda item: True
        naming = representation.naming
        reference = None if naming is None else naming.reference
        holds = constraint_of(domain, self.keep, self.forbid, reference, self.plausible)
        if not (drawn and self.plausible):
            return holds
        return lambda item: holds(item) and representation.familiar(item)


def split_rows(batch: Batch) -> list[dict[str, np.ndarray]]:
    """Each item of a Batch as named arrays; the mask is called "" here."""
    tensors = {**batch.fields, **({} if batch.mask is None else {"": batch.mask})}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return [{name: array[row] for name, array in arrays.items()} for row in range(len(batch))]


def join_rows(rows: Sequence[Mapping[str, np.ndarray]]) -> Batch:
    """The Batch of such rows."""
    import torch

    from sciencegen.batch import Batch

    tensors = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    return Batch({name: tensor for name, tensor in tensors.items() if name}, tensors.get(""))


def _measured(
    domain: Domain, items: Sequence[Item], names: Sequence[str], observed: Sequence[Item] | None
) -> dict[str, list[float]]:
    """Property -> its values for the items."""
    found: dict[str, list[float]] = {}
    for of_observation in (False, True):
        chosen = [name for name in names if domain.properties[name].observed == of_observation]
        measured = observed if of_observation and observed is not None else items
        values = domain.measure(measured, chosen) if measured and chosen else np.empty((0, len(chosen)))
        found |= dict(zip(chosen, values.T.tolist(), strict=True))
    return found


def measure_all(
    domain: Domain, items: Sequence[Item], names: Sequence[str], oracle: Callable[[str], Oracle] | None = None,
    representation: Representation | None = None, predictors: Collection[str] = (),
    observed: Sequence[Item] | None = None,
) -> list[list[Cell]]:  # fmt: skip
    """[item column] of properties, of the representation's own measures, and of other oracles; NaN for failures.

    The columns are `with_annotations(names, predictors)`. oracle: finds oracles by name; None: those of the domain.
    observed: the items as observed by an instrument, or None. Oracles that were trained on observed items score these,
    and properties of observations are measured on them.
    """
    measures = None if representation is None else representation.measures
    own = [] if measures is None else [name for name in names if name in measures.names and name not in predictors]
    relative = measures.measure(items, own) if measures is not None and items and own else None
    columns: list[list[Cell]] = []
    properties = [name for name in names if name in domain.properties and name not in predictors]
    measured = _measured(domain, items, properties, observed)
    for name in names:
        if name in own:
            columns.append([] if relative is None else relative[:, own.index(name)].tolist())
        elif name in measured:
            columns.append(measured[name])
        else:
            judge = (oracle or domain.oracles.find)(name)
            scored = observed if observed is not None and isinstance(judge, ForwardModelOracle) else items
            scores = judge.score(scored) if items else []
            columns.append([float("nan") if score.failed else score.value for score in scores])
            if name in predictors:
                bounds = ((score.lower, score.upper, score.in_domain) for score in scores)
                columns += map(list, zip(*bounds, strict=True)) if scores else [[], [], []]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in items]


# Rank several draws of one item by the goals of `steer`, or by their distance to the conditions of `where`.

Row = TypeVar("Row")

PARTICLES = 8
"""Default number of particles of a steered draw."""


@dataclass(frozen=True)
class Ranking:
    """A ranking of the draws of one item.

    Parameters
    ----------
    goals : tuple of Goal
        The goals of `steer`.
    conditions : tuple of Condition
        The conditions of `where`; they are used without goals only.
    scales : mapping
        Property -> scale by which distances to conditions are divided.
    """

    goals: tuple[Goal, ...]
    conditions: tuple[Condition, ...]
    scales: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        """The properties of the goals."""
        return [goal.name for goal in self.goals]

    def merit(self, values: Mapping[str, Cell]) -> float:
        """The merit of an item; greater is better. values: cells of its row, by column."""
        if not self.goals:
            return -sum(self._distance(one, float(values[one.name])) for one in self.conditions)
        scores = {name: _score(name, values) for name in self.names}
        found = desirability(self.goals, scores)
        return -math.inf if math.isnan(found) else found

    def merits(self, items: Sequence[Item], oracles: Mapping[str, Oracle]) -> list[float]:
        """Merits of items by the goals only, NaN if an oracle fails. oracles: by the goals' names."""
        columns = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        rows = ({name: column[row] for name, column in columns.items()} for row in range(len(items)))
        return [desirability(self.goals, row) for row in rows]

    def _distance(self, condition: Condition, value: float) -> float:
        beyond = max(condition.requested_low - value, value - condition.requested_high, 0.0)
        return beyond / self.scales.get(condition.name, 1.0)


def _score(name: str, values: Mapping[str, Cell]) -> Score:
    value, known = float(values[name]), values.get(f"{name}_in_domain")
    return Score(none_if_nan(value), in_domain=None if known is None else bool(known))


def read_ranking(
    domain: Domain, settings: GenerateSettings, checked: Sequence[Condition], measures: Measures | None = None
) -> Ranking:
    """Check the settings of a ranking. checked: conditions that can be measured. measures: of the model.

    Raises
    ------
    ConfigError
        If there is nothing to rank by, or if goals have no effect.
    """
    goals = tuple(read_goals(domain, settings.steer, measures)) if settings.steer else ()
    check_domains(goals, settings.predictors)
    if settings.best_of > 1 and not goals and not checked:
        raise ConfigError(
            "Expected goals, or conditions that can be checked, with `best_of`, got neither. Add `steer`, such "
            "as 'maximize NAME', or `where`."
        )
    if settings.raw and settings.best_of > 1:
        raise ConfigError("Expected `raw` or `best_of`, got both: raw draws are kept whatever they are.")
    if settings.further.particles is not None and not goals:
        raise ConfigError("Expected goals with `particles`, got none. Add `steer`, such as 'maximize NAME'.")
    if goals and settings.best_of == 1 and particles_of(settings) == 1:
        raise ConfigError("Expected `best_of` or `particles` of 2 or more with `steer`, got one draw of one particle.")
    return Ranking(goals, tuple(checked), scales_of(domain, measures))


def particles_of(settings: GenerateSettings) -> int:
    """Number of particles of each draw; 1 without steering."""
    if settings.further.particles is not None:
        return settings.further.particles
    return PARTICLES if settings.steer and settings.best_of == 1 else 1


def in_groups(results: Iterable[Sequence[Row]], size: int) -> Iterator[list[Row]]:
    """Regroup rows into lists whose lengths are multiples of `size`."""
    waiting: list[Row] = []
    for rows in results:
        waiting += rows
        whole = len(waiting) - len(waiting) % size
        if whole:
            yield waiting[:whole]
            waiting = waiting[whole:]


# Quality by compute: what the best of fewer draws of each item would have been.

DISTANCE = "distance to the conditions"


def quality_name(ranking: Ranking) -> str:
    """What is averaged: the property of the first objective, else of the first goal, else the distance."""
    goals = [goal for goal in ranking.goals if goal.is_objective] or list(ranking.goals)
    return goals[0].name if goals else DISTANCE


@dataclass
class QualityByDraws:
    """Means over items of the best of the first 1, 2, 4 ... of `most` draws, by the ranking.

    Examples
    --------
    >>> from sciencegen.api.sampling.judge import QualityByDraws
    >>> quality = QualityByDraws("qed", 4)
    >>> quality.add([0.2, None, 0.9, 0.4], [0.2, 0.0, 0.9, 0.4])
    >>> quality.to_json()["mean"]
    [0.2, 0.2, 0.9]
    """

    name: str
    most: int
    draws: tuple[int, ...] = field(init=False)
    items: list[int] = field(init=False)
    sums: list[float] = field(init=False)

    def __post_init__(self) -> None:
        powers = [1 << power for power in range(self.most.bit_length()) if 1 << power < self.most]
        self.draws = (*powers, self.most)
        self.items, self.sums = [0] * len(self.draws), [0.0] * len(self.draws)

    def add(self, merits: Sequence[float | None], values: Sequence[float]) -> None:
        """Add the draws of an item, in order. merits: None for draws that don't meet the request."""
        best: int | None = None
        for place, merit in enumerate(merits):
            before = None if best is None else merits[best]
            if merit is not None and (before is None or merit > before):
                best = place
            if place + 1 in self.draws and best is not None and math.isfinite(values[best]):
                at = self.draws.index(place + 1)
                self.items[at] += 1
                self.sums[at] += values[best]

    def to_json(self) -> Json:
        """`of`: what is averaged. draws, items, mean: for each number of draws, the items of which one met the request,
        and the mean of their best."""
        known = [at for at, count in enumerate(self.items) if count]
        return {
            "of": self.name,
            "draws": [self.draws[at] for at in known],
            "items": [self.items[at] for at in known],
            "mean": [float(f"{self.sums[at] / self.items[at]:.6g}") for at in known],
        }
