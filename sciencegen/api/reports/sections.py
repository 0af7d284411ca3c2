"""Sections of a report, made from a run's contents; a section whose files are missing is left out.

A function gives what the section's function of `report.sections` takes; where that is several plots, their markup.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.criteria import NOT_TARGETS
from sciencegen.api.models.folder import METRICS, LoadedModel
from sciencegen.api.reports.contents import RunContents, latents_of, progress_name
from sciencegen.api.science import HEIGHT, WIDTH, align, letters_of, picture, unit_of
from sciencegen.api.search import FOUND_BY
from sciencegen.api.writing.results import score_unit
from sciencegen.data.prepared import REJECTS
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.tables import grouped
from sciencegen.data.workers import is_refusal
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Compared, ReferenceSets
from sciencegen.domains.capabilities.design import ReferenceLike
from sciencegen.domains.properties import parsed
from sciencegen.items import Cell, Item, Refusal
from sciencegen.latent.geometry import latent_noise, principal_axes
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.pareto import nondominated
from sciencegen.report import sections
from sciencegen.report.content import CandidateContent, Chart, GoalAxis, HeatMap, Logo, SearchCurve
from sciencegen.report.letters import logo_of, of_variants
from sciencegen.report.text import decimals, number

TRAINING_POINTS, PARETO_POINTS = 5000, 2000
REASONS = 5
"""Reasons of refused rows that are shown of each step."""


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


Fact = tuple[str, str, str]
"""Value, label and note of a number at the top of the page."""


def facts(run: RunContents) -> list[Fact]:
    """The number of candidates, the best and median of each objective, the share of novel ones, and their diversity."""
    table, made = run.candidates, [(str(len(run.candidates["item"])), "candidates", "")]
    for goal in run.goals:
        if goal.is_objective and table["item"]:
            values = table[goal.name]
            best, places = (max if goal.direction == "maximize" else min)(values), decimals(values)
            predicted = "predicted " * (goal.name in {*run.settings.predict, *run.settings.optimize.predictors})
            median = f"median {number(float(np.median(values)), places)}"
            made.append((number(best, places), f"best {predicted}{goal.name}", median))
    novel = [value for value in table["novel"] if value is not None]
    if novel:
        made.append((f"{100 * np.mean(novel):.0f} %", "novel", "not in the training set"))
    if len(run.items) > 1:
        similarity = run.domain.similarity.matrix(run.items, run.items)
        distance = 1 - similarity[~np.eye(len(run.items), dtype=bool)].mean()
        made.append((f"{distance:.2f}", "diversity", "mean distance between two candidates"))
    classes = run.summary.get("variety", {}).get("classes", {})
    return made + [(str(one["count"]), kind, f"the largest holds {one['size']}") for kind, one in classes.items()]


def candidates(run: RunContents) -> CandidateContent:
    """The shown candidates with pictures, units, ranges of constraints and directions of objectives."""
    shown = {name: column[: len(run.items)] for name, column in run.candidates.items()}
    pictures = [picture(run.domain, item, run.frame) for item in run.items]
    properties = run.domain.properties
    return CandidateContent.from_table(
        shown,
        pictures,
        units={name: properties[name].unit for name in shown if name in properties},
        goal_ranges={goal.name: _bounds(goal) for goal in run.goals if goal.is_constraint},
        directions={goal.name: goal.direction for goal in run.goals if goal.direction},
        total=len(run.candidates["item"]),
    )


def structures(run: RunContents) -> str:
    """The shown candidates in three dimensions, read from the structure file if the domain supports it."""
    ending, parts = run.settings.structures, run.domain.structures
    path = run.folder / f"candidates{ending}"
    if ending is None or not path.is_file() or parts is None or parts.records is None:
        return ""
    kind, records = parts.records(path)
    shown = list(records)[: len(run.items)]
    return sections.structures(labels(run)[: len(shown)], shown, kind, parts.style)


def distributions(run: RunContents) -> str:
    """Distributions of the numeric properties that both candidates and training data have."""
    if run.training is None:
        return ""
    rows, split = run.training_sample(TRAINING_POINTS), run.training.splits[0]
    goals = {goal.name: goal for goal in run.goals if not goal.in_domain}
    figures, draws, requested = [], False, False
    for name in run.training.property_names:
        if name not in run.candidates:
            continue
        goal, drawn = goals.get(name), _finite(run.samples.get(name, []))
        asked = _bounds(goal) if goal and not goal.is_objective else None
        draws, requested = draws or bool(drawn), requested or asked is not None
        figures.append(
            sections.distribution(
                name,
                _finite(run.candidates[name]),
                _finite(run.training.values(split, [name])[rows, 0].tolist()),
                drawn,
                unit=unit_of(run.domain, name),
                goal_range=asked,
                direction=goal.direction if goal else None,
            )
        )
    return sections.distributions(figures, draws, requested)


def pareto(run: RunContents) -> str:
    """Plots of pairs of objectives and one-sided constraints, which show their trade-off."""
    axes = []
    for goal in run.goals:
        if goal.direction is not None:
            axes.append(GoalAxis(goal.name, direction=goal.direction))
        elif math.isfinite(goal.low) != math.isfinite(goal.high):
            axes.append(GoalAxis(goal.name, direction="maximize" if math.isfinite(goal.low) else "minimize"))
    if len(axes) < 2 or not run.items:
        return ""
    figures = []
    for x, y in list(combinations(axes, 2))[:3]:
        points = np.array([run.candidates[axis.name][: len(run.items)] for axis in (x, y)], float).T
        scored = np.array([run.scored[axis.name] for axis in (x, y)], float).T if run.scored else np.empty((0, 2))
        scored = scored[np.isfinite(scored).all(1)]
        scored = scored[evenly_spaced(len(scored), PARETO_POINTS)]
        front = nondominated(points * [x.sign, y.sign]).tolist()
        figures.append(sections.pareto(x, y, points.tolist(), front, scored.tolist(), labels(run)))
    return sections.trade_offs(figures, bool(run.scored))


def traces(run: RunContents) -> str:
    """For each method, the mean of the ten best by calls; without an objective, the number of feasible items. With the
    best of several draws, also their quality by the number of draws."""
    curves, found = search_curves(run), run.quality_by_draws
    figures = [sections.trace(progress_name(run), curves)] if run.trace else []
    if found.get("draws"):  # what the best of fewer draws of each item would have been
        name, curve = str(found["of"]), SearchCurve("best of the draws", found["draws"], found["mean"])
        unit = unit_of(run.domain, name)
        figures.append(sections.trace(f"mean {name} of the samples", [curve], unit, "draws for each sample"))
    return sections.panels(figures)


def search_curves(run: RunContents) -> list[SearchCurve]:
    """The progress of each method of the search, [] without a trace."""
    table = {name: np.array(column) for name, column in run.trace.items()}
    # without an objective, all feasible items are equally good
    shown, curves = "top_10" if any(goal.is_objective for goal in run.goals) else "feasible", []
    for method in dict.fromkeys(run.trace.get("method", ())):
        rows = (table["method"] == method) & np.isfinite(table[shown].astype(float))
        control = method != run.settings.optimize.method
        curves.append(SearchCurve(method, table["call"][rows].tolist(), table[shown][rows].tolist(), control=control))
    return curves


def metrics(run: RunContents) -> list[dict[str, Any]]:
    """The evaluation's metrics, and those of the model's training that the evaluation lacks, with their meanings."""
    sets = run.domain.reference_sets or ReferenceSets()
    against = run.metrics.get("against", "")
    form = f" --form {run.settings.evaluate.form}" if run.settings.evaluate.form else ""
    command = f"sciencegen evaluate {run.settings.domain} samples.parquet{form} --against {against}" if against else ""
    count, made = run.metrics.get("count"), []
    for name, value in _numbers(run.metrics).items():
        meaning, direction, references = sets.note(name)
        row = {"name": name, "value": value, "meaning": meaning, "direction": direction, "references": references}
        made.append({**row, "command": command, "samples": None if count is None else int(count)})
    # A shipped model's figures of earlier draws say nothing about this run's.
    of_model = {} if "samples" in run.model_metrics else _numbers(run.model_metrics)
    for name, value in of_model.items():
        if name not in run.metrics:
            meaning, direction, _ = sets.note(name)
            meaning = "; ".join(filter(None, [meaning, f"from the model's {METRICS}"]))
            made.append({"name": name, "value": value, "meaning": meaning, "direction": direction})
    return made


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value for name, value in values.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def ledgers(run: RunContents) -> list[tuple[str, list[Mapping[str, int]], str]]:
    """For each step its name, its ledgers, and the commonest reasons for which rows were refused."""
    return [
        (f"{kept['step']}: {kept['output']}", kept["ledgers"], _reasons(run.folder, kept["output"]))
        for kept in run.steps
        if kept.get("ledgers")
    ]


def _reasons(folder: Path, output: str) -> str:
    """The commonest reasons among the rejects of an output, without the numbers and names in them."""
    places = (f"{output}/{REJECTS}", f"{output}.{REJECTS}")
    if (place := next((one for one in places if (folder / one).is_file()), None)) is None:
        return ""
    with (folder / place).open(newline="", encoding="utf-8") as file:
        reasons = Counter(re.sub(r"'[^']*'|\d[\d.,]*", "…", row["reason"]) for row in csv.DictReader(file))
    more = f"; {rest} others" if (rest := reasons.total() - sum(n for _, n in reasons.most_common(REASONS))) else ""
    return f"{place}: {'; '.join(f'{count} {why}' for why, count in reasons.most_common(REASONS))}{more}"


def calibrations(run: RunContents) -> str:
    """For each condition, requested values and those of draws; requested values without a finite draw are left out."""
    figures, tolerated = [], False
    for name, rows in run.metrics.get("conditions", {}).items():
        prop = run.domain.properties.get(name)
        tolerance = prop.tolerance if prop else None
        tolerated = tolerated or tolerance is not None
        kept = [row for row in rows if "lower" in row]
        figures.append(sections.calibration(name, kept, tolerance, prop.unit if prop else ""))
    return sections.calibrations(figures, tolerated)


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
    return of_variants(letters, run.variants, partial(score_unit, run.domain), directions)


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


# Pictures of items: training data and draws, and traversals of the latent space.

CHARTED = 300
"""Maximum number of items of each group in charts."""

DIRECTIONS, CONDITIONS = 3, 4
"""Number of rows of traversals along directions, and under conditions."""

DEVIATIONS = (-2, -1, 0, 1, 2)

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of the training values that are requested of a condition."""


