"""Training data: a prepared dataset, encoded by a representation that is fitted on it."""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.api.models import folder as models
from sciencegen.api.models.folder import encode_one
from sciencegen.api.models.identity import DATA, has_own_data, is_prepared
from sciencegen.api.science import Encode
from sciencegen.api.sources.preparation import prepare_source
from sciencegen.config import COMPUTE_CHUNK, PrepareSettings, TrainSettings
from sciencegen.data.prepared import REJECTS, ItemColumn, PackedArrays, PreparedDataset, pack
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import map_killable
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Encoded, Recipe, Representation
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.files import replace_folder
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise
from sciencegen.latent.space import LatentModel
from sciencegen.records import ledger
from sciencegen.runs import RunFolder

if TYPE_CHECKING:
    from sciencegen.batch import Batch
    from sciencegen.training import TrainingSettings


LARGEST_FIT = 50_000
"""Maximum number of items to fit a representation on; they are evenly spaced in a larger set."""
FEWEST_NUMBERS = 1000
"""Further items are taken if fewer have a number of a property, such as one that a few of many rows have; fewer of each
where there are many such properties."""

HELD_OUT = ("validation", "test")
NOT_ENCODED = "can't be encoded"


@dataclass(frozen=True)
class TrainingData:
    """Encoded training items with raw values [item property], and a few held-out items for checks.

    held_out: arrays and texts. rows: number of rows that were read. left_out: why, and how many of them aren't trained
    on. weights: [item] sampling weights; None means equal weights.
    """

    representation: Representation
    arrays: Sequence[Encoded]
    values: np.ndarray
    texts: Sequence[str]
    held_out: tuple[Sequence[Encoded], Sequence[str]]
    rows: int
    left_out: Mapping[str, int]
    weights: np.ndarray | None = None

    @property
    def counts(self) -> dict[str, Any]:
        """The numbers of items, and of rows that are no items or can't be encoded, and what became of all rows."""
        items, lost = len(self.arrays), self.left_out
        refused = lost[NOT_ENCODED] + lost.get("refused", 0)
        return {"items": items, "refused": refused, **ledger("rows", self.rows, {"trained on": items, **lost})}

    def batches(self, training: TrainingSettings) -> Callable[[int], Iterator[Batch]]:
        """A function from a step to the batches from that step on, determined by (seed, step) only."""
        from sciencegen.training import batch_order, weighted_order

        size, seed = training.batch_size, training.seed
        if self.weights is not None:
            drawn = partial(weighted_order, self.weights, size, seed)
            return lambda step: map(self._batch, drawn(step))
        sizes = (
            self.arrays.lengths
            if isinstance(self.arrays, PackedArrays)
            else np.array([len(one) for one in self.arrays])
        )
        lengths = sizes if len(np.unique(sizes)) > 1 else None

        ordered = partial(batch_order, len(self.arrays), size, seed, lengths=lengths)
        return lambda step: map(self._batch, ordered(step))

    def once(self) -> Iterator[Batch]:
        """Every item once, in order."""
        for start in range(0, len(self.arrays), COMPUTE_CHUNK):
            yield self._batch(range(start, min(start + COMPUTE_CHUNK, len(self.arrays))))

    def _batch(self, rows: Iterable[int]) -> Batch:
        return self.representation.batch([self.arrays[row] for row in rows], self.values[list(rows)])

    def sample_for_check(self, largest: int) -> tuple[Sequence[Encoded], Sequence[str], str]:
        arrays, texts = self.held_out
        if len(arrays):
            return arrays[:largest], texts[:largest], "held_out"
        return self.arrays[:largest], self.texts[:largest], "training"


@contextmanager
def open_prepared(
    domain: str, data: str | Path, chosen: PrepareSettings, run: RunFolder, going_on: bool, log: Callable[[str], None]
) -> Iterator[PreparedDataset]:
    """The prepared dataset at `data`, else the one in the folder of a resumed training, else a newly prepared one.

    A new one is moved into the training's folder at the end of the block, and deleted if the block fails.
    """
    if is_prepared(data) or (going_on and has_own_data(run)):
        prepared = read_prepared(data, run, chosen.limit)
        if not is_prepared(data):
            _note_left_out(prepared, run, log)
        yield prepared
        return
    if run.has(DATA) and not has_own_data(run):
        raise ConfigError(
            f"Expected no folder {run / DATA} but the training's own, found another. "
            "Pass it as `data` if it is the prepared dataset, or pass another `output`."
        )
    log(f"preparing {data}")
    work = run / ".preparing"
    shutil.rmtree(work, ignore_errors=True)  # left by a killed call
    try:
        prepared = prepare_source(domain, work, chosen, log=log)
        for note in (prepared.summary.get("context") or {}).get("notes", ()):
            log(f"note: {note}")
        _note_left_out(prepared, run, log)
        yield prepared
        replace_folder(work, run / DATA)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _note_left_out(prepared: PreparedDataset, run: RunFolder, log: Callable[[str], None]) -> None:
    """Say how many rows of the training's own dataset repeat others or are refused."""
    counts = prepared.summary["counts"]
    if counts["duplicates"]:
        log(f"note: {counts['duplicates']} of {counts['rows']} rows repeat an earlier item: they are left out")
    if counts["refused"]:
        log(f"note: {counts['refused']} rows are refused; {run / DATA / REJECTS} says which and why")


