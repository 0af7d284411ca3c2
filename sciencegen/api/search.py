"""The parts of a search: its space, start items, oracles and known items, its progress, and tables and notes of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from sciencegen.api.criteria import Condition, OracleBook, requested_rows
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.folder import find_predictor, latents_of, read_held_out, read_training_keys
from sciencegen.api.science import ParseAndMeasure, constraint_of, domain_of, parse_texts, plain_name, variants_of
from sciencegen.api.sources.blocks import ANALOGUES
from sciencegen.api.sources.tables import read_texts
from sciencegen.config import OptimizeSettings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import is_refusal, map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, Reference
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.items import Cell, Item, Refusal
from sciencegen.latent.space import Drafts
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation, Objective, resolve_oracles, score_safely, top_k_curve
from sciencegen.optimization.selection import DiversityFilter, quota_limit
from sciencegen.optimization.spaces import SearchSpace
from sciencegen.scoring.cache import cache_notes, cached
from sciencegen.scoring.oracles import Oracle, ProgramOracle, ReportingOracle, Score, measured_range

# The search space of a model in its domain.

Encode = Callable[[Sequence[Item]], Sequence[object]]
"""Items to arrays, or refusals for items that a model can't encode (`Representation.encode`)."""


def search_space(
    model: LoadedModel, start: Sequence[str] = (), keep: Sequence[str] = (), forbid: Sequence[str] = (),
    plausible: bool = False, known: Sequence[Item] | None = None, conditions: Sequence[Condition] = (),
) -> SearchSpace:  # fmt: skip
    """The search space of a model. start: items to start from; none means the model's own start items. keep, forbid:
    patterns. plausible: whether only plausible items are scored; with known items, only those that are familiar beside
    these and the start items (`constraint_of`). conditions: under which the model draws."""
    domain, space, representation = model.domain, model.space, model.representation
    naming = representation.naming
    reference = None if naming is None else naming.reference
    noise = partial(_noise, model)
    moves = domain.moves
    mutate = None if moves is None else moves.mutate
    edit, recombine = (None, None) if moves is None else (moves.edit, moves.recombine)
    if naming is not None:
        mutate = naming.mutate
    told = {one.name for one in conditions} & {*representation.properties}
    drafts = isinstance(model.model, Drafts) and model.model.noise_is_latent and not told  # draws need no encoder
    began = start_items(
        domain,
        start or (() if naming is None else naming.start),
        reference,
        None if naming is None else representation.encode,
    )
    return SearchSpace(
        latent_size=space.size,
        semantic_size=model.model.semantic_size,
        sample=noise if drafts else lambda n, generator: space.from_noise(noise(n, generator)),
        draw=None if drafts else partial(drawn_items, model, conditions),
        decode=lambda latents: [unrefused(item) for item in space.draft_items(latents)],
        encode=lambda items: latents_of(model, items),
        mutate=lambda item, generator: None if mutate is None else unrefused(mutate(item, generator)),
        edit=edit and (lambda item, generator: unrefused(edit(item, generator))),
        recombine=recombine and (lambda item, other, generator: unrefused(recombine(item, other, generator))),
        features=domain.regression.features if naming is None else naming.differences,
        start=began,
        accept=constraint_of(domain, keep, forbid, reference, plausible, None if known is None else [*known, *began]),
    )