def gallery(run: RunContents) -> dict[str, list[str]]:
    """Pictures of evenly spaced training items and draws; {} in domains without a gallery."""
    shown = 0 if run.domain.pictures is None else run.domain.pictures.gallery
    if not shown or run.training is None or not run.samples:
        return {}
    texts = run.training.items(run.training.splits[0]).take(run.training_sample(shown))
    groups = {"training data": _parsed(run, texts), **_draws(run, shown)}
    if not all(groups.values()):
        return {}
    drawn = iter(pictures_of(run.domain, [item for items in groups.values() for item in items]))
    return {name: [next(drawn) for _ in items] for name, items in groups.items()}


def charts(run: RunContents) -> Sequence[Chart]:
    """The domain's charts of candidates, draws and training items; [] in domains without."""
    make = None if run.domain.pictures is None else run.domain.pictures.charts
    if make is None:
        return []
    known = run.training.items(run.training.splits[0]).take(run.training_sample(CHARTED)) if run.training else []
    drawn = run.samples.get("item", [])
    draws = [drawn[row] for row in evenly_spaced(len(drawn), CHARTED)]
    return make(Compared(_parsed(run, known), _parsed(run, draws), run.items))


def _parsed(run: RunContents, texts: Sequence[str]) -> list[Any]:
    return parsed(run.domain.items.parse, filter(None, texts))


