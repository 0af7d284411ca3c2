"""Generate: draw from the (conditional) prior, decode, check, keep what is new. Memory stays flat however many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sciencegen.api.criteria.conditions import parse_conditions
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.models.completion import Completer, completer
from sciencegen.api.models.folder import LoadedModel, name_columns, name_suffixes
from sciencegen.api.predictors.folder import shipped_for
from sciencegen.api.sampling.checks import check_noise_free, check_unobserved, read_scaffold
from sciencegen.api.sampling.drawing import check_guidance, set_drawing
from sciencegen.api.sampling.draws import Draws, steerable
from sciencegen.api.sampling.judge import Judge, Judged
from sciencegen.api.sampling.ranking import in_groups, particles_of, read_ranking
from sciencegen.api.science.naming import NameSuffixes, constraint_of, exempt_motifs
from sciencegen.config import GenerateSettings
from sciencegen.data.deduplication import FirstOccurrences, hash_keys
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.items import Cell, Item, Refusal
from sciencegen.scoring.oracles import ArrayOracle, Oracle, with_annotations

Result = Judged | Refusal | Failure
"""Of one draw."""

COUNTS = ("written", "drawn", "undecoded", "malformed", "repeated", "rejected", "failed")
"""Of draws: what became a row, is no item, isn't how its item is written, came before, fails what is asked, couldn't be
judged (an oracle's error, a crash, a time-out)."""

UNCHECKED = "the model is told '{}', but nothing here can check it"

ROWS_PER_TASK = 64
"""Decoded rows that a worker judges at once; it divides the compute chunk."""


class Generation:
    """Rows in the order of their draws, as columns `item` and one for each property that was asked for, with what else
    predictors say of theirs.

    few: decode no more draws than are wanted, for slow models: what a draw is may then round by their number. With
    `settings.best_of` a draw is the best of so many.
    """

    def __init__(self, model: LoadedModel, settings: GenerateSettings, few: bool = False) -> None:
        self.model, self.settings = model, settings
        self.conditions = parse_conditions(settings.where, model.domain, model.representation)
        known = model.space.properties
        self.book = OracleBook(model.domain.name, settings.predictors, own=model.oracles, conditions=known)
        self.checked = [c for c in self.conditions if c.name not in known or self._can_compute(c.name)]
        self.ranking = read_ranking(model.domain, settings, self.checked)
        requested = [*(condition.name for condition in self.checked), *self.ranking.names]
        self.names = tuple(dict.fromkeys([*requested, *settings.include, *settings.predictors]))
        self.naming = name_columns(model.representation)
        self.values = with_annotations(self.names, settings.predictors)
        self.columns = ["item", *self.naming([]), *self.values]
        self.drawn = self.undecoded = self.malformed = self.repeated = self.rejected = self.failed = self.written = 0
        self.first_failure: str | None = None
        for name in self.names:  # a wrong one is an error before any work
            if name not in self.measures:
                self.book.resolve(name)
        if settings.noise_free:
            check_noise_free(model.domain, model.representation)
            check_unobserved(model.domain, self.names)
        self.scaffold = read_scaffold(model.domain, settings)
        self.keep = (*settings.keep, *([self.scaffold.pattern] if self.scaffold is not None else []))
        constraint_of(model.domain, self.keep, settings.forbid)  # a pattern's error comes before any work
        check_guidance(settings, self.conditions, known)
        self.draws = self._draws(few)

    def _draws(self, few: bool) -> Draws:
        """What is decoded; of a model that is steered, by what the goals say of its estimates on the way."""
        particles = particles_of(self.settings)
        if particles == 1:
            return Draws(self.model, self.settings, self.conditions, few)
        steerable(self.model)
        oracles = {name: self._oracle(name) for name in self.ranking.names}

        def merit(items: Sequence[Item]) -> list[float]:
            return [self.settings.strength * one for one in self.ranking.merits(items, oracles)]

        return Draws(self.model, self.settings, self.conditions, few, particles, merit)

    def _oracle(self, name: str) -> Oracle:
        """What measures this name, here and not in a worker."""
        measures = self.model.representation.measures
        if measures is None or name not in measures.names or name in self.settings.predictors:
            return self.book.resolve(name)
        return ArrayOracle(name, lambda items: measures.measure(items, [name])[:, 0])

    @property
    def observes(self) -> bool:
        """Whether items are written as an instrument sees them, where the model makes them as they are."""
        observation = self.model.representation.observation
        return not self.settings.noise_free and observation is not None and observation.instrument is not None

    @property
    def form(self) -> str:
        """Of the items: the domain's name, or that of the form that the model makes."""
        return self.model.domain.name

    @property
    def complete(self) -> Completer | None:
        """What gives items their structures, where a model is named for it."""
        name = self.settings.complete or self.model.config.get("complete")
        found = completer(self.model.config["domain"], name, self.settings.seed, self.settings, self.scaffold)
        if found is not None:
            set_drawing(found.model, self.settings, required=False)
        return found

    @property
    def name_suffixes(self) -> NameSuffixes | None:
        """How names in the domain's own files end."""
        return name_suffixes(self.model.representation)

    @property
    def notes(self) -> list[str]:
        """What a user may not expect."""
        free = [c.name for c in self.conditions if c.name not in self.model.space.properties]
        known = ", ".join(self.model.space.properties) or "nothing"
        unchecked = [c.name for c in self.conditions if c not in self.checked]
        return [
            *(f"the model isn't conditioned on '{name}' (but on {known}): it only filters" for name in free),
            *(
                f"{UNCHECKED.format(name)}; `predictors` {name}={shipped_for(self.form, name) or 'FOLDER'} "
                "filters by a prediction"
                for name in unchecked
            ),
            *self._beyond,
            *exempt_motifs(self.model.domain, self.model.reference, self.settings.forbid),
        ]

    @property
    def _beyond(self) -> list[str]:
        """Which conditions lie where the domain's data have nothing."""
        properties = self.model.domain.properties
        return [
            f"'{c.goal.text}' lies beyond the data's {one.low:g} to {one.high:g}: few draws or none may meet it, "
            "and those that do are extrapolated"
            for c in self.conditions
            if (one := properties.get(c.name)) and (c.requested_low > one.high or c.requested_high < one.low)
        ]

    def _can_compute(self, name: str) -> bool:
        observation = self.model.representation.observation
        if observation is not None and name in observation.hidden:
            return name in self.settings.predictors
        return name in (*self.settings.predictors, *self.model.domain.properties, *self.measures, *self.book.own)

    @property
    def measures(self) -> tuple[str, ...]:
        """What the model's representation measures itself."""
        measures = self.model.representation.measures
        return () if measures is None else measures.names

    def __iter__(self) -> Iterator[dict[str, list[Cell]]]:
        judged = map_chunks_killable(
            self._judge(), iter(self.draws), processes=worker_count(self.settings.threads), chunk=ROWS_PER_TASK
        )
        seen = FirstOccurrences()
        results = (
            self._with_own([found] * len(rows) if isinstance(found, Failure) else found) for _, rows, found in judged
        )
        for best in map(self._best, in_groups(results, self.settings.best_of)):
            chunk = self._take(best[: self.draws.wanted - self.drawn], seen)
            if chunk["item"]:
                yield chunk
            if self.written >= self.settings.n:
                return

    def _best(self, results: Sequence[Result]) -> Sequence[Result]:
        """Of the draws of each item the best of those that satisfy everything; the first one where none does."""
        count = self.settings.best_of
        if count == 1:
            return results
        best = []
        for start in range(0, len(results), count):
            group = results[start : start + count]
            good = [one for one in group if isinstance(one, Judged) and self._satisfies(one)]
            best.append(max(good, key=self._merit) if good else group[0])
        return best

    def _judge(self) -> Judge:
        text = json.dumps(self.model.representation.to_json())
        filters = ((), ()) if self.settings.raw else (self.keep, self.settings.forbid)
        recipe, strict = str(self.model.config["recipe"]), not self.settings.raw
        predictors = tuple(sorted(self.settings.predictors.items()))
        observe = self.settings.seed if self.observes else None
        return Judge(self.model.domain.name, recipe, text, self._judged_names, *filters, strict, predictors, observe)

    @property
    def _own(self) -> dict[str, Oracle]:
        """Oracles that need the model itself, which workers don't have."""
        elsewhere = (*self.measures, *self.settings.predictors)
        return {name: self.book.own[name] for name in self.names if name in self.book.own and name not in elsewhere}

    @property
    def _judged_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if name not in self._own)

    def _with_own(self, results: Sequence[Result]) -> Sequence[Result]:
        """The same with the values of the model's own oracles."""
        judged = [result for result in results if isinstance(result, Judged)]
        if not self._own or not judged:
            return results
        items = [self.model.domain.items.parse(result.text) for result in judged]
        own = {name: iter(oracle.score(items)) for name, oracle in self._own.items()}

        def whole(result: Judged) -> Judged:
            columns = with_annotations(self._judged_names, self.settings.predictors)
            known = dict(zip(columns, result.values, strict=True))
            scores = {name: next(scores) for name, scores in own.items()}
            known |= {name: float("nan") if score.value is None else score.value for name, score in scores.items()}
            return result._replace(values=[known[name] for name in self.values])

        return [whole(result) if isinstance(result, Judged) else result for result in results]

    def _take(self, results: Sequence[Result], seen: FirstOccurrences) -> dict[str, list[Cell]]:
        """The rows that are kept of these draws, and the counts."""
        chunk: dict[str, list[Cell]] = {name: [] for name in self.columns}
        fresh = self._fresh(results, seen)
        for index, result in enumerate(results):
            if self.written >= self.settings.n:
                break
            self.drawn += 1
            if not isinstance(result, Judged):
                self._count_lost(result)
                if self.settings.raw:
                    self._append(chunk, "", [float("nan")] * len(self.values))
            elif self.settings.raw or fresh.get(index, False):
                self._append(chunk, result.text, result.values)
            elif index in fresh:
                self.repeated += 1
            elif not result.well_formed:
                self.malformed += 1
            else:
                self.rejected += 1
        return chunk

    def _count_lost(self, result: Refusal | Failure) -> None:
        """A draw that is no item, or one that could not be judged."""
        if not isinstance(result, Failure):
            self.undecoded += 1
            return
        self.failed += 1
        self.first_failure = self.first_failure or result.reason

    def _fresh(self, results: Sequence[Result], seen: FirstOccurrences) -> dict[int, bool]:
        """Which draws satisfy everything that is asked, and whether each is new."""
        if self.settings.raw:
            return {}
        judged = {index: result for index, result in enumerate(results) if isinstance(result, Judged)}
        good = {index: result.key for index, result in judged.items() if self._satisfies(result)}
        first = seen.first_lines(hash_keys(list(good.values())), np.array(list(good), np.int64))
        return dict(zip(good, (first < 0).tolist(), strict=True))

    def _merit(self, result: Judged) -> float:
        return self.ranking.merit(dict(zip(self.values, result.values, strict=True)))

    def _satisfies(self, result: Judged) -> bool:
        known = dict(zip(self.values, result.values, strict=True))
        return result.well_formed and result.accepted and all(c.satisfied(known[c.name]) for c in self.checked)

    def _append(self, chunk: dict[str, list[Cell]], text: str, values: Sequence[Cell]) -> None:
        self.written += 1
        called = [names[0] for names in self.naming([text]).values()]
        for name, value in zip(self.columns, [text, *called, *values], strict=True):
            chunk[name].append(value)

    def summary(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in COUNTS}
        made_by = {"seed": self.settings.seed, "model": str(self.model.folder), "device": self.model.device}
        return {**counts, "first_failure": self.first_failure, **made_by}
