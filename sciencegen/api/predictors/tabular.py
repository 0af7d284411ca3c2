"""Train property regressors with intervals on a user's table of features."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.models.folder import CONFIG, METRICS, NOT_YET, reference_to
from sciencegen.api.models.identity import IDENTITY, weights_of
from sciencegen.api.predictors.folder import HELD_OUT, write_held_out, write_training_keys
from sciencegen.api.predictors.inputs import UsableRows
from sciencegen.api.science.forms import InDomain, describe, domain_of, key_of
from sciencegen.api.science.naming import LeftOut, Numbering, name_conflicts, names_of, parse_texts
from sciencegen.config import Batched, PredictorSettings
from sciencegen.data.prepared import REJECTS
from sciencegen.data.tables import no_numbers
from sciencegen.data.writers import Refused, write_rejects
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal, Row
from sciencegen.prediction.storage import NUMBERS
from sciencegen.runs import FORMAT_VERSION, RunFolder, canonical_json, provenance, sha256_of

if TYPE_CHECKING:  # it imports libraries that many verbs don't need
    from sciencegen import prediction
    from sciencegen.prediction import Predictor


@dataclass(frozen=True)
class Describe(InDomain):
    """Texts to (standardized text, features, group, key) each, or a refusal; runs in the workers.

    wild_type: the reference that names in texts refer to. Domains that fit their features compute none here.
    """

    wild_type: str = ""

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, np.ndarray | None, str, str] | Refusal]:
        domain = domain_of(self.domain)
        parsed = parse_texts(domain, texts, self.wild_type)
        items = [item for item in parsed if not isinstance(item, Refusal)]
        regression = domain.regression
        features: Sequence[np.ndarray | None] = [None] * len(items)
        if regression.fit is None and items:
            features = list(regression.features(items))
        keys = [key_of(self.domain, item) for item in items]
        rows = iter(zip(features, regression.groups(items), keys, strict=True) if items else ())
        return [item if isinstance(item, Refusal) else (domain.items.text(item), *next(rows)) for item in parsed]


def evaluated(
    run: RunFolder, tables: prediction.TrainingTables, options: prediction.PredictorSettings,
    chosen: PredictorSettings, log: Callable[[str], None],
) -> Json:  # fmt: skip
    """Split -> figures of the predictions of held-out rows, which are written to the predictor's folder."""
    from sciencegen.prediction import EvaluationPlan, evaluate_predictor

    plan = EvaluationPlan(folds=chosen.evaluation_folds, repeats=chosen.evaluation_repeats)
    found = evaluate_predictor(tables, options, np.random.default_rng(chosen.seed + 1), plan, log)
    for split, one in found.items():
        log(
            f"{split}: Spearman {one.spearman:.3g}, error {one.rmse:.3g} (guessing the mean: {one.baseline_rmse:.3g}), "
            f"{one.level:.0%} intervals hold {one.coverage:.0%}"
        )
    write_held_out(run.path, found)
    return {split: one.figures() for split, one in found.items()}


EVALUATION = {"evaluation_folds", "evaluation_repeats"}
"""Settings of the figures alone."""


def identity_of_rows(domain: str, rows: UsableRows, files: Sequence[Path], chosen: PredictorSettings) -> Json:
    """As `identity_of`, of the rows that were read. A folder keeps it while a saved predictor has no figures."""
    read = canonical_json([rows.texts, rows.values, rows.refused, [sha256_of(file) for file in files]])
    data = {"name": chosen.table, "sha256": hashlib.sha256(read.encode()).hexdigest()}
    trained = chosen.model_dump(mode="json", exclude={*Batched.model_fields, *EVALUATION} - {"seed"})
    start = {} if chosen.model is None else {"from": weights_of(domain, chosen.model)}
    return {"domain": domain, "data": data, "train": trained, **start}