def _draws(run: RunContents, shown: int) -> dict[str, list[Any]]:
    """Draws from the table; if it holds noise-free items, also as the instrument would observe them."""
    texts = run.samples["item"]
    items = _parsed(run, [texts[row] for row in evenly_spaced(len(texts), shown)])
    observation = run.model.representation.observation if run.model else None
    if observation is None or observation.instrument is None:
        return {"draws of the model": items}
    if not run.settings.generate.further.noise_free:
        return {"draws of the model, as the instrument sees them": items}
    seen = observation.instrument.observed(items, run.settings.seed)
    return {
        "draws of the model, as the instrument would see them": seen,
        "the same draws, as the model makes them": items,
    }


def pictures_of(science: Domain, items: Sequence[Item | Refusal]) -> list[str]:
    """Pictures, on a common scale if the domain supports it; "" for refusals."""
    present = [item for item in items if not is_refusal(item)]
    alike = None if science.pictures is None else science.pictures.render_alike
    each = (picture(science, item, None) for item in present)
    drawn = iter(alike(present, WIDTH, HEIGHT)) if alike is not None else each
    return ["" if is_refusal(item) else next(drawn) for item in items]


Row = dict[str, Any]
"""name, unit and note of a traversal, and its steps: value, picture and further text of each item."""


