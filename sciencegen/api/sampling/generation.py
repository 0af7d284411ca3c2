"""Generate: draw from the (conditional) prior, decode, check, keep what is new. Memory stays flat however many."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.api.criteria.conditions import parse_conditions
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.models.completion import Completer, completer
from sciencegen.api.models.folder import LoadedModel, name_columns, name_suffixes
from sciencegen.api.predictors.folder import shipped_for
from sciencegen.api.sampling.checks import check_noise_free, check_unobserved, read_scaffold
from sciencegen.api.sampling.judge import Judge, Judged, split_rows
from sciencegen.api.science.naming import NameSuffixes, constraint_of, exempt_motifs
from sciencegen.config import COMPUTE_CHUNK, GenerateSettings
from sciencegen.data.deduplication import FirstOccurrences, hash_keys
from sciencegen.data.threads import map_threaded, worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.items import Cell, Refusal
from sciencegen.latent.noise import latent_noise, uniform_targets
from sciencegen.scoring.oracles import Oracle, with_annotations

if TYPE_CHECKING:  # torch takes seconds to import
    from sciencegen.batch import Batch

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

    few: decode no more draws than are wanted, for slow models: what a draw is may then round by their number.
    """

    def __init__(self, model: LoadedModel, settings: GenerateSettings, few: bool = False) -> None:
        self.model, self.settings, self.few = model, settings, few
        self.conditions = parse_conditions(settings.where, model.domain, model.representation)
        known = model.space.properties
        self.book = OracleBook(model.domain.name, settings.predictors, own=model.oracles, conditions=known)
        self.checked = [c for c in self.conditions if c.name not in known or self._can_compute(c.name)]
        requested = [condition.name for condition in self.checked]
        names = dict.fromkeys([*requested, *settings.include, *settings.predictors])
        self.names = tuple(names)
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
        return completer(self.model.config["domain"], name, self.settings.seed, self.settings, self.scaffold)

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
            self._judge(), self._rows(), processes=worker_count(self.settings.threads), chunk=ROWS_PER_TASK
        )
        seen = FirstOccurrences()
        for _, rows, results in judged:
            found = self._with_own([results] * len(rows) if isinstance(results, Failure) else results)
            chunk = self._take(found[: self._wanted_draws - self.drawn], seen)
            if chunk["item"]:
                yield chunk
            if self.written >= self.settings.n:
                return

    @property
    def _wanted_draws(self) -> int:
        return self.settings.n if self.settings.raw else self.settings.n * self.settings.attempts

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

    def _rows(self) -> Iterator[Mapping[str, np.ndarray]]:
        """Decoded rows; threads say how many compute chunks are worked on at once, `batch_size` how many may wait."""
        ahead = self.settings.batch_size // COMPUTE_CHUNK
        for batch in map_threaded(self._decode, self._parts(), self.model.threads, ahead):
            yield from split_rows(batch)

    def _parts(self) -> Iterator[tuple[int, slice]]:
        """Compute chunks and rows of them."""
        wanted = self._wanted_draws
        if not self.few:
            return self.model.space.parts(wanted)
        chunks = range(-(-wanted // COMPUTE_CHUNK))
        return ((chunk, slice(min(wanted - chunk * COMPUTE_CHUNK, COMPUTE_CHUNK))) for chunk in chunks)

    def _decode(self, part: tuple[int, slice]) -> Batch:
        (chunk, rows), space, seed = part, self.model.space, self.settings.seed
        condition = self._condition(chunk)
        noise = self.settings.noise_scale * latent_noise(seed, chunk, space.size)
        return space.generate_batch(noise[rows], None if condition is None else condition[rows])

    def _condition(self, chunk: int) -> np.ndarray | None:
        """Standardized rows; each item's target is drawn in its asked-for range."""
        representation = self.model.representation
        used = [c for c in self.conditions if c.name in representation.properties]
        if not used:
            return None
        uniform = uniform_targets(self.settings.seed, chunk, len(used))
        targets = np.stack([c.target(uniform[:, column]) for column, c in enumerate(used)], 1)
        names = [condition.name for condition in used]
        rows = [representation.condition(dict(zip(names, row, strict=True))) for row in targets.tolist()]
        return np.stack(rows).astype(np.float32)

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
