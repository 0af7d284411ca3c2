"""The search space of a model in its domain."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sciencegen.api.criteria import Condition, OracleBook, requested_rows
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.folder import find_predictor, latents_of, read_training_keys
from sciencegen.api.science import ParseAndMeasure, constraint_of, domain_of, parse_texts, plain_name, variants_of
from sciencegen.api.sources.blocks import ANALOGUES
from sciencegen.api.sources.tables import read_texts
from sciencegen.config import OptimizeSettings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import is_refusal, map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, Reference
from sciencegen.errors import ConfigError
from sciencegen.items import Item, Refusal
from sciencegen.latent.space import Drafts
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation, resolve_oracles
from sciencegen.optimization.spaces import SearchSpace
from sciencegen.scoring.cache import cache_notes, cached
from sciencegen.scoring.oracles import Oracle, ProgramOracle

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
    drafts = isinstance(model.model, Drafts) and not told  # its noise is the latents: draws need no encoder
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
        draw=None if drafts else partial(_drawn, model, conditions),
        decode=lambda latents: [_unrefused(item) for item in space.draft_items(latents)],
        encode=lambda items: latents_of(model, items),
        mutate=lambda item, generator: None if mutate is None else _unrefused(mutate(item, generator)),
        edit=edit and (lambda item, generator: _unrefused(edit(item, generator))),
        recombine=recombine and (lambda item, other, generator: _unrefused(recombine(item, other, generator))),
        features=domain.regression.features if naming is None else naming.differences,
        start=began,
        accept=constraint_of(domain, keep, forbid, reference, plausible, None if known is None else [*known, *began]),
    )


def _noise(model: LoadedModel, count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((count, model.space.size), dtype=np.float32)


def _drawn(
    model: LoadedModel, conditions: Sequence[Condition], count: int, generator: np.random.Generator
) -> list[Item | None]:
    """Draws of the model under the conditions; None where one is refused."""
    noise = _noise(model, count, generator)
    asked = requested_rows(conditions, model.representation, lambda columns: generator.random((count, columns)))
    return [_unrefused(item) for item in model.space.generate_items(noise, asked)]


def _unrefused(item: Item | Refusal) -> Item | None:
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
    texts = [item for text in texts for item in domain.items.texts_in(text)]
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
        draw=lambda count, generator: [_unrefused(item) for item in moves.draw(count, generator)],
        mutate=lambda item, generator: _unrefused(moves.mutate(item, generator)),
        edit=lambda item, generator: _unrefused(moves.edit(item, generator)),
        recombine=lambda item, other, generator: _unrefused(moves.recombine(item, other, generator)),
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
    `key`) is scored once; scores of programs are kept in the file `settings.settings.cache`."""
    of_goals = resolve_oracles(goals, book.resolve)
    further = {name: book.resolve(name) for name in (*settings.include, *settings.predictors)}
    return (
        {name: cached(one, key, settings.settings.cache) for name, one in of_goals.items()},
        {
            name: cached(one, key, settings.settings.cache) if isinstance(one, ProgramOracle) else one
            for name, one in further.items()
        },
        cache_notes([*of_goals.values(), *further.values()], settings.settings.cache),
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
        return own or any(key in keys for keys in self.learned.values())

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