def traversals(run: RunContents) -> list[Row]:
    """Traversals along latent directions and under changing conditions, in domains that show them."""
    if run.domain.pictures is None or not run.domain.pictures.traversals:
        return []
    if run.training is None or run.model is None or run.model.recipe.completes:
        return []
    from sciencegen.diffusion.model import DiffusionModel  # on use: needs torch

    if any(isinstance(one, DiffusionModel) for one in run.model.model.modules()):  # slow
        return []
    return [*_directions(run), *_conditions(run)]


def _directions(run: RunContents) -> list[Row]:
    """Traversals through the mean latent of training items, along their directions of largest variance."""
    assert run.model is not None
    known = run.training_latents[np.isfinite(run.training_latents).all(1)]
    if len(known) < 3:
        return []
    size = run.model.model.semantic_size
    axes = principal_axes(known[:, :size], DIRECTIONS)
    varied = [axis for axis, deviation in enumerate(axes.deviations) if deviation > 0]
    latents = np.repeat(known.mean(0, keepdims=True), len(varied) * len(DEVIATIONS), 0)
    latents[:, :size] = [row for axis in varied for row in axes.along(axis, np.array(DEVIATIONS))]
    pictures = _rows(pictures_of(run.domain, run.model.space.decode_items(latents)), len(DEVIATIONS))
    names = [f"{number(step)} σ" if step else "mean" for step in DEVIATIONS]
    return [
        {
            "name": f"direction {axis + 1}",
            "unit": "",
            "note": f"{100 * axes.shares[axis]:.0f} % of the variance",
            "steps": [(name, one, "") for name, one in zip(names, drawn, strict=True)],
        }
        for axis, drawn in zip(varied, pictures, strict=True)
    ]


def _conditions(run: RunContents) -> list[Row]:
    """Traversals of one draw: for each condition, low to high quantiles of the training values are requested."""
    assert run.model is not None
    asked = _asked(run)
    if not asked:
        return []
    space, count = run.model.space, len(asked) * len(QUANTILES)
    conditions = [run.model.representation.condition({name: one}) for name, values in asked.items() for one in values]
    noise = latent_noise(run.settings.seed, 0, space.size)[:1]
    items = space.generate_items(np.repeat(noise, count, 0), np.stack(conditions).astype(np.float32))
    made, drawn = (_rows(each, len(QUANTILES)) for each in (items, pictures_of(run.domain, items)))
    return [_condition(run, *row) for row in zip(asked, asked.values(), made, drawn, strict=True)]


def _asked(run: RunContents) -> dict[str, list[float]]:
    """Condition -> quantiles of the training items' values; conditions with a goal first."""
    assert run.model is not None
    assert run.training is not None
    wanted, split = {goal.name for goal in run.goals}, run.training.splits[0]
    known = [name for name in run.model.space.properties if name in run.training.property_names]
    names = sorted(known, key=lambda name: name not in wanted)[:CONDITIONS]
    values = {name: run.training.values(split, [name])[:, 0] for name in names}
    return {
        name: np.nanquantile(cells, QUANTILES).tolist() for name, cells in values.items() if np.isfinite(cells).any()
    }