def read_prepared(data: str | Path, run: RunFolder, limit: int | None) -> PreparedDataset:
    """The prepared dataset at `data`, with `limit` rows of each split; else the one in the training's own folder, which
    was prepared with this limit."""
    return PreparedDataset.load(data, limit) if is_prepared(data) else PreparedDataset.load(run / DATA)


def read_training_data(
    prepared: PreparedDataset, domain: str, recipe: Recipe, representation: Representation, threads: int,
    log: Callable[[str], None], folder: Path | None = None,
) -> TrainingData:  # fmt: skip
    """Encode the training split and a few held-out items. Values have the order of the representation's properties.

    folder: where arrays lie that are too many for the memory.
    """
    texts, values = _training_split(prepared, representation.properties)
    log(f"encoding {len(texts)} items")
    kept, arrays, reason = _encode(domain, recipe, representation, texts, threads, folder)
    if not len(kept):
        raise DataError(
            f"Expected items that recipe '{recipe.name}' can encode in {prepared.path}, found none; the first: "
            f"{reason or 'there is no item'}."
        )
    if reason:
        log(f"note: {len(texts) - len(kept)} of {len(texts)} items can't be encoded; the first: {reason}")
    usable = prepared.summary["counts"]["usable"]
    left_out = {"held out": prepared.count() - len(texts), "over the limit": usable - prepared.count()}
    other = next((name for name in HELD_OUT if prepared.count(name)), None)
    checked = prepared.items(other)[:COMPUTE_CHUNK] if other else []
    good, checked_arrays, _ = _encode(domain, recipe, representation, checked, threads)
    return TrainingData(
        representation,
        arrays,
        values[kept],
        texts.at(kept),
        (checked_arrays, [checked[i] for i in good]),
        usable,
        {**left_out, NOT_ENCODED: len(texts) - len(kept)},
        _weights(prepared, recipe, kept),
    )


def condition_names(
    prepared: PreparedDataset, recipe: Recipe, start: models.LoadedModel | None, settings: TrainSettings
) -> tuple[str, ...]:
    """The conditions of a distilled teacher, or the requested ones. By default those of the start model or the recipe,
    and the user's own columns; none if the recipe has no conditions."""
    known = prepared.property_names
    requested = start.representation.properties if start and settings.distill else settings.conditions
    if requested is not None:
        return requested_conditions(requested, known)
    if recipe.conditions is None:
        return ()
    usual = start.representation.properties if start else recipe.conditions
    columns = [name for name in prepared.summary["columns"] if prepared.summary["columns"][name]["count"]]
    named = dict.fromkeys([*(name for name in usual if name in known), *columns])
    return tuple(name for name in named if name not in family_columns(recipe))