def awaits_figures(folder: str | Path) -> bool:
    """Whether a predictor was saved in this folder by a call that was stopped, or failed, before it had figures."""
    return all(os.path.isfile(Path(folder) / name) for name in (IDENTITY, NUMBERS))


@dataclass(frozen=True)
class FittedPredictor:
    """Content of a predictor's folder. counts: of the rows. keys: of the items that it was trained on. refused: rows
    that were not used. files: the sources of the rows. identity: `identity_of_rows`."""

    predictor: Predictor
    counts: Json
    keys: Sequence[str]
    refused: Sequence[Refused]
    files: Sequence[Path]
    identity: Json


def write_predictor(
    domain: str, table: str, chosen: PredictorSettings, run: RunFolder, fitted: FittedPredictor
) -> None:
    """Write all files of a predictor's folder, without its figures, and last the identity by which an equal call knows
    that they are whole."""
    from sciencegen.prediction import save

    (run / IDENTITY).unlink(missing_ok=True)  # of an earlier predictor
    if fitted.refused:
        write_rejects(run / REJECTS, fitted.refused)
    else:  # left by an earlier run
        (run / REJECTS).unlink(missing_ok=True)
    files = fitted.files
    inputs = {
        file.name if chosen.table == "-" else str(file): file for file in files
    }  # stdin was copied to a temporary file
    made = provenance(["sciencegen", "train", "predictor"], chosen.seed, inputs)
    config = {"format_version": FORMAT_VERSION, "domain": domain, "target": chosen.target}
    config["model"] = reference_to(domain, chosen.model, run.path)
    run.write_yaml(CONFIG, {**config, "table": files[0].name if files else table, "provenance": made})
    run.write_json(METRICS, {**fitted.counts, **NOT_YET})
    write_training_keys(run, fitted.keys)
    (run / HELD_OUT).unlink(missing_ok=True)  # of an earlier predictor
    save(fitted.predictor, run.path)
    run.write_json(IDENTITY, fitted.identity)


def usable_rows(domain: str, rows: Sequence[Row], settings: PredictorSettings) -> UsableRows:
    """Rows that are items and have a value; an error if there are none."""
    table, target = settings.table, settings.target
    columns = sorted({name for row in rows for name in row.values})
    if target not in columns:
        raise no_numbers(table, target, columns)
    refused = [(row.line, row.text, row.why_no_number(target)) for row in rows if target not in row.values]
    task = Describe(domain, settings.wild_type or "")
    pairs, unreadable = describe(task, [row for row in rows if target in row.values], settings.threads)
    numbering = Numbering(names_of(domain_of(domain), settings.wild_type))
    numbering.look([row.text for row in rows], [row.text for row, _ in pairs], len(unreadable))
    if numbering.names is not None and (hint := numbering.hint) and len(unreadable) > len(pairs):
        chance = "; those that fit may do so by chance" if pairs else ""
        raise DataError(
            f"Expected rows of {table} that fit the wild type, {len(unreadable)} of {len(pairs) + len(unreadable)} "
            f"were refused, and their {hint}{chance}. {numbering.names.remedy}."
        )
    conflicts = name_conflicts(numbering.names, [(row, text) for row, (text, *_) in pairs])
    pairs, refused = conflicts.agreeing(pairs), [*refused, *numbering.hinted(unreadable), *conflicts.refused]
    if not pairs:
        raise DataError(f"Expected usable rows in {table}, all {len(rows)} were refused, the first: {refused[0][2]}.")
    texts, features, groups, keys = zip(*(result for _, result in pairs), strict=True)
    values = np.array([row.values[target] for row, _ in pairs])
    own = None if features[0] is None else np.stack(features)
    left_out = LeftOut(domain_of(domain))
    left_out.look([row for row, _ in pairs])
    notes = [*left_out.notes, *numbering.notes, *conflicts.notes, *domain_of(domain).regression.notes(texts)]
    return UsableRows([row for row, _ in pairs], texts, keys, values, list(groups), own, sorted(refused), notes)
