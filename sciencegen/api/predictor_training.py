"""Train predictors: property regressors with intervals, from a user's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.models import reference_to
from sciencegen.api.numbering import Numbering
from sciencegen.api.predict import CONFIG, REJECTS, TrainedPredictor
from sciencegen.api.predictor_inputs import ModelInputs, Usable, check_split, observing_of, seen_by, write_observing
from sciencegen.api.prepare import known_of_card, listed, open_source, prepared_at
from sciencegen.api.records import to_record
from sciencegen.api.references import named_twice, names_of, parse_texts, read_rows_of, reference_of
from sciencegen.api.rooms import InDomain, domain_of, worker_count
from sciencegen.config import PredictorSettings, PrepareSettings, Reading, build_settings
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.data.tables import Row, no_numbers
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import write_rejects
from sciencegen.domains.base import Refusal
from sciencegen.errors import DataError
from sciencegen.runs import FORMAT_VERSION, RunFolder, provenance


@dataclass(frozen=True)
class Describe(InDomain):
    """Texts to (standardized text, features, group) each, or why not; runs in the workers.

    wild_type: what the texts may be named against. A domain that fits its features computes none here.
    """

    wild_type: str = ""

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        parsed = parse_texts(domain, texts, self.wild_type)
        items = [item for item in parsed if not isinstance(item, Refusal)]
        features = [None] * len(items) if hasattr(domain, "fit_features") else domain.features(items) if items else ()
        rows = iter(zip(features, domain.groups(items), strict=True) if items else ())
        return [item if isinstance(item, Refusal) else (domain.text(item), *next(rows)) for item in parsed]


def train_predictor(
    domain: str, table: str | Path, settings: PredictorSettings | None = None, *, folder: str | Path,
    force: bool = False, log: Callable[[str], None] = lambda text: None, **flags: Any,
) -> TrainedPredictor:  # fmt: skip
    """Fit a predictor on the column `target` of a table, evaluate it on held-out rows, and write its folder.

    With the setting `form`, networks that see items in that form (molecules: structures) learn one column or several,
    `a,b,c`; force: in a folder that holds something else.
    """
    from sciencegen import prediction

    chosen = settings or build_settings(PredictorSettings, {"table": str(table), **flags})
    check_predictor(domain, chosen)
    if chosen.form:
        from sciencegen.api.point_predictors import train_point_predictor

        return train_point_predictor(domain, str(table), chosen, folder, force, log)
    rows, files = read_rows(domain, str(table), chosen)
    model = ModelInputs(domain, chosen.model, chosen.threads, chosen.device)
    inputs = chosen.settings.get("inputs", "scored" if chosen.model and model.loaded.recipe.informs else "features")
    usable = _usable(domain, rows, chosen)
    for note in usable.notes:
        log(f"note: {note}")
    if inputs != "features" and chosen.model:
        log(f"asking {chosen.model} about {len(usable.texts)} items")
    seen = seen_by(domain, chosen, inputs, usable, model)
    wanted = {**seen.features.defaults, **chosen.settings, "inputs": inputs}
    options = to_record(prediction.PredictorSettings, wanted, "predictor settings")
    log(f"{len(seen.values)} items with '{chosen.target}', {len(seen.refused)} refused")
    known = {
        **seen.tables, "values": seen.values, "groups": seen.groups, "settings": options, "split": seen.split,
        "blocks": seen.features.blocks,
    }  # fmt: skip
    generator = np.random.default_rng(chosen.seed)
    fitted = prediction.fit_predictor(generator=generator, made_by=seen.features.made_by, log=log, **known)
    metrics = {"rows": len(seen.values), "refused": len(seen.refused), **_figures(known, chosen, log)}
    run, observing = RunFolder(folder), observing_of(domain, usable.texts)
    write_observing(run, observing)
    written = _written(domain, str(table), chosen, run, fitted, metrics, seen.refused, files)
    return replace(written, observing=observing)


def check_predictor(domain: str, chosen: PredictorSettings) -> None:
    """What can be refused before the table is read."""
    if chosen.form:
        from sciencegen.api.point_predictors import check_point_predictor

        return check_point_predictor(domain, chosen)
    from sciencegen import prediction

    check_split(domain, chosen.split)
    to_record(prediction.PredictorSettings, chosen.settings, "predictor settings")
    reference_of(domain_of(domain), chosen.wild_type)


def _figures(known: Mapping[str, Any], chosen: PredictorSettings, log: Callable[[str], None]) -> dict[str, Any]:
    from sciencegen import prediction

    found = prediction.evaluate_predictor(
        **known, generator=np.random.default_rng(chosen.seed + 1), folds=chosen.evaluation_folds,
        repeats=chosen.evaluation_repeats, log=log,
    )  # fmt: skip
    for split, one in found.items():
        log(
            f"{split}: Spearman {one.spearman:.3g}, error {one.rmse:.3g} (guessing the mean: {one.baseline_rmse:.3g}), "
            f"{one.level:.0%} intervals hold {one.coverage:.0%}"
        )
    return {split: evaluation.figures() for split, evaluation in found.items()}


def _written(
    domain: str, table: str, chosen: PredictorSettings, run: RunFolder, fitted: Any, metrics: Mapping[str, Any],
    refused: Sequence[tuple[int, str, str]], files: Sequence[Path],
) -> TrainedPredictor:  # fmt: skip
    from sciencegen.prediction import save

    if refused:
        write_rejects(run / REJECTS, refused)
    else:  # the refusals of an earlier run would read as this one's
        (run / REJECTS).unlink(missing_ok=True)
    inputs = {file.name if chosen.table == "-" else str(file): file for file in files}  # stdin lies in a temporary file
    made = provenance(["sciencegen", "train", "predictor"], chosen.seed, inputs)
    config = {"format_version": FORMAT_VERSION, "domain": domain, "target": chosen.target}
    config["model"] = reference_to(domain, chosen.model, run.path)
    run.write_yaml(CONFIG, {**config, "table": files[0].name if files else table, "provenance": made})
    run.write_json("metrics.json", metrics)
    save(fitted, run.path)
    return TrainedPredictor(domain, run.path, fitted, chosen.target, chosen.model, metrics)


def read_rows(domain: str, table: str, chosen: PredictorSettings) -> tuple[list[Row], list[Path]]:
    """The rows of a file, of a prepared dataset's folder, or of a dataset card (of one split, or of all, as in
    `folder/train`); and the files that they come from."""
    if (found := prepared_at(table, chosen.limit)) is not None:
        return _prepared_rows(*found), [found[0].path / SUMMARY]
    if chosen.wild_type and Path(table).is_file():
        rows = read_rows_of(domain_of(domain), Path(table), chosen.column, chosen.wild_type, whole=True)
        return list(islice(rows, chosen.limit)), [Path(table)]
    reading = {name: getattr(chosen, name) for name in ("column", *Reading.__annotations__)}
    opened, files = open_source(domain, PrepareSettings(source=table, **reading))
    return [*listed(opened), *([] if files else known_of_card(domain, table, chosen.target))], files


def _prepared_rows(data: PreparedDataset, split: str | None) -> list[Row]:
    names, values = data.property_names, data.values(split)
    present = ({name: float(value) for name, value in zip(names, row, strict=True) if value == value} for row in values)
    return [Row(line, text, one) for line, (text, one) in enumerate(zip(data.items(split), present, strict=True), 1)]


def describe(
    task: InDomain, rows: Sequence[Row], threads: int
) -> tuple[list[tuple[Row, Any]], list[tuple[int, str, str]]]:
    """The rows with what the task says of them, in killable workers, and the refused ones."""
    found: list[Any] = []
    texts, workers = [row.text for row in rows], worker_count(threads)
    for _, members, results in map_chunks_killable(task, texts, processes=workers):  # type: ignore[arg-type]
        found += [results] * len(members) if isinstance(results, Failure) else results
    pairs = list(zip(rows, found, strict=True))
    refused = [(row.line, row.text, result.reason) for row, result in pairs if not isinstance(result, tuple)]
    return [pair for pair in pairs if isinstance(pair[1], tuple)], refused


def _usable(domain: str, rows: Sequence[Row], settings: PredictorSettings) -> Usable:
    table, target = settings.table, settings.target
    columns = sorted({name for row in rows for name in row.values})
    if target not in columns:
        raise no_numbers(table, target, columns)
    refused = [(row.line, row.text, row.why_no_number(target)) for row in rows if target not in row.values]
    task = Describe(domain, settings.wild_type or "")
    pairs, unreadable = describe(task, [row for row in rows if target in row.values], settings.threads)
    numbering = Numbering(names_of(domain_of(domain), settings.wild_type))
    numbering.look([row.text for row in rows], [row.text for row, _ in pairs], len(unreadable))
    if (hint := numbering.hint) and len(unreadable) > len(pairs):
        chance = "; those that fit may do so by chance" if pairs else ""
        raise DataError(
            f"Expected rows of {table} that fit the wild type, {len(unreadable)} of {len(pairs) + len(unreadable)} "
            f"were refused, and their {hint}{chance}. {numbering.names.remedy}."
        )
    twice = named_twice(numbering.names, [(row, text) for row, (text, _, _) in pairs])
    pairs, refused = twice.agreeing(pairs), [*refused, *numbering.hinted(unreadable), *twice.refused]
    if not pairs:
        raise DataError(f"Expected usable rows in {table}, all {len(rows)} were refused, the first: {refused[0][2]}.")
    texts, features, groups = zip(*(result for _, result in pairs), strict=True)
    values = np.array([row.values[target] for row, _ in pairs])
    own = None if features[0] is None else np.stack(features)
    notes = [*numbering.notes, *twice.notes]
    return Usable([row for row, _ in pairs], texts, values, list(groups), own, sorted(refused), notes)
