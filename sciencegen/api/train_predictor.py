"""Train predictors: property regressors with intervals, from a user's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sciencegen.api.models.folder import METRICS, is_measured, measured
from sciencegen.api.models.identity import IDENTITY, is_same, refuse_taken
from sciencegen.api.predictors.folder import TrainedPredictor
from sciencegen.api.predictors.inputs import ModelInputs, known_splits, observing_of, predictor_data, write_observing
from sciencegen.api.predictors.tabular import (
    FittedPredictor,
    awaits_figures,
    evaluated,
    identity_of_rows,
    usable_rows,
    write_predictor,
)
from sciencegen.api.science.forms import domain_of, plain_name
from sciencegen.api.science.naming import reference_of
from sciencegen.api.sources.tables import notes_of_splits, read_rows, without_target
from sciencegen.config import PredictorSettings, build_settings
from sciencegen.errors import unknown_name
from sciencegen.files import reserved
from sciencegen.options import takes
from sciencegen.records import to_record
from sciencegen.runs import RunFolder


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
    log(f"{len(tables.values)} items with '{chosen.target}', {len(refused)} refused")
    counts = {"rows": len(tables.values), "refused": len(refused)}
    observing = observing_of(domain, usable.texts)
    if saved:
        log("evaluating on held-out rows")
        run, fitted = RunFolder(folder), prediction.load(folder)
    else:
        generator = np.random.default_rng(chosen.seed)
        fitted = prediction.fit_predictor(tables, options, generator, features.made_by, log)
        run = RunFolder(folder)
        write_observing(run, observing)
        made = FittedPredictor(fitted, counts, usable.keys, refused, files, identity)
        write_predictor(domain, table, chosen, run, made)
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
