"""The files of a run's folder, from which `sections` makes a page, and the warnings that follow from them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.criteria import parse_conditions, read_goals
from sciencegen.api.models.folder import CONFIG, METRICS, LoadedModel, encode_rows, load_model
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.sampling.request import UNCHECKED
from sciencegen.api.science import domain_of, letters_of, name_of_results
from sciencegen.api.writing.output_record import read_record, record_path
from sciencegen.config import Resources, RunSettings
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities.design import ReferenceLike
from sciencegen.errors import DataError
from sciencegen.items import Item, Refusal, Row
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import score_safely
from sciencegen.progress import FOLDER, NOTE

CANDIDATES, SAMPLES, SEARCH = "candidates.parquet", "samples.parquet", "search"

LATENT_POINTS = 1000


@dataclass(frozen=True)
class RunContents:
    """The files in a workflow's folder; all except the candidates may be missing."""

    folder: Path
    settings: RunSettings

    @property
    def domain(self) -> Domain:
        """The domain of the items in the tables, or their form."""
        return domain_of(name_of_results(self.settings.domain, self.settings.prepare.form))

    @cached_property
    def candidates(self) -> dict[str, list[Any]]:
        path = self.folder / CANDIDATES
        if not path.is_file():
            raise DataError(f"Expected {CANDIDATES} in {self.folder}, found none: it is no finished run.")
        return self._table(path)

    @cached_property
    def samples(self) -> dict[str, list[Any]]:
        path = self.folder / SAMPLES
        return self._table(path) if path.is_file() else {}

    @cached_property
    def quality_by_draws(self) -> dict[str, Any]:
        """The quality of samples by the number of draws, from their record; {} without `best_of`."""
        path = self.folder / SAMPLES
        return read_record(path).quality_by_draws if record_path(path).is_file() else {}

    @cached_property
    def scored(self) -> dict[str, list[Any]]:
        path = self.folder / SEARCH / "scored.parquet"
        return _read_parquet(path) if path.is_file() else {}

    @cached_property
    def trace(self) -> dict[str, list[Any]]:
        return self._csv(f"{SEARCH}/trace.csv")

    @cached_property
    def summary(self) -> dict[str, Any]:
        return self._json(f"{SEARCH}/summary.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return self._json(METRICS)

    @cached_property
    def model_metrics(self) -> dict[str, Any]:
        return self._json(f"model/{METRICS}")

    @cached_property
    def training(self) -> PreparedDataset | None:
        folder = self.folder / "data"
        return PreparedDataset.load(folder) if (folder / SUMMARY).is_file() else None

    @cached_property
    def model(self) -> LoadedModel | None:
        folder = self.folder / "model"
        return load_model(self.settings.domain, folder, "cpu") if (folder / CONFIG).is_file() else None

    @cached_property
    def steps(self) -> list[dict[str, Any]]:
        """What each step of the workflow noted, in order of time: notes, ledgers, and the output they are of."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in _by_time(self.folder / FOLDER, "*.json")]

    @cached_property
    def variants(self) -> dict[str, list[Any]]:
        """Single mutations with their scores, in domains with named variants."""
        return self._csv("variants.csv")

    @cached_property
    def plate(self) -> dict[str, list[Any]]:
        """The next plate to measure."""
        return self._csv("plate.csv")

    @cached_property
    def frame(self) -> ReferenceLike | None:
        """The reference that items are aligned with, from the context of the training data or from the model; None if
        there is none."""
        if letters_of(self.domain) is None:
            return None
        context = (self.training.summary.get("context") if self.training else None) or {}
        if "reference" not in context and self.model is not None:
            context = self.model.representation.to_json()
        return context if "reference" in context else None

    @cached_property
    def goals(self) -> list[Goal]:
        """Of the search, with its conditions that were checked."""
        chosen, representation = self.settings.optimize, None if self.model is None else self.model.representation
        conditions = [one.goal for one in parse_conditions(chosen.where, self.domain, representation)]
        checked = [one for one in conditions if one.name in self.candidates]
        measures = None if representation is None else representation.measures
        return read_goals(self.domain, chosen.goals, measures, checked)

    @cached_property
    def items(self) -> list[Item]:
        """The shown candidates, parsed."""
        items = [self.domain.items.parse(text) for text in self.candidates["item"][: self.settings.report.candidates]]
        if lost := next((item for item in items if isinstance(item, Refusal)), None):
            raise DataError(f"Expected the items of {CANDIDATES} in {self.folder}, one can't be read: {lost.reason}.")
        return items

    @property
    def latent_rows(self) -> np.ndarray:
        """Rows of the training split whose latents are shown."""
        return self.training_sample(LATENT_POINTS)

    def training_sample(self, largest: int) -> np.ndarray:
        """Evenly spaced rows of the training split."""
        count = self.training.count(self.training.splits[0]) if self.training else 0
        return evenly_spaced(count, largest)

    @cached_property
    def training_latents(self) -> np.ndarray:
        """[item latent] of `latent_rows`, NaN for items that can't be encoded."""
        assert self.training is not None
        return latents_of(self, self.training.items(self.training.splits[0]).take(self.latent_rows))

    def _table(self, path: Path) -> dict[str, list[Any]]:
        """Read a table. File references in it may be relative to the table, not only to the working folder."""
        table = _read_parquet(path)
        if self.domain.cells is not None and "item" not in table:  # the columns are the items
            return {"item": [row.text for row in self.domain.items.read(path, None)], **table}
        if "item" not in table:
            raise _unusable(path, f"no column item among {', '.join(table) or 'none'}")
        if self.domain.sidecar is not None:
            table["item"] = [row.text for row in self.domain.items.read(path, None)]
        return table

    def _csv(self, name: str) -> dict[str, list[Any]]:
        import pandas as pd

        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            return pd.read_csv(path).to_dict("list")  # type: ignore[return-value]
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise _unusable(path, error) from error

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise _unusable(path, error) from error
        if not isinstance(found, dict):
            raise _unusable(path, f"{type(found).__name__} in the place of a mapping")
        return found


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, problem: object) -> DataError:
    found = str(problem).strip().partition("\n")[0][:300]
    return DataError(
        f"Expected {path} as a step of the run wrote it, found it changed or damaged: {found}. Delete it, and repeat "
        "the step by `sciencegen run`."
    )


