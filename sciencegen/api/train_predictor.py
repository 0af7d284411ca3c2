"""Train predictors: property regressors with intervals, from a user's table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.models.folder import CONFIG, METRICS, NOT_YET, is_measured, measured, reference_to, resolve_device
from sciencegen.api.models.identity import IDENTITY, is_same, refuse_taken, weights_of
from sciencegen.api.predictors.folder import (
    HELD_OUT,
    ITEMS_AT_ONCE,
    ModelInputs,
    TrainedPredictor,
    UsableRows,
    known_splits,
    observing_of,
    predictor_data,
    write_held_out,
    write_observing,
    write_training_keys,
)
from sciencegen.api.science import (
    InDomain,
    LeftOut,
    Numbering,
    describe,
    domain_of,
    key_of,
    name_conflicts,
    names_of,
    parse_texts,
    plain_name,
    reference_of,
)
from sciencegen.api.sources.tables import notes_of_splits, read_rows, without_target
from sciencegen.config import Batched, PredictorSettings, build_settings
from sciencegen.data.prepared import REJECTS
from sciencegen.data.tables import no_numbers
from sciencegen.data.writers import Refused, write_rejects
from sciencegen.errors import DataError, unknown_name
from sciencegen.files import reserved
from sciencegen.items import Json, Refusal, Row
from sciencegen.options import takes
from sciencegen.prediction.storage import NUMBERS
from sciencegen.records import ledger, to_record
from sciencegen.runs import FORMAT_VERSION, RunFolder, provenance

if TYPE_CHECKING:
    from sciencegen import prediction
    from sciencegen.prediction import Predictor


@takes(PredictorSettings)
def train_predictor(
    domain: str,
    table: str | Path,
    *,
    folder: str | Path,
    force: bool = False,
    log: Callable[[str], None] = lambda text: None,
    **options: object,
) -> TrainedPredictor:
    r"""Fit a property predictor with calibrated intervals, evaluate it on held-out rows, and write its folder.

    Intervals are conformal [1]_: for items like those of the table, nine of ten intervals contain the value. The
    same call goes on after a stop: a saved predictor is only evaluated, and with `form`, finished networks are kept and
    the others go on.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    table : str or Path
        A file, a dataset's name with or without a split, or with `form` a prepared dataset.
    folder : str or Path
        The folder of the predictor.
    force : bool
        Whether to replace other contents of the folder, also a predictor that only lacks its evaluation.
    log : callable
        Called with each line of the log.

    Returns
    -------
    TrainedPredictor
        `metrics` holds errors and coverage on held-out rows.

    Raises
    ------
    ConfigError
        For an unknown column, split or setting.
    DataError
        If too few rows can be used.

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005.

    Examples
    --------
    >>> import sciencegen as sg
    >>> table = "item,value\n" + "\n".join(f"{'C' * n}O,{n}" for n in range(1, 31))
    >>> _ = open("measured.csv", "w").write(table)
    >>> trained = sg.train_predictor("molecules", "measured.csv", target="value", folder="predictor", threads=1,
    ...                              settings={"families": ["ridge"], "folds": 3}, evaluation_repeats=None)
    >>> trained.metrics["rows"]
    30
    """
    chosen = build_settings(PredictorSettings, {**options, "table": str(table)})
    return fit_predictor(domain, table, chosen, folder=folder, force=force, log=log)


def fit_predictor(
    domain: str, table: str | Path, chosen: PredictorSettings, *, folder: str | Path, force: bool = False,
    log: Callable[[str], None] = lambda text: None,
) -> TrainedPredictor:  # fmt: skip
    """`train_predictor` with a settings record."""
    if chosen.form:
        from sciencegen.api.predictors.points import train_point_predictor

        return train_point_predictor(domain, str(table), chosen, folder, force, log)
    check_predictor(domain, chosen)
    with reserved(folder):
        return _fit_tabular(domain, str(table), chosen, folder, force, log)


def _fit_tabular(
    domain: str, table: str, chosen: PredictorSettings, folder: str | Path, force: bool, log: Callable[[str], None]
) -> TrainedPredictor:
    from sciencegen import prediction

    rows, files = read_rows(domain, table, chosen)
    rows = list(without_target(domain_of(domain), rows, chosen.target))
    model = ModelInputs(domain, chosen.model, chosen.threads, chosen.device)
    scores = model.loaded.recipe.oracles if chosen.model else None
    inputs = chosen.settings.get("inputs", "scored" if scores and scores.inform_predictors else "features")
    if (device := "cpu" if chosen.device == "auto" else resolve_device(chosen.device)) != "cpu" and not chosen.model:
        log(f"note: nothing here is computed on `device` {device}: regressions of features take the CPU")
    usable = usable_rows(domain, rows, chosen)
    for note in [*notes_of_splits(table), *usable.notes]:
        log(f"note: {note}")
    if inputs != "features" and chosen.model:
        log(f"computing inputs of {len(usable.texts)} items by {chosen.model}")
    tables, features, refused = predictor_data(domain, chosen, inputs, usable, model)
    wanted = {**features.defaults, **chosen.settings, "inputs": inputs}
    options = to_record(prediction.PredictorSettings, wanted, "predictor settings")
    identity = identity_of_rows(domain, usable, files, chosen)
    saved = awaits_figures(folder) and not force
    if saved and not is_same(RunFolder(folder), identity):
        refuse_taken(RunFolder(folder), force, identity)
    log(f"{len(tables.values)} items with '{chosen.target}', {len(refused)} refused, of {len(rows)} rows")
    counts: Json = {"rows": len(tables.values), "refused": len(refused)}
    without = sum(chosen.target not in row.values for row in rows)
    used = {"used": counts["rows"], "without a number": without, "refused": len(refused) - without}
    counts |= ledger("rows", len(rows), used)
    observing = observing_of(domain, usable.texts)
    if saved:
        log("evaluating on held-out rows")
        run, fitted = RunFolder(folder), prediction.load(folder)
    else:
        generator = np.random.default_rng(chosen.seed)
        fitted = prediction.fit_predictor(tables, options, generator, features.made_by, log)
        run = RunFolder(folder)
        write_observing(run, observing)
        FittedPredictor(fitted, counts, usable.keys, refused, files, identity).write(domain, table, chosen, run)
    figures = measured(lambda: evaluated(run, tables, options, chosen, log), run, log)
    run.write_json(METRICS, {**counts, **figures})
    if is_measured(run):
        (run / IDENTITY).unlink()
    metrics = {**counts, **figures}
    return TrainedPredictor(domain, run.path, fitted, chosen.target, chosen.model, metrics, observing=observing)


def check_predictor(domain: str, chosen: PredictorSettings) -> None:
    """Check the settings before the table is read."""
    if chosen.form:
        from sciencegen.api.predictors.points import point_options

        point_options(domain, chosen)
        return
    from sciencegen import prediction

    if chosen.split is not None and chosen.split not in known_splits(domain):
        raise unknown_name(f"split of {plain_name(domain)}", chosen.split, known_splits(domain))
    to_record(prediction.PredictorSettings, chosen.settings, "predictor settings")
    reference_of(domain_of(domain), chosen.wild_type)


# Regressors with intervals on a user's table of features: its rows, the figures, and the folder.


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
        for note in one.notes:
            log(f"note: {note}")
    write_held_out(run.path, found)
    return {split: one.figures() for split, one in found.items()}


EVALUATION = {"evaluation_folds", "evaluation_repeats"}
"""Settings of the figures alone."""


def identity_of_rows(domain: str, rows: UsableRows, files: Sequence[Path], chosen: PredictorSettings) -> Json:
    """As `identity_of`, of the rows that were read. A folder keeps it while a saved predictor has no figures."""
    data = {"name": chosen.table, "sha256": rows.sha256(files)}
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

    def write(self, domain: str, table: str, chosen: PredictorSettings, run: RunFolder) -> None:
        """Write all files of the folder, without figures, and last the identity by which an equal call knows that they
        are whole."""
        from sciencegen.prediction import save

        (run / IDENTITY).unlink(missing_ok=True)  # of an earlier predictor
        if self.refused:
            write_rejects(run / REJECTS, self.refused)
        else:  # left by an earlier run
            (run / REJECTS).unlink(missing_ok=True)
        files = self.files
        inputs = {file.name if chosen.table == "-" else str(file): file for file in files}  # stdin: a temporary file
        made = provenance(["sciencegen", "train", "predictor"], chosen.seed, inputs)
        config = {"format_version": FORMAT_VERSION, "domain": domain, "target": chosen.target}
        config["model"] = reference_to(domain, chosen.model, run.path)
        run.write_yaml(CONFIG, {**config, "table": files[0].name if files else table, "provenance": made})
        run.write_json(METRICS, {**self.counts, **NOT_YET})
        write_training_keys(run, self.keys)
        (run / HELD_OUT).unlink(missing_ok=True)  # of an earlier predictor
        save(self.predictor, run.path)
        run.write_json(IDENTITY, self.identity)


def usable_rows(domain: str, rows: Sequence[Row], settings: PredictorSettings) -> UsableRows:
    """Rows that are items and have a value; an error if there are none."""
    from sciencegen.prediction.columns import packed

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
    at_once = (features[start : start + ITEMS_AT_ONCE] for start in range(0, len(features), ITEMS_AT_ONCE))
    own = None if features[0] is None else packed(map(np.stack, at_once))
    left_out = LeftOut(domain_of(domain))
    left_out.look([row for row, _ in pairs])
    notes = [*left_out.notes, *numbering.notes, *conflicts.notes, *domain_of(domain).regression.notes(texts)]
    return UsableRows([row for row, _ in pairs], texts, keys, values, list(groups), own, sorted(refused), notes)