def _condition(
    run: RunContents, name: str, asked: Sequence[float], items: Sequence[Any], pictures: Sequence[str]
) -> Row:  # fmt: skip
    """The traversal of a condition, with measured values in addition to the requested ones."""
    places, prop = decimals(asked), run.domain.properties.get(name)
    told = [""] * len(items)
    if prop is not None:
        got = [math.nan if is_refusal(item) else float(run.domain.measure([item], [name])[0, 0]) for item in items]
        told = [f"got {number(value, places)}" for value in got]
    steps = list(zip([number(value, places) for value in asked], pictures, told, strict=True))
    return {"name": name, "unit": prop.unit if prop else "", "note": "", "steps": steps}


def _rows(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


# The latent map of a run: candidates among training items, which are coloured by a property.

NOTHING = 0.02
"""Smallest useful variance of the posterior means along the widest latent axis, relative to the prior's variance of 1.
Below it the axis holds less than a hundredth of a nat about items: -log(1 - 0.02) / 2."""


def latent_map(run: RunContents) -> str:
    """Project candidates onto the plane in which the latents of training items vary most; "" for a diffusion model,
    whose latent is noise of the item's own size, and takes hundreds of network evaluations for each item."""
    if run.model is None or run.training is None or not run.items or _is_diffusion(run.model):
        return ""
    split = run.training.splits[0]
    known, found = run.training_latents, latents_of(run, run.candidates["item"][: len(run.items)])
    encoded, missing = np.isfinite(known).all(1), ~np.isfinite(found).all(1)
    known = known[encoded]
    if len(known) < 3 or missing.all():
        return ""
    semantic = run.model.model.semantic_size
    plane = principal_axes(known[:, :semantic])
    points = np.where(missing[:, None], np.nan, plane.project(np.nan_to_num(found[:, :semantic])))
    note = f"The two axes hold {100 * sum(plane.shares):.0f} % of the variance."
    if silent := says_nothing(known[:, :semantic]):
        note = silent
    if missing.any():
        note += f" {missing.sum()} candidates have no latent and are not shown."
    draw = partial(
        sections.latent_map, points.tolist(), plane.project(known[:, :semantic]).tolist(), labels(run), note=note
    )
    asked = run.settings.report.colour_by
    if asked is not None and asked not in run.training.property_names:
        called = run.training.names(split, run.latent_rows[encoded])
        name, groups = grouped(run.domain.items.labels, asked, called, run.training.property_names)
        return draw(groups=groups, value_name=name)
    name = asked or _coloured_by(run)
    values = run.training.values(split, [name])[run.latent_rows, 0][encoded].tolist() if name else ()
    return draw(values=values, value_name=name, unit=unit_of(run.domain, name))


def _is_diffusion(loaded: LoadedModel) -> bool:
    from sciencegen.diffusion.model import DiffusionModel  # on use: needs torch
    from sciencegen.diffusion.sizes import SizedDiffusion

    return isinstance(loaded.model, DiffusionModel | SizedDiffusion)


def says_nothing(latents: np.ndarray) -> str:
    """A warning that latents [item latent] carry almost no information on items; "" if they do."""
    widest = float(np.linalg.eigvalsh(np.cov(latents, rowvar=False).reshape(latents.shape[1], -1))[-1])
    if widest >= NOTHING:
        return ""
    return (
        f"This latent carries next to nothing: items' centres vary by {widest:.2g} along its widest axis, where the "
        "prior's variance is 1. The model found nothing that items have in common beside its conditions, and being "
        "near each other on this map means nothing."
    )


def _coloured_by(run: RunContents) -> str:
    """The default property to colour by: the first of the goals' properties, the measured column, the user's columns,
    and any property except the sampling weight."""
    assert run.training is not None
    assert run.model is not None
    family = run.model.recipe.family
    weight = "" if family is None else family.weight
    known = [name for name in run.training.property_names if name != weight]
    measured = (run.training.summary.get("context") or {}).get("measured", "")
    wanted = [*(goal.name for goal in run.goals), measured, *run.training.summary["columns"], *known]
    return next((name for name in wanted if name in known), "")
