"""Sections of a report, made from a run's contents; a section whose files are missing is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.api.criteria import NOT_TARGETS
from sciencegen.api.models.folder import METRICS
from sciencegen.api.reports.notes import progress_name
from sciencegen.api.science import align, letters_of, picture
from sciencegen.api.search.tables import FOUND_BY
from sciencegen.api.writing.results import unit_of
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import ReferenceSets
from sciencegen.domains.capabilities.design import ReferenceLike
from sciencegen.items import Cell
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.pareto import nondominated
from sciencegen.report import letters as maps
from sciencegen.report.content import (
    CalibrationContent,
    CandidateContent,
    ColumnDescription,
    CurveContent,
    Distribution,
    Fact,
    HeatMap,
    Logo,
    Metric,
    ObjectiveContent,
    Pareto,
    StructureContent,
    Trace,
)
from sciencegen.report.letters import logo_of
from sciencegen.report.markup import decimals, number

if TYPE_CHECKING:
    from sciencegen.api.reports.contents import RunContents

TRAINING_POINTS, PARETO_POINTS = 5000, 2000


def summary_sentence(run: RunContents) -> str:
    """A sentence with the numbers of candidates and scored items, and of requested candidates if there are fewer."""
    found, wanted = len(run.candidates["item"]), run.settings.optimize.n
    scored = run.summary.get("scored", run.settings.optimize.budget)
    few = f" ({wanted} were requested)" if found < wanted else ""
    # how many items the search and each control scored, unless the controls chose no candidates
    methods = run.summary.get("controls", {}) if FOUND_BY in run.summary else {}
    counts = [f"{figures['scored']} by {name}" for name, figures in methods.items()]
    by_method = f" ({', '.join(counts[:-1])} and {counts[-1]})" if counts else ""
    sentence = f"{found} candidates{few}, chosen among {scored} distinct items that were scored{by_method}."
    return f"{sentence} The items to order are the next plate, further down." if run.plate.get("item") else sentence


def facts(run: RunContents) -> list[Fact]:
    """The number of candidates, the best and median of each objective, the share of novel ones, and their diversity."""
    table, made = run.candidates, [Fact(str(len(run.candidates["item"])), "candidates")]
    for goal in run.goals:
        if goal.is_objective and table["item"]:
            values = table[goal.name]
            best, places = (max if goal.direction == "maximize" else min)(values), decimals(values)
            predicted = "predicted " * (goal.name in {*run.settings.predict, *run.settings.optimize.predictors})
            median = f"median {number(float(np.median(values)), places)}"
            made.append(Fact(number(best, places), f"best {predicted}{goal.name}", median))
    novel = [value for value in table["novel"] if value is not None]
    if novel:
        made.append(Fact(f"{100 * np.mean(novel):.0f} %", "novel", "not in the training set"))
    if len(run.items) > 1:
        similarity = run.domain.similarity.matrix(run.items, run.items)
        distance = 1 - similarity[~np.eye(len(run.items), dtype=bool)].mean()
        made.append(Fact(f"{distance:.2f}", "diversity", "mean distance between two candidates"))
    classes = run.summary.get("variety", {}).get("classes", {})
    return made + [Fact(str(one["count"]), kind, f"the largest holds {one['size']}") for kind, one in classes.items()]


def candidates(run: RunContents) -> CandidateContent:
    """The shown candidates with pictures, units, ranges of constraints and directions of objectives."""
    shown = {name: column[: len(run.items)] for name, column in run.candidates.items()}
    pictures = [picture(run.domain, item, run.frame) for item in run.items]
    properties = run.domain.properties
    description = ColumnDescription(
        {name: properties[name].unit for name in shown if name in properties},
        {goal.name: _bounds(goal) for goal in run.goals if goal.is_constraint},
        {goal.name: goal.direction for goal in run.goals if goal.direction},
    )
    return CandidateContent.from_table(shown, pictures, description, len(run.candidates["item"]))


def structures(run: RunContents) -> StructureContent | None:
    """The shown candidates in three dimensions, read from the structure file if the domain supports it."""
    ending, parts = run.settings.structures, run.domain.structures
    path = run.folder / f"candidates{ending}"
    if ending is None or not path.is_file() or parts is None or parts.records is None:
        return None
    kind, records = parts.records(path)
    shown = list(records)[: len(run.items)]
    return StructureContent(labels(run)[: len(shown)], shown, kind, parts.style)


def distributions(run: RunContents) -> list[Distribution]:
    """Distributions of the numeric properties that both candidates and training data have."""
    if run.training is None:
        return []
    rows, split = run.training_sample(TRAINING_POINTS), run.training.splits[0]
    names = [name for name in run.training.property_names if name in run.candidates]
    goals = {goal.name: goal for goal in run.goals if not goal.in_domain}
    made = []
    for name in names:
        values = run.training.values(split, [name])[rows, 0]
        goal = goals.get(name)
        made.append(
            Distribution(
                name,
                _finite(run.candidates[name]),
                _finite(values.tolist()),
                _finite(run.samples.get(name, [])),
                unit=run.domain.properties[name].unit if name in run.domain.properties else "",
                goal_range=_bounds(goal) if goal and not goal.is_objective else None,
                direction=goal.direction if goal else None,
            )
        )
    return made


def pareto(run: RunContents) -> list[Pareto]:
    """Plots of pairs of objectives and one-sided constraints, which show their trade-off."""
    axes = [axis for axis in map(_axis, run.goals) if axis is not None]
    if len(axes) < 2 or not run.items:
        return []
    return [_pareto_plot(run, x, y) for x, y in list(combinations(axes, 2))[:3]]


def _axis(goal: Goal) -> ObjectiveContent | None:
    if goal.direction is not None:
        return ObjectiveContent(goal.name, goal.direction)
    if math.isfinite(goal.low) != math.isfinite(goal.high):
        return ObjectiveContent(goal.name, "maximize" if math.isfinite(goal.low) else "minimize")
    return None


def _pareto_plot(run: RunContents, x: ObjectiveContent, y: ObjectiveContent) -> Pareto:
    points = np.array([run.candidates[axis.name][: len(run.items)] for axis in (x, y)], float).T
    signs = np.array([1.0 if axis.direction == "maximize" else -1.0 for axis in (x, y)])
    scored = []
    if run.scored:
        everything = np.array([run.scored[axis.name] for axis in (x, y)], float).T
        everything = everything[np.isfinite(everything).all(1)]
        scored = everything[evenly_spaced(len(everything), PARETO_POINTS)].tolist()
    return Pareto(x, y, points.tolist(), nondominated(points * signs).tolist(), scored, labels(run))


def traces(run: RunContents) -> list[Trace]:
    """For each method, the mean of the ten best by calls; without an objective, the number of feasible items. With the
    best of several draws, also their quality by the number of draws."""
    return [*_search_traces(run), *_draw_traces(run)]


def _draw_traces(run: RunContents) -> list[Trace]:
    """What the best of fewer draws of each item would have been."""
    found = run.quality_by_draws
    if not found.get("draws"):
        return []
    name = str(found["of"])
    unit = run.domain.properties[name].unit if name in run.domain.properties else ""
    curve = CurveContent("best of the draws", found["draws"], found["mean"])
    return [Trace(f"mean {name} of the samples", [curve], unit, "draws for each sample")]


def _search_traces(run: RunContents) -> list[Trace]:
    if not run.trace:
        return []
    table = {name: np.array(column) for name, column in run.trace.items()}
    shown = (
        "top_10" if any(goal.is_objective for goal in run.goals) else "feasible"
    )  # without an objective, all feasible items are equally good
    curves = []
    for method in dict.fromkeys(run.trace["method"]):
        rows = (table["method"] == method) & np.isfinite(table[shown].astype(float))
        control = method != run.settings.optimize.method
        curves.append(CurveContent(method, table["call"][rows].tolist(), table[shown][rows].tolist(), control=control))
    return [Trace(progress_name(run), curves)]


def metrics(run: RunContents) -> list[Metric]:
    """The evaluation's metrics, and those of the model's training that the evaluation lacks, with their meanings."""
    sets = run.domain.reference_sets or ReferenceSets()
    against = run.metrics.get("against", "")
    form = f" --form {run.settings.evaluate.form}" if run.settings.evaluate.form else ""
    command = f"sciencegen evaluate {run.settings.domain} samples.parquet{form} --against {against}" if against else ""
    made, samples = [], run.metrics.get("count")
    for name, value in _numbers(run.metrics).items():
        meaning, direction, references = sets.note(name)
        count = None if samples is None else int(samples)
        made.append(Metric(name, value, "", references, meaning, direction, command=command, samples=count))
    # A shipped model's figures of earlier draws say nothing about this run's.
    of_model = {} if "samples" in run.model_metrics else _numbers(run.model_metrics)
    for name, value in of_model.items():
        if name not in run.metrics:
            meaning, direction, _ = sets.note(name)
            meaning = "; ".join(filter(None, [meaning, f"from the model's {METRICS}"]))
            made.append(Metric(name, value, meaning=meaning, direction=direction))
    return made


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value for name, value in values.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def calibrations(run: RunContents) -> list[CalibrationContent]:
    """For each condition, requested values and those of draws; requested values without a finite draw are left out."""
    made = []
    for name, rows in run.metrics.get("conditions", {}).items():
        kept = [row for row in rows if "lower" in row]
        prop = run.domain.properties.get(name)
        made.append(
            CalibrationContent(
                name,
                requested=[row["asked"] for row in kept],
                observed=[row["got"] for row in kept],
                lower=[row["lower"] for row in kept],
                upper=[row["upper"] for row in kept],
                mean_absolute_error=[row["mean_absolute_error"] for row in kept],
                hit_rate=[row["hit_rate"] for row in kept if "hit_rate" in row],
                tolerance=prop.tolerance if prop else None,
                unit=prop.unit if prop else "",
            )
        )
    return made


def labels(run: RunContents) -> list[str]:
    """Ids of the shown candidates, best first."""
    return [str(name) for name in run.candidates["id"][: len(run.items)]]


def _bounds(goal: Goal) -> tuple[float | None, float | None]:
    return (goal.low if math.isfinite(goal.low) else None, goal.high if math.isfinite(goal.high) else None)


def _finite(values: list[Any]) -> list[float]:
    return [float(value) for value in values if value is not None and math.isfinite(value)]


# Sections of a run's report: heat maps, logo, and the next plate with pictures.

LOGO_POINTS = 5000


def heat_maps(run: RunContents) -> list[HeatMap]:
    """Scores of single variants as maps of letters at sites; [] for a domain without letters."""
    letters, directions = letters_of(run.domain), {goal.name: goal.direction for goal in run.goals if goal.direction}
    if letters is None:
        return []
    return maps.of_variants(letters, run.variants, partial(unit_of, run.domain), directions)


def logo(run: RunContents) -> Logo | None:
    """Logos of candidates and of training data, with sampling weights if training uses them."""
    found = [str(text) for text in run.candidates["item"]]
    known, weights = _training(run) if run.training else ([], np.empty(0))
    letters, sites = letters_of(run.domain), align(run.domain, [*found, *known], run.frame)
    if letters is None or sites is None or not found:
        return None
    groups = {"candidates": range(len(found)), "training data": range(len(found), len(sites.rows))}
    return logo_of(letters, sites, groups, np.concatenate([np.ones(len(found)), weights]))


def _training(run: RunContents) -> tuple[list[str], np.ndarray]:
    """Evenly spaced texts of the training split, and their weights."""
    assert run.training is not None
    split, rows = run.training.splits[0], run.training_sample(LOGO_POINTS)
    family = run.model.recipe.family if run.model else None
    name = "" if family is None else family.weight
    weights = run.training.values(split, [name])[rows, 0] if name in run.training.property_names else np.ones(len(rows))
    return run.training.items(split).take(rows), np.nan_to_num(weights, nan=1.0)


def plate(run: RunContents) -> CandidateContent | None:
    """The next plate, as `propose` wrote it."""
    if not run.plate or not run.plate.get("item"):
        return None
    return plate_of(run.domain, run.plate, run.frame, run.settings.report.candidates)


def plate_of(
    science: Domain, table: Mapping[str, Sequence[Cell]], frame: ReferenceLike | None, shown: int
) -> CandidateContent:
    """A plate as a table with pictures. The lab's empty column is left out; its name labels the predictions."""
    empty = [name for name in table if all(cell is None or cell != cell or cell == "" for cell in table[name])]
    targets = [name for name in empty if name not in (*NOT_TARGETS, "value")]
    target = f"predicted {targets[0]}" if targets else "predicted"
    names = {"predicted": target, "lower": f"{target}_lower", "upper": f"{target}_upper"}
    kept = {names.get(name, name): list(table[name])[:shown] for name in table if name not in empty}
    pictures = [picture(science, science.items.parse(text), frame) for text in kept["item"]]
    return CandidateContent.from_table(kept, pictures, total=len(table["item"]), noun="items")