def latents_of(run: RunContents, texts: list[str]) -> np.ndarray:
    """[item latent], a row of NaN for items that can't be encoded."""
    assert run.model is not None
    rows = [Row(line, text) for line, text in enumerate(texts, start=1)]
    encoded = encode_rows(run.model, rows, Resources(threads=run.settings.threads))
    latents = np.full((len(rows), run.model.space.size), np.nan)
    latents[encoded.index] = encoded.latent
    return latents


# Warnings: unmet requests, and notes of the workflow's steps.

JUDGED = 500
"""Number of generated items that a predictor evaluates."""

MISSED, ASTRAY = 0.1, 0.25
"""Tolerated errors of the draws' mean, and of draws on average, as shares of the range of requested values, for
properties without a tolerance."""


def warnings(run: RunContents) -> list[str]:
    """Sentences: too few candidates, unknown novelty, failures, missed conditions, and what the steps noted."""
    made = []
    if len(run.candidates["item"]) < run.settings.optimize.n:
        made.append(
            "Fewer candidates than requested: a goal is too strict for the budget, or candidates are too similar."
        )
    novel = run.candidates["novel"]
    if novel and all(value is None for value in novel):
        made.append("No training data was known to the search, so novelty is unknown.")
    if run.summary.get("failed"):
        made.append(f"{run.summary['failed']} items could not be scored; they are listed beside the candidates.")
    noted = [note for one in run.summary.get("notes", ()) if (note := str(one).strip().rstrip("."))]
    made += [_sentence(note) for note in noted]
    made += [*lost_to_controls(run), *missed_conditions(run)]
    judged = judged_by_predictors(run)
    made += judged.values()
    unchecked = tuple(UNCHECKED.format(name) for name in judged)
    logged = [(step, note) for step, note in notes_of_steps(run) if note not in noted]
    made += [_sentence(note, step) for step, note in logged if not note.startswith(unchecked)]
    if run.settings.optimize.predictors:
        made.append("Predicted properties are estimates: trust them inside the predictor's domain only, and measure.")
    return made


