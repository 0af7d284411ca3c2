"""Generate: draw from the (conditional) prior, decode, check, and keep new items, in constant memory."""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.api.criteria import Condition, requested_rows
from sciencegen.api.models.folder import LoadedModel, name_columns
from sciencegen.api.models.identity import data_of
from sciencegen.api.sampling.judge import (
    DISTANCE,
    Judge,
    Judged,
    QualityByDraws,
    in_groups,
    particles_of,
    quality_name,
    split_rows,
)
from sciencegen.api.sampling.request import (
    DrawRequest,
    Replace,
    Replacement,
    Result,
    held,
    no_diffusion,
    replacement_notes,
    resolve_draws,
    training_texts,
)
from sciencegen.config import COMPUTE_CHUNK, EvaluateSettings, GenerateSettings
from sciencegen.data.prepared import FirstOccurrences, hash_keys
from sciencegen.data.threads import FIRST_ROWS, map_threaded, worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.domains.capabilities import DescribesDraws, DrawsGiven, DrawTask
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, Refusal
from sciencegen.latent.geometry import latent_noise, uniform_targets
from sciencegen.progress import Report, silent
from sciencegen.records import ledger
from sciencegen.scoring.oracles import with_annotations

if TYPE_CHECKING:
    from torch import Tensor

    from sciencegen.batch import Batch
    from sciencegen.diffusion.steering import SteeredModel


ATTEMPTS, LEAST_DRAWS = 50, 1000
"""Draws without a limit of the user's: for each requested item, and in all, since few items can be rare by bad luck."""

Merit = Callable[[Sequence[Item]], Sequence[float]]
"""Items to their rewards in nats, NaN if unknown."""

Part = tuple[int, slice]
"""A compute chunk and rows in it, which are decoded together."""