def requested_conditions(requested: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """The requested names. One that names a column of texts stands for its `column:text` columns; another one that is
    neither a property nor a column of the data is an error."""
    found: list[str] = []
    for name in requested:
        parts = [name] if name in known else [one for one in known if one.startswith(f"{name}:")]
        if not parts:
            raise unknown_name("condition (property or column of the data)", name, known)
        found += parts
    return tuple(found)


def fit_representation(
    prepared: PreparedDataset, recipe: Recipe, start: models.LoadedModel | None, conditions: Sequence[str]
) -> Representation:
    """Fit a representation on the training split, or adapt that of the start model.

    It is converted to JSON and back, as in a resumed run, so that both have the same rounding.
    """
    names = (*conditions, *(name for name in family_columns(recipe) if name in prepared.property_names))
    texts, values = _training_split(prepared, names)
    rows = rows_to_fit(values)
    if start is None:
        context = {} if recipe.family is None else {"context": prepared.summary.get("context")}
        fitted = recipe.fit(texts.take(rows), values[rows], names, **context)
    else:
        assert recipe.adaptation is not None  # checked by `make_plan`
        fitted = recipe.adaptation.adapt_representation(start.representation, texts.take(rows), values[rows], names)
    return recipe.load_representation(json.loads(json.dumps(fitted.to_json())))


def rows_to_fit(values: Float[np.ndarray, "row property"]) -> Int[np.ndarray, " row"]:
    """At most `LARGEST_FIT` evenly spaced rows, and as many further ones, or one for each property, with numbers of
    properties that these hardly have."""
    rows = evenly_spaced(len(values), LARGEST_FIT)
    if len(rows) == len(values):
        return rows
    few = [own for own in values.T if np.count_nonzero(~np.isnan(own[rows])) < FEWEST_NUMBERS]
    each = max(1, min(FEWEST_NUMBERS, LARGEST_FIT // max(1, len(few))))
    known = (np.flatnonzero(~np.isnan(own)) for own in few)
    return np.unique(np.concatenate([rows, *(own[evenly_spaced(len(own), each)] for own in known)]))


def family_columns(recipe: Recipe) -> tuple[str, ...]:
    """Numeric columns that are not conditions."""
    return () if recipe.family is None else recipe.family.columns


def _weights(prepared: PreparedDataset, recipe: Recipe, kept: np.ndarray) -> np.ndarray | None:
    """Sampling weights of these items; None means equal weights."""
    if recipe.family is None or not recipe.family.weight:
        return None
    _, values = _training_split(prepared, (recipe.family.weight,))
    return np.nan_to_num(values[kept, 0].astype(np.float64))


def _training_split(prepared: PreparedDataset, conditions: Sequence[str]) -> tuple[ItemColumn, np.ndarray]:
    split = "train" if "train" in prepared.splits else prepared.splits[0]
    return prepared.items(split), prepared.values(split, conditions)


def _encode(
    domain: str, recipe: Recipe, representation: Representation, texts: ItemColumn | Sequence[str], threads: int,
    folder: Path | None = None,
) -> tuple[np.ndarray, Sequence[Encoded], str]:  # fmt: skip
    """Rows that can be encoded, their arrays, and why the first of the others can't, or ""."""
    task = partial(encode_one, Encode(domain, recipe.name, json.dumps(representation.to_json())))
    found = map_killable(task, texts, processes=worker_count(threads)) if len(texts) else iter(())
    kept, reasons = array("q"), list[str]()

    def arrays() -> Iterator[Encoded]:
        for index, result in found:
            if isinstance(result, tuple):
                kept.append(index)
                yield result[1]
            elif not reasons:
                reasons.append(f"number {index + 1}, {result.reason}")

    packed = pack(arrays(), folder)
    return np.array(kept, np.int64), packed, "".join(reasons)


# Draws of a fine-tuned model beside the items that it was tuned on: how many are well formed, near them, and new.

DRAWS = 200
CHUNKS = 4
"""Number of compute chunks of draws, at most: a slow model, whose chunks are small, makes fewer than `DRAWS`."""
LARGEST = 2_000
"""Maximum number of items that draws are compared with; they are evenly spaced in a larger set."""
NEAR = 0.4
"""Least similarity to an item that counts as near."""
FEW = 0.5
"""Share of well-formed draws below which a note warns."""
FEW_NEAR = 0.2
"""Share of draws near an item below which a note advises more steps."""


@dataclass(frozen=True)
class TunedDraws:
    """Shares of draws without a condition: well_formed; near and new of those; their median similarity to an item."""

    well_formed: float
    near: float
    new: float
    similarity: float

    def metrics(self) -> dict[str, float]:
        """For `metrics.json`."""
        return {f"draws_{name}": value for name, value in asdict(self).items() if np.isfinite(value)}

    def sentences(self, more_steps: int, count: int = DRAWS) -> list[str]:
        """For the log. more_steps: the number of training steps to advise where few draws are near. count: of draws."""
        sentences = [f"of {count} draws without a condition {self.well_formed:.0%} are well formed"]
        if self.well_formed:
            sentences[0] += (
                f"; of these {self.near:.0%} are near your items (a similarity of {NEAR} or more to one of them; "
                f"median {self.similarity:.2f}) and {self.new:.0%} are new"
            )
        if self.well_formed < FEW:
            sentences.append("note: most draws are malformed. Train fewer steps, or start from a better trained model.")
        elif self.near < FEW_NEAR:
            sentences.append(
                f"note: few draws are near your items. More steps bring draws nearer, such as `training` "
                f"steps={more_steps}."
            )
        return sentences


def draws_near(model: LatentModel, data: TrainingData, science: Domain, seed: int, count: int = DRAWS) -> TunedDraws:
    """Make `count` draws of a fine-tuned model and compare with the items that it was tuned on."""
    from sciencegen.latent.explorer import LatentSpace

    representation = data.representation
    space = LatentSpace(model, representation, parse=science.items.parse, text=science.items.text)
    noise = latent_noise(seed, 0, space.size)[:count]
    batch = space.generate_batch(noise)
    items = representation.decode(batch)
    well_formed = np.array([not isinstance(item, Refusal) for item in items])
    if representation.canonical:
        well_formed &= representation.well_formed(batch, items)
    drawn = [item for item, good in zip(items, well_formed, strict=True) if good]
    if not drawn:
        return TunedDraws(0.0, np.nan, np.nan, np.nan)
    items_or_refusals = [science.items.parse(data.texts[row]) for row in evenly_spaced(len(data.texts), LARGEST)]
    training_items = [item for item in items_or_refusals if not isinstance(item, Refusal)]
    nearest, texts = science.similarity.nearest(drawn, training_items), set(data.texts)
    new = np.mean([science.items.text(item) not in texts for item in drawn])
    near = float(np.mean(nearest >= NEAR))
    return TunedDraws(float(well_formed.mean()), near, float(new), float(np.median(nearest)))