def _noise(model: LoadedModel, count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((count, model.space.size), dtype=np.float32)


def drawn_items(
    model: LoadedModel, conditions: Sequence[Condition], count: int, generator: np.random.Generator
) -> list[Item | None]:
    """Draws of the model under the conditions; None where one is refused."""
    noise = _noise(model, count, generator)
    asked = requested_rows(conditions, model.representation, lambda columns: generator.random((count, columns)))
    return [unrefused(item) for item in model.space.generate_items(noise, asked)]


def unrefused(item: Item | Refusal) -> Item | None:
    """The item, or None for a refusal."""
    return None if is_refusal(item) else item


def start_items(
    domain: Domain,
    texts: Sequence[str],
    reference: Reference | None = None,
    encode: Encode | None = None,
    flag: str = "`start`",
) -> list[Item]:
    """Parse items to start from; the name of a file stands for its items. reference: names (`A42G`) refer to it, and
    every item must have a name relative to it. encode: of the model; items that it can't encode are an error. flag: the
    setting, for messages."""
    texts = [
        item for text in texts for item in domain.items.texts_given(text, f"an item or a file of items for {flag}")
    ]
    items = parse_texts(domain, texts, reference)
    if encode is not None:
        items = [_refused(item, encode) for item in items]
    for text, item in zip(texts, items, strict=True):
        found = item if reference is None or isinstance(item, Refusal) else variants_of(domain).name_of(reference, item)
        if isinstance(found, Refusal):
            raise ConfigError(
                f"Expected an item of {plain_name(domain.name)} for {flag}, got '{text}': {found.reason}."
            )
    return items


def _refused(item: Item | Refusal, encode: Encode) -> Item | Refusal:
    """The item, or the refusal if it can't be encoded."""
    (encoded,) = (item,) if isinstance(item, Refusal) else encode([item])
    return encoded if isinstance(encoded, Refusal) else item


# The search space of items that can be made from a user's building blocks.

METHODS = ("evolution", "hill_climb", "prior")
"""Methods that need no latents: built items have none."""


def makeable_starts(science: Domain, start: Sequence[Item], moves: BlockMoves) -> tuple[list[Item], list[str]]:
    """For each start item the most similar ones that can be made from the blocks, itself if it can; and notes."""
    found: list[Item] = []
    notes = []
    for item in start:
        near, name = moves.nearest(item, ANALOGUES), science.items.text(item)
        found += near
        if not near:
            notes.append(f"the start {name} has no analogue that the blocks give")
        elif science.items.key(near[0]) == science.items.key(item):
            notes.append(f"the start {name} can be made from the blocks")
        else:
            alike = science.similarity.matrix([item], near[:1])[0, 0]
            notes.append(
                f"no route to the start {name} was found; the search starts from analogues, the nearest of which is "
                f"{science.items.text(near[0])} (similarity {alike:.2f})"
            )
    return found, notes


def space_of_blocks(space: SearchSpace, moves: BlockMoves, start: Sequence[Item] = ()) -> SearchSpace:
    """The same space, whose items are drawn and changed by the moves of building blocks; it has no latents. start:
    items to begin with, which these moves made."""
    nowhere = lambda count: np.empty((count, 0), np.float32)  # noqa: E731
    return replace(
        space,
        latent_size=0,
        semantic_size=0,
        sample=lambda count, generator: nowhere(count),
        decode=lambda latents: [None] * len(latents),
        encode=lambda items: nowhere(len(items)),
        draw=lambda count, generator: [unrefused(item) for item in moves.draw(count, generator)],
        mutate=lambda item, generator: unrefused(moves.mutate(item, generator)),
        edit=lambda item, generator: unrefused(moves.edit(item, generator)),
        recombine=lambda item, other, generator: unrefused(moves.recombine(item, other, generator)),
        start=start,
    )


# Whether a search has found something better than the items that a user gave it.

SHOWN = 5
"""Most starts that have a note each."""


def start_rows(
    domain: Domain, goals: Sequence[Goal], start: Sequence[Item], trace: Sequence[Evaluation],
    picked: Sequence[Evaluation], cautious: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """For each start item its text, whether it was scored, its values, whether it meets the constraints (feasible), and
    how many candidates are better, also by their values alone.

    A candidate is better if it is as good in every objective and better in one, by the worse end of its interval if
    `cautious` against the start's own value; any candidate is better than a start that misses a constraint.
    """
    scored = {evaluation.key: evaluation for evaluation in trace if evaluation.failure is None}
    aims = [goal for goal in goals if goal.is_objective]
    rows: list[dict[str, Any]] = []
    for item in start:
        found = scored.get(domain.items.key(item))
        row: dict[str, Any] = {"item": domain.items.text(item), "scored": found is not None}
        if found is not None:
            row |= {"feasible": found.feasible, **found.values, "better": _better(aims, picked, found, cautious)}
            row |= {"better_by_value": _better(aims, picked, found, False), "candidates": len(picked)}
        rows.append(row)
    return rows


def _better(aims: Sequence[Goal], picked: Sequence[Evaluation], start: Evaluation, cautious: bool) -> int:
    """How many candidates are better than a start."""
    return sum(not start.feasible or _is_better(aims, one, start, cautious) for one in picked)


def _is_better(aims: Sequence[Goal], one: Evaluation, start: Evaluation, cautious: bool) -> bool:
    reached = [goal.gain(goal.value_of(one.scores[goal.name], cautious)) for goal in aims]
    before = [goal.gain(goal.value_of(start.scores[goal.name], False)) for goal in aims]
    pairs = list(zip(reached, before, strict=True))
    return all(now >= then for now, then in pairs) and any(now > then for now, then in pairs)


def start_notes(rows: Sequence[dict[str, Any]], names: Sequence[str], cautious: bool) -> list[str]:
    """What to know of the start items: their values, and how many candidates are better."""
    if len(rows) > SHOWN:
        beaten = sum(bool(row.get("better")) for row in rows)
        return [f"of {len(rows)} starts {beaten} are worse than some candidate (`starts` in the summary)"]
    notes = []
    for row in rows:
        if not row["scored"]:
            why = "it fails a pattern, is implausible, or lies beyond the budget"
            notes.append(f"the start {row['item']} was not scored: {why}")
            continue
        values = ", ".join(f"{name} {row[name]:.4g}" for name in names if row.get(name) is not None)
        by = f" by the worse ends of their intervals, {row['better_by_value']} by their values" if cautious else ""
        missed = "" if row["feasible"] else ", misses a goal"
        count = f"{row['better']} of {row['candidates']} candidates are better{by}"
        notes.append(f"the start {row['item']} has {values}{missed}: {count}")
    return notes


# The oracles of a search: those of its goals, and those of further columns of its candidates.


def search_oracles(
    book: OracleBook, goals: Sequence[Goal], settings: OptimizeSettings, key: Callable[[Item], str]
) -> tuple[dict[str, Oracle], dict[str, Oracle], tuple[str, ...]]:
    """The oracles of goals by name, those of further columns, for candidates only, and notes on `cache`. Each item (by
    `key`) is scored once; scores of programs are kept in the file `settings.further.cache`."""
    of_goals = resolve_oracles(goals, book.resolve)
    further = {name: book.resolve(name) for name in (*settings.include, *settings.predictors)}
    return (
        {name: cached(one, key, settings.further.cache) for name, one in of_goals.items()},
        {
            name: cached(one, key, settings.further.cache) if isinstance(one, ProgramOracle) else one
            for name, one in further.items()
        },
        cache_notes([*of_goals.values(), *further.values()], settings.further.cache),
    )


# Known items: keys of training items, and similarities of candidates to them.

LARGEST_REFERENCE = 200_000
"""Maximum number of training items kept for similarities; they are evenly spaced in a larger set."""


@dataclass(frozen=True)
class Known:
    """Known items. keys: of the training items that were read. committed: keys of a training set that the domain ships,
    or None. items: parsed ones, for similarities. start: keys of the search's start items, and learned: name of a
    predictor -> keys of the items that it was trained on; these count as known too."""

    domain: Domain
    keys: frozenset[str]
    committed: Container[str] | None
    items: Sequence[Item]
    start: frozenset[str] = frozenset()
    learned: Mapping[str, Container[str]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether no training data of the model is known, so that an item may not be new though it isn't held."""
        return not self.keys and self.committed is None

    def holds(self, item: Item) -> bool:
        key = self.domain.items.key(item)
        own = key in self.keys or key in self.start or (self.committed is not None and key in self.committed)
        return own or any(key in keys for keys in self.learned.values()) or self._among(item)

    @cached_property
    def _among(self) -> Callable[[Item], bool]:
        """Whether an item is a known one though their keys differ."""
        sets = self.domain.reference_sets
        if sets is None or sets.among is None:
            return lambda item: False
        return sets.among(map(self.domain.items.text, self.items))

    def is_new(self, item: Item) -> bool | None:
        """Whether an item is not known; None if that can't be told."""
        return False if self.holds(item) else None if self.empty else True

    def learned_from(self, items: Sequence[Item]) -> dict[str, int]:
        """Name of a predictor -> how many of the items it was trained on, if any."""
        keys = [self.domain.items.key(item) for item in items] if self.learned else []
        counts = {name: sum(key in learned for key in keys) for name, learned in self.learned.items()}
        return {name: count for name, count in counts.items() if count}

    def nearest(self, items: Sequence[Item]) -> np.ndarray:
        """[item] greatest similarity to a training item; NaN without training items."""
        if not self.items or not items:
            return np.full(len(items), np.nan)
        return np.asarray(self.domain.similarity.nearest(items, self.items), float)


def read_known(
    domain: str, training: str | None, committed: str | None, threads: int = 0, every: bool = True,
    log: Callable[[str], None] = lambda text: None,
) -> Known:  # fmt: skip
    """Read known items. training: a prepared folder, file or dataset. committed: the name of a set whose keys the
    domain ships. every: read all keys; if False, a set too large for similarities is subsampled, without keys."""
    science = domain_of(domain)
    sets = science.reference_sets
    shipped = sets.load_training(committed) if committed and sets is not None else None
    texts = list(read_texts(domain, training)) if training else []
    whole = every or len(texts) <= LARGEST_REFERENCE
    if training:
        part = "" if whole else f"; {LARGEST_REFERENCE} are read, for similarities: novelty isn't requested"
        log(f"known: {len(texts)} items of {training}{part}")
    texts = texts if whole else _spaced(texts)
    keys, kept = [], []
    task = ParseAndMeasure(domain, ())
    for _, _, results in map_chunks_killable(task, texts, processes=worker_count(threads), chunk=1024):
        good = [result for result in results if isinstance(result, tuple)] if isinstance(results, list) else []
        keys += [key for _, key, *_ in good] if whole else []
        kept += [text for text, *_ in good]
    return Known(science, frozenset(keys), shipped, [science.items.parse(text) for text in _spaced(kept)])


def with_predictors(known: Known, folders: Mapping[str, str]) -> tuple[Known, tuple[str, ...]]:
    """Known items with those that predictors were trained on, and a note on predictors that don't keep them. folders:
    name -> folder."""
    found = {name: read_training_keys(find_predictor(folder)) for name, folder in folders.items()}
    silent = [name for name, keys in found.items() if keys is None]
    learned = {name: keys for name, keys in found.items() if keys is not None}
    note = (
        f"the items that {' and '.join(silent)} learned from may count as new: the predictor's folder doesn't keep "
        "them. Train it again, or name its table with `training`"
    )
    return replace(known, learned=learned), (note,) * bool(silent)


def learned_notes(counts: Mapping[str, int], novel: bool) -> list[str]:
    """Notes on items that meet the goals and that a predictor was trained on. novel: whether these are left out."""
    kept = "count as known and aren't returned" if novel else "aren't new (column novel)"
    return [
        f"of the scored items that meet the goals, {count} {'is' if count == 1 else 'are'} in the table of the "
        f"predictor '{name}': such items {kept}"
        for name, count in counts.items()
    ]


def _spaced(texts: Sequence[str]) -> list[str]:
    """At most `LARGEST_REFERENCE` texts, evenly spaced."""
    return [texts[row] for row in evenly_spaced(len(texts), LARGEST_REFERENCE)]


# Progress of a search: the items that are scored, also while a program is called for a batch of them.


class SearchProgress:
    """Counts the scored items of one search.

    Parameters
    ----------
    oracles : mapping
        Those of the goals.
    budget : int
        The most items that are scored.
    advance : callable
        Called with the number of items that were scored since the last time. Within a batch, an item counts once each
        oracle that reports has scored it.

    Attributes
    ----------
    oracles : mapping
        To be used in place of those given.
    """

    def __init__(self, oracles: Mapping[str, Oracle], budget: int, advance: Callable[[int], None]) -> None:
        able = {name: one for name, one in oracles.items() if isinstance(one, ReportingOracle)}
        reporting = {name: found for name, one in able.items() if (found := one.reporting(self._scored))}
        self.oracles: Mapping[str, Oracle] = {**oracles, **reporting}
        self._reporting, self._budget, self._advance = len(reporting), budget, advance
        self._recorded = self._scores = self._shown = 0

    def recorded(self, objective: Objective) -> None:
        """Called by the objective after each batch."""
        self._recorded, self._scores = len(objective.trace), 0
        self._show(self._recorded)

    def _scored(self, count: int) -> None:
        self._scores += count
        self._show(min(self._recorded + self._scores // self._reporting, self._budget))

    def _show(self, done: int) -> None:
        if done > self._shown:
            self._advance(done - self._shown)
            self._shown = done


# What designed items leave open (`Oracles.left_open`): columns of results, and notes on them.


def left_open_columns(domain: Domain, items: Sequence[Item]) -> dict[str, list[Cell]]:
    """Name -> what each item leaves open of this kind, for kinds of which an item leaves anything open."""
    counts = {name: score_safely(domain.oracles.find(name), items) for name in domain.oracles.left_open if items}
    columns = {
        name: [None if one.value is None else int(one.value) for one in scores] for name, scores in counts.items()
    }
    return {name: list(cells) for name, cells in columns.items() if any(cells)}


def left_open_counts(domain: Domain, table: Mapping[str, Sequence[Cell]]) -> dict[str, int]:
    """Name -> number of a table's items that leave anything open of this kind, if any."""
    counts = {name: sum(bool(cell) for cell in table.get(name, ())) for name in domain.oracles.left_open}
    return {name: count for name, count in counts.items() if count}


def left_open_notes(domain: Domain, table: Mapping[str, Sequence[Cell]], what: str, remedy: str) -> list[str]:
    """Notes on a table's items that leave something open. what: words for the items. remedy: the setting that excludes
    them."""
    return [
        f"{count} of {len(table['item'])} {what} {domain.oracles.left_open[name]} (column {name}); {remedy} "
        f"'{name} = 0' excludes them"
        for name, count in left_open_counts(domain, table).items()
    ]


# All that a search and its controls scored: candidates are the best of it, whichever method found them.

FOUND_BY = "found_by"
"""The column of candidates that names the method that found each, if controls were run."""


@dataclass(frozen=True)
class Pooled:
    """traces: method -> what it scored. method: the search; the others are its controls. evaluations: of the distinct
    items, those of the search first. methods: key -> the first of the methods that scored the item."""

    traces: Mapping[str, Sequence[Evaluation]]
    method: str
    evaluations: Sequence[Evaluation]
    methods: Mapping[str, str]

    @classmethod
    def of(cls, traces: Mapping[str, Sequence[Evaluation]], method: str) -> Pooled:
        """What the search and a control both scored counts as the search's."""
        found: dict[str, tuple[str, Evaluation]] = {}
        for name in dict.fromkeys((method, *traces)):
            for one in traces[name]:
                found.setdefault(one.key, (name, one))
        methods = {key: name for key, (name, _) in found.items()}
        return cls(traces, method, [one for _, one in found.values()], methods)

    @property
    def has_controls(self) -> bool:
        return len(self.traces) > 1

    def found_by(self, evaluations: Sequence[Evaluation]) -> list[str]:
        """The method of each."""
        return [self.methods[one.key] for one in evaluations]

    def counts(self, evaluations: Sequence[Evaluation]) -> dict[str, int]:
        """Method -> how many of the evaluations are its own, the search first."""
        names = self.found_by(evaluations)
        return {name: names.count(name) for name in dict.fromkeys((self.method, *self.traces))}


def control_notes(summary: Mapping[str, Any]) -> list[str]:
    """A note if controls found some of the candidates. summary: of a search, with its counts under `FOUND_BY`."""
    counts = dict(summary.get(FOUND_BY, {}))
    own = counts.pop(summary["method"], 0)
    theirs = " and ".join(f"{count} by the control {name}" for name, count in counts.items() if count)
    if not theirs:
        return []
    total = own + sum(counts.values())
    return [f"of {total} candidates {own} were found by the search ({summary['method']}), {theirs} (column {FOUND_BY})"]


# Tables of a search: candidates, trace and scored items, and notes on the candidates.

TRACE_POINTS = 100

IN_DOMAIN = "_in_domain"
"""Suffix of columns that tell whether an item is similar to a predictor's training items."""


def candidates_table(
    domain: Domain, picked: Sequence[Evaluation], names: Sequence[str], further: Mapping[str, Oracle], known: Known,
    called: Callable[[Sequence[Any]], dict[str, list[str | None]]],
) -> dict[str, list[Any]]:  # fmt: skip
    """rank, id, item, <property>, <property>_lower, <property>_upper, ..., novel, similarity_to_training, feasible.

    Without training items, there is no similarity_to_training.
    names: of the goals. further: additional oracles, for candidates only. called: a function from items to a column of
    their names, if they have names.
    """
    items = [evaluation.item for evaluation in picked]
    table: dict[str, list[Any]] = {"rank": list(range(1, len(items) + 1))}
    table["id"] = [f"candidate-{rank}" for rank in table["rank"]]
    table["item"] = [domain.items.text(item) for item in items]
    table |= domain.items.readable_columns(items) | called(items)
    for name in names:
        table |= score_columns(name, [evaluation.scores[name] for evaluation in picked])
    for name, oracle in further.items():
        if name not in table:
            table |= score_columns(name, score_safely(oracle, items) if items else [])
    table |= {name: cells for name, cells in left_open_columns(domain, items).items() if name not in table}
    table["novel"] = [known.is_new(item) for item in items]
    if known.items:
        table["similarity_to_training"] = known.nearest(items).tolist()
    table["feasible"] = [evaluation.feasible for evaluation in picked]
    return table


def score_columns(name: str, scores: Sequence[Score]) -> dict[str, list[Any]]:
    """Columns of values, with intervals and domain flags if the oracle gives them."""
    columns = {name: [score.value for score in scores]}
    if any(score.lower is not None or score.upper is not None for score in scores):
        columns |= {f"{name}_lower": [s.lower for s in scores], f"{name}_upper": [s.upper for s in scores]}
    if any(score.in_domain is not None for score in scores):
        columns[f"{name}{IN_DOMAIN}"] = [score.in_domain for score in scores]
    return columns


def trace_table(traces: Mapping[str, Sequence[Evaluation]]) -> dict[str, list[Any]]:
    """Mean of the ten best scores, and feasible items, by the number of calls, for each method."""
    rows: dict[str, list[Any]] = {"method": [], "call": [], "top_10": [], "feasible": []}
    for method, trace in traces.items():
        calls, means = top_k_curve(trace, 10, max(1, len(trace) // TRACE_POINTS))
        counted = np.cumsum([evaluation.feasible for evaluation in trace])
        rows["method"] += [method] * len(calls)
        rows["call"] += calls
        rows["top_10"] += means
        rows["feasible"] += [int(counted[call - 1]) for call in calls]
    return rows


def scored_table(domain: Domain, trace: Sequence[Evaluation], names: Sequence[str]) -> dict[str, list[Any]]:
    """All scored items, in the order of calls."""
    table: dict[str, list[Any]] = {"call": [e.call for e in trace], "item": [domain.items.text(e.item) for e in trace]}
    table |= domain.items.readable_columns([one.item for one in trace])
    for name in names:
        values = [evaluation.scores[name].value for evaluation in trace]
        table[name] = [float("nan") if value is None else value for value in values]
    return table | {"feasible": [evaluation.feasible for evaluation in trace]}


def control_summary(trace: Sequence[Evaluation], n: int, variety: DiversityFilter | None = None) -> dict[str, Any]:
    """Numbers of scored and feasible items, and means of the best 10 and n feasible ones, None without any. With a
    limit to each class these are the best within it."""
    best = sorted((e for e in trace if e.feasible), key=lambda e: -e.scalar)

    def mean(count: int) -> float | None:
        chosen = range(len(best))[:count] if variety is None else variety.choose([e.item for e in best], count)
        return float(np.mean([best[row].scalar for row in chosen])) if best else None

    return {"scored": len(trace), "feasible": len(best), "top_10": mean(10), f"top_{n}": mean(n)}


def met_by(goals: Sequence[Goal], trace: Sequence[Evaluation], cautious: bool) -> dict[str, int]:
    """Constraint -> number of scored items that meet it. cautious: by the worse end of an interval."""
    scored = [evaluation.scores for evaluation in trace if evaluation.failure is None]
    return {
        goal.text: sum(goal.violation_of(scores[goal.name], cautious) == 0 for scores in scored)
        for goal in goals
        if not goal.is_objective
    }


def candidate_notes(
    domain: Domain, table: Mapping[str, Sequence[Any]], goals: Sequence[Goal], oracles: Mapping[str, Oracle]
) -> list[str]:
    """Notes on candidates beyond what predictors know, and on those that leave something open."""
    return [
        *outside(table),
        *beyond(table, goals, oracles),
        *left_open_notes(domain, table, "candidates", "the goal"),
    ]


def outside(table: Mapping[str, Sequence[Any]]) -> list[str]:
    """Notes on predictors with candidates outside their domain."""
    notes = []
    for name in (column.removesuffix(IN_DOMAIN) for column in table if column.endswith(IN_DOMAIN)):
        far = [rank for rank, inside in enumerate(table[f"{name}{IN_DOMAIN}"], 1) if inside is False]
        best = ", the best one too," if far[:1] == [1] else ""
        if far:
            notes.append(
                f"{len(far)} of {len(table['rank'])} candidates{best} are unlike all that the predictor '{name}' "
                f"learned from (column {name}{IN_DOMAIN}): its values and intervals may be wrong there. "
                f"The goal '{name} in domain' keeps a search inside; `start` with the predictor's table begins there"
            )
    return notes


def beyond(table: Mapping[str, Sequence[Any]], goals: Sequence[Goal], oracles: Mapping[str, Oracle]) -> list[str]:
    """Notes on objectives whose predictions exceed the best value in the predictor's training data."""
    notes = []
    for goal in (goal for goal in goals if goal.is_objective and table["rank"]):
        known = measured_range(oracles[goal.name])
        best = None if known is None else max(known, key=goal.gain)
        better = sum(goal.gain(value) > goal.gain(best) for value in table[goal.name]) if best is not None else 0
        if better:
            notes.append(
                f"{better} of {len(table['rank'])} candidates are predicted beyond the best '{goal.name}' that was "
                f"measured, {best:.4g}: an extrapolation, to be measured before it is believed"
            )
    return notes


def judged_by_intervals(goals: Sequence[Goal], table: Mapping[str, Sequence[Any]]) -> list[str]:
    """A note on which end of an interval was used for each goal."""
    ends = [f"'{goal.text}' by {_end(goal)}" for goal in goals if not goal.in_domain and f"{goal.name}_lower" in table]
    return [f"goals were judged by the worse end of the interval: {', '.join(ends)}"] if ends else []


def too_narrow(goals: Sequence[Goal], predictors: Mapping[str, str]) -> list[str]:
    """Notes, before a search that is judged by intervals, on ranges that are narrower than most of a predictor's
    intervals of left-out rows. predictors: name -> folder; those that keep no such rows are left out."""
    notes = []
    for goal in goals:
        room = goal.high - goal.low
        if goal.name not in predictors or not goal.is_constraint or not math.isfinite(room):
            continue
        try:
            found = read_held_out(find_predictor(predictors[goal.name]), "random", 0.9)
        except SciencegenError:
            continue
        widths = np.asarray(found.upper) - np.asarray(found.lower)
        there = (goal.low <= np.asarray(found.predicted)) & (np.asarray(found.predicted) <= goal.high)
        widths = widths[there] if there.any() else widths
        if np.median(widths) > room:
            where = " predicted there" if there.any() else ""
            notes.append(
                f"'{goal.text}' can hardly be met: the whole interval of a prediction must lie in this range of "
                f"{room:.3g}, and of {len(widths)} left-out rows{where} {np.mean(widths <= room):.0%} were so narrow "
                f"(median width {np.median(widths):.3g}). `--set lower_bounds=false` judges by the value alone; or "
                "widen the range, or give one end only"
            )
    return notes


def _end(goal: Goal) -> str:
    if goal.direction == "minimize" or (not goal.is_objective and goal.low == -math.inf):
        return f"{goal.name}_upper"
    return f"{goal.name}_lower" if goal.high == math.inf else f"{goal.name}_lower and {goal.name}_upper"


def shortfall(summary: Mapping[str, Any], n: int) -> str:
    """A message on why there are fewer candidates than n, with the most effective remedies."""
    unmet = summary["scored"] - summary["failed"] - summary["feasible"]
    met = sorted(summary["met_by"].items(), key=lambda pair: pair[1])
    goals = ", ".join(f"'{text}' is met by {count}" for text, count in met)
    hardest = met[0][0] if met else ""
    near = "begin in the domain, with the predictor's table as `start`" if hardest.endswith(" in domain") else ""
    limit = f"{summary['maximum_similarity']:g}"
    causes = [
        (unmet, f"miss a goal ({goals})", near or f"loosen '{hardest}'"),
        (summary["failed"], "could not be scored", "see the file of rejects"),
        (
            summary["known"],
            "were known (training data, a predictor's table, or what the search began with)",
            "set `novel: false`",
        ),
        (summary["alike"], f"are more than {limit} similar to a better one", "raise `maximum_similarity`"),
    ]
    lost = sorted((cause for cause in causes if cause[0]), key=lambda cause: -cause[0])
    why = f", of which {'; '.join(f'{count} {what}' for count, what, _ in lost)}" if lost else ""
    among = f"{summary['scored']} scored items{' of the search and its controls' * (FOUND_BY in summary)}"
    remedy = " or ".join([*(remedy for *_, remedy in lost[:2]), "raise `budget`"])
    return (
        f"Found {summary['candidates']} of {n} candidates (all written) among {among}{why}. "
        f"{remedy[0].upper()}{remedy[1:]}."
    )


def short_plate(found: int, batch: int) -> str:
    """A message on a plate with fewer items than requested."""
    return (
        f"Found {found} of {batch} items that may be proposed (all written). Give a larger pool or a model, or loosen "
        "keep, forbid, space, where, the limit of cost, of similarity or of the share."
    )


# How many classes of a domain the candidates of a search are from, and what the limit to each class costs.

DEFAULT_SHARE = 0.1
"""Greatest share of the candidates in one class. Of 1,000 held-out molecules of MOSES the commonest ring pattern holds
12%, the next 9%: the limit asks for about the variety of known molecules."""


def diversity_filter(domain: Domain, share: float | None) -> DiversityFilter | None:
    """The filter of a setting `maximum_share`; None without a limit."""
    kinds = domain.similarity.classes
    if share is not None and share < 1 and not kinds:
        raise ConfigError(
            f"Expected no `maximum_share`, since {domain.name} have no classes. Use `maximum_similarity`."
        )
    limit = DEFAULT_SHARE if share is None else share
    return DiversityFilter(list(kinds.values()), domain.items.key, limit) if kinds and limit < 1 else None


def class_counts(domain: Domain, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """For each kind of classes the number of classes (count), and the largest class with its size."""
    found: dict[str, dict[str, Any]] = {}
    for kind, classify in domain.similarity.classes.items():
        counts = Counter(label for label in classify(items) if label)
        label, size = max(counts.items(), key=lambda pair: pair[1], default=("", 0))
        found[kind] = {"count": len(counts), "largest": label, "size": size}
    return found


def variety_of(
    domain: Domain, goals: Sequence[Goal], picked: Sequence[Evaluation], best: Sequence[Evaluation], share: float,
    n: int,
) -> dict[str, Any]:  # fmt: skip
    """Part of a summary: the limit, the classes, how many of the best items were passed over, and mean values with and
    without the limit. best: what is picked without it. share: of the n requested candidates."""
    kept = {evaluation.key for evaluation in picked}
    return {
        "maximum_share": share,
        "limit": quota_limit(share, n),
        "classes": class_counts(domain, [evaluation.item for evaluation in picked]),
        "passed_over": sum(evaluation.key not in kept for evaluation in best),
        "means": {
            goal.name: {"limited": _mean(picked, goal.name), "unlimited": _mean(best, goal.name)}
            for goal in goals
            if goal.is_objective and picked
        },
    }


def _mean(evaluations: Sequence[Evaluation], name: str) -> float:
    return float(np.mean([evaluation.values[name] for evaluation in evaluations]))


def class_notes(summary: Mapping[str, Any]) -> list[str]:
    """The classes of a search's candidates, and what the limit costs; [] without a limit or candidates."""
    variety, count = summary.get("variety"), summary["candidates"]
    if variety is None or not count:
        return []
    kinds = variety["classes"]
    over = " and ".join(f"{found['count']} {kind}" for kind, found in kinds.items())
    sizes = " and ".join(f"{found['size']} ({found['largest']})" for found in kinds.values() if found["size"])
    notes = [f"{count} candidates over {over}" + (f"; the largest hold {sizes}" if sizes else "")]
    if max((found["size"] for found in kinds.values()), default=0) > variety["limit"]:
        notes[0] += f", above the limit of {variety['limit']}, since too few others meet the goals"
    if variety["passed_over"]:
        means = ", ".join(
            f"mean {name} {found['limited']:.4g} instead of {found['unlimited']:.4g}"
            for name, found in variety["means"].items()
        )
        share, rest = f"{100 * variety['maximum_share']:g}%", f": {means}" if means else ""
        notes.append(
            f"keeping each class within {share} passed over {variety['passed_over']} of the best {count}{rest}"
        )
    return notes