@dataclass(frozen=True)
class Draws:
    """Decoded rows in the order of draws; each item has `settings.best_of` consecutive rows.

    Parameters
    ----------
    model : LoadedModel
    settings : GenerateSettings
    conditions : sequence of Condition
        The model gets those that it is conditioned on.
    few : bool
        Decode no more draws than requested, for slow models; the rounding may then depend on their number.
    particles : int
        Particles of each draw; more than 1 if the model is steered.
    merit : Merit, optional
        The reward for steering.
    task : DrawTask, optional
        Draws instead of the model.
    """

    model: LoadedModel
    settings: GenerateSettings
    conditions: Sequence[Condition]
    few: bool = False
    particles: int = 1
    merit: Merit | None = None
    task: DrawTask | None = None

    @property
    def wanted(self) -> int:
        """Maximum number of items to draw."""
        count, attempts = self.settings.n, self.settings.attempts
        if self.settings.raw:
            return count
        return max(count * ATTEMPTS, LEAST_DRAWS) if attempts is None else count * attempts

    def __iter__(self) -> Iterator[Mapping[str, np.ndarray]]:
        """Iterate over rows. Threads decode compute chunks in parallel; `batch_size` limits how many wait."""
        ahead = self.settings.further.batch_size // COMPUTE_CHUNK
        for batch in map_threaded(self._decode, self.parts(), self.model.threads, ahead, growing=True):
            yield from split_rows(batch)

    def again(self, parts: Sequence[Part]) -> Iterator[tuple[int, Mapping[str, np.ndarray]]]:
        """(number, row) of each row in some of the parts. Rows are decoded together with those of the first time, since
        rounding depends on how many are."""
        for part, batch in zip(parts, map_threaded(self._decode, parts, self.model.threads), strict=True):
            yield from enumerate(split_rows(batch), first_draw(part) * self.settings.best_of)

    def parts(self) -> Iterator[Part]:
        """(compute chunk, rows in it) for each batch. Only with `few` the last batch ends at the last wanted row."""
        together = self.settings.best_of * self.particles
        if not self.few and together == 1 and self.task is None:
            yield from self.model.space.parts(self.wanted)
            return
        alone = together == 1 and self.task is None
        most = COMPUTE_CHUNK if alone and self.model.device != "cpu" else self.model.recipe.cpu_rows
        size = max(1, most // together)
        for chunk in range(-(-self.wanted // COMPUTE_CHUNK)):
            wanted = min(COMPUTE_CHUNK, self.wanted - chunk * COMPUTE_CHUNK)
            for start in range(0, wanted, size):
                yield chunk, slice(start, min(start + size, wanted if self.few else COMPUTE_CHUNK))

    def _decode(self, part: Part) -> Batch:
        """Decode all draws of some items; the draws of an item are consecutive."""
        (chunk, rows), space, count = part, self.model.space, self.settings.best_of
        condition = self._condition(chunk)
        asked = None if condition is None else condition[rows].repeat(count, 0)
        noise = self.settings.further.noise_scale * np.stack(
            [
                latent_noise(self.settings.seed, chunk, space.size, again)[rows].copy()
                for again in range(count * self.particles)
            ],
            1,
        )
        if self.task is not None:
            return space.compute_batch(self.task.draw, noise.reshape(-1, space.size), asked)
        if self.merit is None:
            return space.generate_batch(noise.reshape(-1, space.size), asked)
        return steer(self.model, noise.reshape(-1, self.particles, space.size), asked, self.merit)

    def _condition(self, chunk: int) -> np.ndarray | None:
        """Standardized condition rows; each item's target is drawn from the requested range."""
        uniform = lambda columns: uniform_targets(self.settings.seed, chunk, columns)  # noqa: E731
        return requested_rows(self.conditions, self.model.representation, uniform)


def first_draw(part: Part) -> int:
    """The number of the first draw of a part."""
    chunk, rows = part
    return chunk * COMPUTE_CHUNK + int(rows.start)


def steer(
    model: LoadedModel, noise: Float[np.ndarray, "item particle latent"], condition: np.ndarray | None, merit: Merit
) -> Batch:
    """Draw one item from each row of particles, steered by the reward of intermediate estimates. On the CPU."""
    import torch

    from sciencegen.diffusion.steering import Steering

    count = noise.shape[1]

    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=model.device)

    def reward(decode: Callable[[Batch], list[Item | Refusal]], batch: Batch) -> Tensor:
        items = decode(batch.to("cpu"))
        worth = iter(merit([item for item in items if not isinstance(item, Refusal)]))
        return tensor(np.array([math.nan if isinstance(item, Refusal) else next(worth) for item in items]))

    final, underway = (
        partial(reward, one) for one in (model.representation.decode, model.representation.decode_estimates)
    )
    steering = Steering(final, count, estimate=underway)
    asked = None if condition is None else tensor(condition).repeat_interleave(count, 0)
    with torch.inference_mode():
        steered = steerable(model).steered(tensor(noise).flatten(0, 1), steering, asked)
    return steered.to("cpu")


def steerable(model: LoadedModel) -> SteeredModel:
    """The model as a `SteeredModel`; an error for a model that can't be steered."""
    from sciencegen.diffusion.steering import SteeredModel

    if not isinstance(model.model, SteeredModel):
        reason = str(no_diffusion(["steer"], model))
        raise ConfigError(f"{reason} With `best_of` the goals choose among finished draws of any model.")
    return model.model


# Rows of the draws that are kept, and the counts of the others.

COUNTS = ("written", "drawn", "undecoded", "malformed", "repeated", "rejected", "failed")
"""Counts of draws: written as rows, all draws, not decodable, not in canonical form, duplicates and items to vary, not
meeting the request, and not evaluated because of an error, a crash or a time-out. The summary also has `missed`: the
number of rejected draws that miss each condition; one may miss several."""

ROWS_PER_TASK = FIRST_ROWS
"""Most decoded rows that a worker evaluates at once: the first ones don't wait for more to be decoded."""


class Generation:
    """Rows in the order of draws, with the column `item`, one for each requested property, and the further columns of
    predictors; with building blocks also how each item is made. There are no rows where no draw of a part was kept.
    `kept` has the number of each row's draw, from 0.

    few: decode no more draws than requested, for slow models; the rounding may then depend on their number. With
    `settings.best_of`, a draw is the best of so many.
    """

    def __init__(self, request: DrawRequest, few: bool = False) -> None:
        self.request, self.model, self.settings = request, request.model, request.settings
        self.naming = name_columns(request.model.representation)
        self.values, self.columns = request.values, request.columns
        self.drawn = self.undecoded = self.malformed = self.repeated = self.rejected = self.failed = self.written = 0
        self.first_failure: str | None = None
        self.missed = Counter[str]()
        self.replaced: list[float] = []
        self.kept = array("Q")
        self.is_known, self.known = held(() if few else training_texts(self.model), self.model.domain), 0
        self.given = request.task.known if isinstance(request.task, DrawsGiven) else frozenset[str]()
        self.draws = self._draws(few)
        several = self.settings.best_of > 1
        self.quality = QualityByDraws(quality_name(request.ranking), self.settings.best_of) if several else None

    def _draws(self, few: bool) -> Draws:
        """The decoded rows; a steered model gets the merit of intermediate estimates by the goals."""
        request, particles = self.request, particles_of(self.settings)
        if particles == 1:
            return Draws(self.model, self.settings, request.conditions, few, task=request.task)
        steerable(self.model)
        oracles = {name: request.oracle(name) for name in request.ranking.names}

        def merit(items: Sequence[Item]) -> list[float]:
            return [self.settings.further.strength * one for one in request.ranking.merits(items, oracles)]

        return Draws(self.model, self.settings, request.conditions, few, particles, merit)

    def __iter__(self) -> Iterator[dict[str, list[Cell]]]:
        seen, results = FirstOccurrences(), self.judged(iter(self.draws))
        for best in self._makeable(map(self.best, in_groups(results, self.settings.best_of))):
            yield self._take(best[: self.draws.wanted - self.drawn], seen)
            if self.written >= self.settings.n:
                return

    @property
    def rows_per_task(self) -> int:
        """Rows that are evaluated together: of a slow model, no more than it makes at once."""
        return min(ROWS_PER_TASK, self.model.recipe.cpu_rows)

    def judged(self, rows: Iterable[Mapping[str, np.ndarray]]) -> Iterator[Sequence[Result]]:
        """The results of decoded rows, in order, `rows_per_task` at a time."""
        workers, size = worker_count(self.settings.threads), self.rows_per_task
        few = self.settings.n * self.settings.best_of <= size
        judged = map_chunks_killable(self._judge(), rows, processes=workers, chunk=size, first_alone=few)
        for _, members, found in judged:
            yield self._with_own([found] * len(members) if isinstance(found, Failure) else found)

    def best(self, results: Sequence[Result]) -> Sequence[Result]:
        """For each item, the best of its draws that meet the request; the first draw if none does."""
        count = self.settings.best_of
        if count == 1:
            return results
        best = []
        for start in range(0, len(results), count):
            group = results[start : start + count]
            good = [one if isinstance(one, Judged) and self._satisfies(one) else None for one in group]
            merits = [None if one is None else self._merit(one) for one in good]
            self._note_quality(good, merits)
            known = [(merit, -place) for place, merit in enumerate(merits) if merit is not None]
            best.append(group[-max(known)[1]] if known else group[0])
        return best

    def _note_quality(self, good: Sequence[Judged | None], merits: Sequence[float | None]) -> None:
        """Count what fewer draws would have given."""
        if self.quality is None:
            return
        if self.quality.name == DISTANCE:
            self.quality.add(merits, [math.nan if merit is None else -merit for merit in merits])
            return
        place = self.values.index(self.quality.name)
        self.quality.add(merits, [math.nan if one is None else float(one.values[place]) for one in good])

    def _makeable(self, results: Iterator[Sequence[Result]]) -> Iterator[Sequence[Result]]:
        """The results, with draws replaced by items that can be made from the building blocks, if there are any."""
        blocks = self.request.blocks
        if blocks is None:
            return results
        task = Replace(self.model.domain.name, blocks.find, self._judge())
        replace = Replacement(task, self.settings.threads, self._satisfies, self._with_own)
        return replace(chain.from_iterable(results))

    def _judge(self) -> Judge:
        text = json.dumps(self.model.representation.to_json())
        settings = self.settings
        filters = ((), (), False) if settings.raw else (self.request.keep, settings.forbid, settings.plausible)
        recipe, strict = str(self.model.config["recipe"]), not self.settings.raw
        predictors = tuple(sorted(self.settings.predictors.items()))
        observe = self.settings.seed if self.request.observes else None
        return Judge(self.model.domain.name, recipe, text, self._judged_names, *filters, strict, predictors, observe)

    @property
    def _judged_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.request.names if name not in self.request.own)

    def _with_own(self, results: Sequence[Result]) -> Sequence[Result]:
        """Add the values of the model's own oracles to the results."""
        judged = [result for result in results if isinstance(result, Judged)]
        oracles = self.request.own
        if not oracles or not judged:
            return results
        items = [self.model.domain.items.parse(result.text) for result in judged]
        own = {name: iter(oracle.score(items)) for name, oracle in oracles.items()}

        def whole(result: Judged) -> Judged:
            columns = with_annotations(self._judged_names, self.settings.predictors)
            known = dict(zip(columns, result.values, strict=True))
            scores = {name: next(scores) for name, scores in own.items()}
            known |= {name: float("nan") if score.value is None else score.value for name, score in scores.items()}
            return result._replace(values=[known[name] for name in self.values])

        return [whole(result) if isinstance(result, Judged) else result for result in results]

    def _take(self, results: Sequence[Result], seen: FirstOccurrences) -> dict[str, list[Cell]]:
        """The rows to keep of these draws; the counts are updated."""
        chunk: dict[str, list[Cell]] = {name: [] for name in self.columns}
        fresh = self._fresh(results, seen)
        for index, result in enumerate(results):
            if self.written >= self.settings.n:
                break
            self.drawn += 1
            if not isinstance(result, Judged):
                self._count_lost(result)
                if self.settings.raw:
                    self._append(chunk, "", self.no_values)
            elif self.settings.raw or fresh.get(index, False):
                self._append(chunk, result.text, [*result.values, *result.how])
                self.replaced += [] if not result.how or result.how[-2] == result.text else [float(result.how[-1])]
            elif index in fresh or result.key in self.given:
                self.repeated += 1
            elif not result.well_formed:
                self.malformed += 1
            else:
                self._count_rejected(result)
        return chunk

    def _count_rejected(self, result: Judged) -> None:
        """Count a draw that misses the request, and each condition that it misses."""
        self.rejected += 1
        self.missed.update(condition.goal.text for condition in self._missed(result))
        if not result.accepted:
            self.missed[self._filters] += 1

    @property
    def _filters(self) -> str:
        """What rejects draws beside conditions."""
        settings, blocks = self.settings, self.request.blocks
        given = {
            "patterns": self.request.keep or settings.forbid,
            "plausibility": settings.plausible,
            "building blocks": blocks is not None,
        }
        return " or ".join(name for name, used in given.items() if used)

    @property
    def no_values(self) -> list[Cell]:
        """The values of a draw that is no item."""
        return [float("nan")] * len(self.values)

    def _count_lost(self, result: Refusal | Failure) -> None:
        """Count a draw that is no item or could not be evaluated."""
        if not isinstance(result, Failure):
            self.undecoded += 1
            return
        self.failed += 1
        self.first_failure = self.first_failure or result.reason

    def _fresh(self, results: Sequence[Result], seen: FirstOccurrences) -> dict[int, bool]:
        """Index of each draw that meets the request -> whether it is new."""
        if self.settings.raw:
            return {}
        judged = {index: result for index, result in enumerate(results) if isinstance(result, Judged)}
        good = {index: result.key for index, result in judged.items() if self._satisfies(result)}
        if self.model.domain.items.repeats:
            return dict.fromkeys(good, True)
        first = seen.first_lines(hash_keys(list(good.values())), np.array(list(good), np.int64))
        return dict(zip(good, (first < 0).tolist(), strict=True))

    def _merit(self, result: Judged) -> float:
        return self.request.ranking.merit(dict(zip(self.values, result.values, strict=True)))

    def _satisfies(self, result: Judged) -> bool:
        if not result.well_formed or not result.accepted or result.key in self.given:
            return False
        return not self._missed(result)

    def _missed(self, result: Judged) -> list[Condition]:
        """The conditions that a draw doesn't meet."""
        known = dict(zip(self.values, result.values, strict=True))
        missed = [one for one in self.request.checked if not one.satisfied(known[one.name])]
        least = self.model.representation.least
        bounded = [one for one in self.request.conditions if one.name in least and one not in missed]
        item = self.model.domain.items.parse(result.text) if bounded else None
        return missed + [one for one in bounded if least[one.name](item) > one.goal.high]

    def _append(self, chunk: dict[str, list[Cell]], text: str, values: Sequence[Cell]) -> None:
        self.written += 1
        self.kept.append(self.drawn - 1)
        self.known += self.is_known(text)
        for name, value in self.cells(text, values).items():
            chunk[name].append(value)

    def cells(self, text: str, values: Sequence[Cell]) -> dict[str, Cell]:
        """A row, by column."""
        called = [names[0] for names in self.naming([text]).values()]
        readable = self.model.domain.items.readable
        item = self.model.domain.items.parse(text) if readable else None
        told = [None if isinstance(item, Refusal) else cell(item) for cell in readable.values()]
        return dict(zip(self.columns, [text, *told, *called, *values, *self._described(text)], strict=True))

    def _described(self, text: str) -> Sequence[Cell]:
        """The cells of a task about a draw, empty for one that is no item."""
        task = self.request.task
        if not isinstance(task, DescribesDraws):
            return ()
        item = self.model.domain.items.parse(text)
        return [""] * len(task.columns) if isinstance(item, Refusal) else task.cells(item)

    @property
    def notes(self) -> list[str]:
        """Notes on the written rows, known after the last one."""
        replaced = replacement_notes(self.replaced, self.written)
        if not self.known:
            return replaced
        data = data_of(self.model.folder) or self.model.folder.name
        return [f"{self.known} of {self.written} items are training items of the model ({data})", *replaced]

    def summary(self) -> dict[str, Any]:
        counts = {"requested": self.settings.n, **{name: getattr(self, name) for name in COUNTS}}
        made_by = {"seed": self.settings.seed, "model": str(self.model.folder), "device": self.model.device}
        if self.request.blocks is not None:
            counts["replaced"] = len(self.replaced)
        missed = dict(self.missed.most_common())
        by_draws = {} if self.quality is None else {"quality_by_draws": self.quality.to_json()}
        # raw draws are all written, also those that are no item
        kept = ("written",) if self.settings.raw else [name for name in COUNTS if name != "drawn"]
        book = ledger("draws", self.drawn, {name: counts[name] for name in kept})
        return {**counts, "missed": missed, "first_failure": self.first_failure, **made_by, **by_draws, **book}


# Calibration of conditions: properties of unfiltered draws at each requested value.


def calibrate(
    model: LoadedModel, settings: EvaluateSettings, report: Report = silent
) -> dict[str, list[dict[str, float]]]:
    """Property -> for each requested value: mean, central 80 % interval, mean absolute error, and the share within the
    tolerance if the domain has one."""
    return {
        name: [calibrate_one(model, name, value, settings, report) for value in values]
        for name, values in settings.calibrate.items()
    }


def check_measured(name: str, measured: Collection[str]) -> None:
    """Raise an error for a property that neither the domain nor the model nor a predictor can measure."""
    if name not in measured:
        raise ConfigError(
            f"Expected a property or a predictor that measures '{name}' of draws, found none. "
            f"Pass `predictors` {name}=FOLDER."
        )


def calibrate_one(
    model: LoadedModel, name: str, value: float, settings: EvaluateSettings, report: Report = silent
) -> dict[str, float]:
    """Statistics of raw draws for a requested `value`; `got`, their mean, is NaN if no draw is finite."""
    requested = GenerateSettings(
        n=settings.draws, raw=True, where=(f"{name} = {value:.12g}",), seed=settings.seed, threads=settings.threads,
        predictors=settings.predictors,
    )  # fmt: skip
    request = resolve_draws(model, requested)
    check_measured(name, request.names)
    cells, what = list[Cell](), f"draws with {name} = {value:.6g}"
    report(what, 0, settings.draws)
    for chunk in Generation(request, few=True):
        cells += chunk[name]
        report(what, len(cells), settings.draws)
    found = np.array(cells, float)
    got = found[np.isfinite(found)]
    if not len(got):
        return {"asked": value, "draws": len(found), "got": float("nan")}
    low, high = np.quantile(got, [0.1, 0.9])
    known = model.domain.properties.get(name)
    hits = {} if known is None else {"hit_rate": float((np.abs(got - value) <= known.tolerance).mean())}
    return {
        "asked": value,
        "draws": len(found),
        "got": float(got.mean()),
        "lower": float(low),
        "upper": float(high),
        "mean_absolute_error": float(np.abs(got - value).mean()),
        **hits,
    }


# Rows of an earlier generation, drawn again from their numbers without those before them.


def redraw(request: DrawRequest, draws: Sequence[int]) -> Iterator[dict[str, Cell]]:
    """The row of each of these draws, by column; that of a draw that is no item has the text "".

    Rows are decoded and evaluated together with those of the first time, on which rounding depends: a whole part of
    `Draws.parts`, and a whole task of `Generation.rows_per_task`. The parts are a compute chunk at most, so that a row
    takes as long wherever it stands.

    Parameters
    ----------
    request : DrawRequest
        That of the first time, without building blocks, whose choice depends on the rows before.
    draws : sequence of int
        Their numbers, from 0, in increasing order (`Generation.kept`).
    """
    generation = Generation(request)
    together = Together(np.asarray(draws, np.int64), generation.rows_per_task, request.settings.best_of)
    parts = [part for part in takewhile(together.begins_before_end, generation.draws.parts()) if together.needs(part)]
    numbers: deque[int] = deque()

    def rows() -> Iterator[Mapping[str, np.ndarray]]:
        for number, row in generation.draws.again(parts):
            if together.has(number):
                numbers.append(number)
                yield row

    group: list[Result] = []
    for result in chain.from_iterable(generation.judged(rows())):
        if together.drawn(numbers.popleft()):
            group.append(result)
        if len(group) == together.count:
            yield _row(generation, *generation.best(group))
            group = []


def _row(generation: Generation, result: Result) -> dict[str, Cell]:
    if isinstance(result, Judged):
        return generation.cells(result.text, [*result.values, *result.how])
    return generation.cells("", generation.no_values)


@dataclass(frozen=True)
class Together:
    """What has to be computed for some draws.

    draws: their numbers, increasing. size: rows of a task. count: rows of a draw.
    """

    draws: Int[np.ndarray, " draw"]
    size: int
    count: int

    def begins_before_end(self, part: Part) -> bool:
        """Whether a part begins before the end of the last task that is needed."""
        last_row = (int(self.draws[-1]) + 1) * self.count - 1 if len(self.draws) else -1
        return first_draw(part) * self.count < (last_row // self.size + 1) * self.size

    def needs(self, part: Part) -> bool:
        """Whether a part has rows of a task that is needed."""
        first = first_draw(part)
        rows = first * self.count, (first + part[1].stop - part[1].start) * self.count - 1
        return self._any(rows[0] // self.size, rows[1] // self.size)

    def has(self, row: int) -> bool:
        """Whether a row belongs to a task that is needed."""
        return self._any(row // self.size, row // self.size)

    def drawn(self, row: int) -> bool:
        """Whether a row is one of the draws."""
        place = int(np.searchsorted(self.draws, row // self.count))
        return place < len(self.draws) and int(self.draws[place]) == row // self.count

    def _any(self, first_task: int, last_task: int) -> bool:
        """Whether any of the draws has a row in these tasks."""
        first = first_task * self.size // self.count
        last = ((last_task + 1) * self.size - 1) // self.count
        return bool(np.searchsorted(self.draws, first) < np.searchsorted(self.draws, last, "right"))