def _sentence(note: str, step: str = "") -> str:
    return f"{step.capitalize()}: {note}." if step else f"{note[0].upper()}{note[1:]}."


def notes_of_steps(run: RunContents) -> list[tuple[str, str]]:
    """(step, note) of all steps in order of time, each note once."""
    found: dict[str, str] = {}
    for kept in run.steps:
        for note in kept["notes"]:
            found.setdefault(note.strip().rstrip("."), kept["step"])
    return [(step, note) for note, step in found.items()] or _notes_of_logs(run)


def _notes_of_logs(run: RunContents) -> list[tuple[str, str]]:
    """Notes of a run by version 0.1, which wrote them to logs only. To be removed in version 0.4."""
    found: dict[str, str] = {}
    for path in _by_time(run.folder / "logs", "*.log"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(NOTE) and line[len(NOTE) :].strip():
                note = _with_setting_names(line[len(NOTE) :].strip().rstrip("."))
                found.setdefault(note, path.stem)
    return [(step, note) for note, step in found.items()]


def _by_time(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda path: (path.stat().st_mtime, path.name))


def lost_to_controls(run: RunContents) -> list[str]:
    """Warnings about controls that found better items than the search at the same budget."""
    methods = {name: figures for name, figures in run.summary.get("controls", {}).items() if isinstance(figures, dict)}
    own = methods.get(run.summary.get("method"), {})
    made = []
    for name, figures in methods.items():
        better = [key for key in figures if key.startswith("top_") and _above(figures[key], own.get(key))]
        if better and name != run.summary["method"]:
            means = ", ".join(f"{figures[key]:.4g} against {own[key]:.4g} ({_of_best(key)})" for key in better)
            rest = [key for key in figures if key.startswith("top_") and _above(own.get(key), figures[key])]
            but = "".join(f"; {_of_best(key)} are the search's: {own[key]:.4g}, {figures[key]:.4g}" for key in rest)
            made.append(
                f"The control {name} beat the search ({run.summary['method']}) at the same budget: {means}{but}. "
                f"Compared are means over the best items that each found{_within(run)}{_measure(run)}."
                f"{_taken(run, name)}"
            )
    return made


def _taken(run: RunContents, control: str) -> str:
    """How many of the candidates are a control's, "" for a run of version 0.2, whose candidates were the search's."""
    counts = run.summary.get("found_by", {})
    return f" Candidates are the best of both: {counts[control]} are this control's." if control in counts else ""


def _within(run: RunContents) -> str:
    share = run.summary.get("variety", {}).get("maximum_share")
    return "" if share is None else f" with at most {100 * share:g}% of one class"


def judged_by_predictors(run: RunContents) -> dict[str, str]:
    """Name -> a sentence on how many generated items meet a condition, for conditions that only a predictor of this run
    can check."""
    if run.model is None or not run.samples:
        return {}
    conditions = parse_conditions(run.settings.generate.where, run.domain, run.model.representation)
    found = {}
    for condition in conditions:
        folder = run.folder / "predictors" / condition.name
        if condition.name not in run.samples and (folder / CONFIG).is_file():
            found[condition.name] = _judged(run, condition.goal, folder)
    return {name: words for name, words in found.items() if words}


def _judged(run: RunContents, goal: Goal, folder: Path) -> str:
    """A sentence, "" if the predictor can evaluate no item, such as molecules without structures."""
    texts = run.samples["item"]
    read = [run.domain.items.parse(texts[row]) for row in evenly_spaced(len(texts), JUDGED)]
    items = [item for item in read if not isinstance(item, Refusal)]
    scored = score_safely(load_predictor(run.settings.domain, folder).oracle(goal.name), items)
    scores = [one for one in scored if not one.failed]
    if not scores:
        return ""
    met, surely = (sum(goal.violation_of(one, cautious) == 0 for one in scores) for cautious in (False, True))
    return (
        f"Of {len(scores)} generated items, requested with '{goal.text}', {met} meet it by the predictor {goal.name}, "
        f"{surely} with their whole interval: predictions, which only a measurement can confirm."
    )


def _above(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one > other


def _of_best(key: str) -> str:
    return f"the {key.removeprefix('top_')} best".replace("the 10 best", "the ten best")


def missed_conditions(run: RunContents) -> list[str]:
    """Warnings about requested values that raw draws don't meet."""
    made, predicted = [], {*run.settings.predict, *run.settings.evaluate.predictors}
    for name, rows in run.metrics.get("conditions", {}).items():
        rows = [row for row in rows if "lower" in row]
        prop = run.domain.properties.get(name)
        spread = float(np.ptp([row["asked"] for row in rows])) if rows else 0.0
        near, far = (prop.tolerance, 2 * prop.tolerance) if prop else (MISSED * spread, ASTRAY * spread)
        missed = [text for row in rows if (text := _missed(row, near, far))] if near > 0 else []
        if missed:
            by = f" (by the predictor {name})" if name in predicted else ""
            made.append(f"Draws don't meet requested values of {name}{by}: {'; '.join(missed)}.")
    return made


def _missed(row: dict[str, Any], near: float, far: float) -> str:
    parts = []
    if abs(row["got"] - row["asked"]) > near:
        parts.append(f"their mean is {row['got']:.3g}")
    if row.get("mean_absolute_error", 0.0) > far:
        parts.append(f"they are off by {row['mean_absolute_error']:.3g} on average")
    return f"for {row['asked']:g}, {' and '.join(parts)}" if parts else ""


def progress_name(run: RunContents) -> str:
    """Label of the search's plot: the mean of the ten best; without objectives the number of feasible items."""
    if not any(goal.is_objective for goal in run.goals):
        return "items that meet the constraints"
    return f"mean of the ten best{_measure(run, explained=False)}"


def _measure(run: RunContents, explained: bool = True) -> str:
    """A phrase that names the score by which the search ranks. explained: with what a bound is."""
    objectives = [goal for goal in run.goals if goal.is_objective]
    if len(objectives) != 1:
        return ", all objectives added up" if objectives else ""
    (goal,) = objectives
    end = "upper" if goal.direction == "minimize" else "lower"
    column = f"{goal.name}_{end}"
    cautious = run.settings.optimize.further.lower_bounds and column in run.candidates
    bound = " (the interval's worse end)" if explained else ""
    of = f", by {column}{bound}" if cautious else f", by {goal.name}"
    of += ", sign turned" if goal.direction == "minimize" else ""
    return of + ("" if math.isclose(goal.scale, 1.0) else f", in units of {goal.scale:g}")


FLAGS = {
    "control": "controls",
    "condition": "conditions",
    "item-column": "column",
    "predictor": "predictors",
    "set": "settings",
}
"""Flags whose setting has another name; for others, dashes become underscores."""


def _with_setting_names(note: str) -> str:
    """Replace flags in a note from a step's log by keys of a config."""

    def name(flag: re.Match[str]) -> str:
        return f"`{FLAGS.get(flag[1], flag[1].replace('-', '_'))}`"

    return re.sub(r"(?<![^\s(])--([a-z]+(?:-[a-z]+)*)", name, note)
