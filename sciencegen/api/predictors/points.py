"""Predictors by neural networks whose inputs are the points of items, in a form of the domain that has points."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.models.folder import (
    CONFIG,
    METRICS,
    NOT_YET,
    WEIGHTS,
    is_measured,
    measured,
    resolve_device,
    write_weights,
)
from sciencegen.api.models.identity import IDENTITY, identity_of, is_prepared, is_same
from sciencegen.api.predictors.folder import TrainedPredictor, load_point_predictor
from sciencegen.api.predictors.held_out import HELD_OUT
from sciencegen.api.predictors.point_data import TRAINING, Located, PointPredictorSettings, read_located
from sciencegen.api.predictors.training_keys import TRAINING_KEYS, write_training_keys
from sciencegen.api.science.forms import domain_of, in_form, points_of
from sciencegen.config import PredictorSettings
from sciencegen.data.prepared import REJECTS
from sciencegen.data.threads import use_threads
from sciencegen.data.writers import write_rejects
from sciencegen.domains.capabilities import Points
from sciencegen.errors import ConfigError
from sciencegen.prediction.predictor import Prediction
from sciencegen.prediction.storage import ARRAYS, NUMBERS
from sciencegen.records import to_record
from sciencegen.runs import FORMAT_VERSION, RunFolder, provenance
from sciencegen.training.processes import check_follows, is_follower, silent
from sciencegen.training.progress import Steps

if TYPE_CHECKING:  # torch takes seconds to import
    from sciencegen.batch import Batch
    from sciencegen.networks.equivariant.properties import PropertyNetwork
    from sciencegen.prediction.baselines import Baseline
    from sciencegen.prediction.points import PointPredictor
    from sciencegen.training import TrainingSettings

Log = Callable[[str], None]

MEMBERS = "members"
"""The subfolder where the networks are trained; their logs are kept there."""

OF_ANY = (ARRAYS, NUMBERS, CONFIG, METRICS, REJECTS, TRAINING_KEYS, HELD_OUT)
"""Files that any trained predictor has."""

MADE = (*OF_ANY, MEMBERS, IDENTITY)


def train_point_predictor(
    domain: str, table: str, chosen: PredictorSettings, folder: str | Path, force: bool, log: Log
) -> TrainedPredictor:
    """Train, calibrate and evaluate an ensemble, and write its folder. The same call resumes a killed one."""
    form = in_form(domain, chosen.form)
    options = to_record(PointPredictorSettings, chosen.settings, "predictor settings", PointPredictorSettings())
    training = _training(chosen, options, chosen.seed)
    run = RunFolder(folder)
    follows = is_follower(training.count, training.nodes)
    with nullcontext() if follows else run.lock():
        whole = Path(table).parent  # the table may be a split of a prepared dataset
        source = whole if is_prepared(whole) and not Path(table).exists() else table
        identity = identity_of(form, source, chosen.column, chosen)
        trained = run.has(ARRAYS, CONFIG)
        # A killed one is resumed, with or without `force`.
        going_on = is_same(run, identity) and not (force and trained)
        if going_on and trained and is_measured(run):
            _drop_members(run)  # left by a call that was killed before it did so
            log(f"{run.path} is finished already; `force` trains it again")
            return load_point_predictor(domain, run)
        if follows:
            check_follows(lambda: is_same(run, identity), run.path, training.nodes)
            if going_on and trained:
                raise SystemExit(0)  # the first process computes the figures
            log = silent
        elif not going_on:
            _refuse_taken(run, force)
        use_threads(chosen.threads)
        data = read_located(form, table, chosen, options)
        log(f"{len(data.items)} items with {', '.join(data.targets)}, {len(data.refused)} refused")
        if not going_on:  # replace the earlier one only now, after all checks
            _clear(run)
            run.write_json(IDENTITY, identity)
        if going_on and trained:
            log("evaluating on held-out rows")
        else:
            _train(domain, run, data, chosen, options, log)
        _drop_members(run)
        from sciencegen.prediction.point_storage import load_points

        figures = measured(lambda: _figures(load_points(run.path), data), run, log)
        run.write_json(METRICS, {"rows": len(data.items), "refused": len(data.refused), **figures})
        return load_point_predictor(domain, run)


def _training(chosen: PredictorSettings, options: PointPredictorSettings, seed: int) -> TrainingSettings:
    """Settings of one network's training."""
    from sciencegen.training import TrainingSettings

    settings = to_record(TrainingSettings, {**TRAINING, **options.training, "seed": seed}, "training settings")
    return settings.on(resolve_device(chosen.device))


def check_point_predictor(domain: str, chosen: PredictorSettings) -> None:
    """Check the settings before the table is read."""
    from sciencegen.training import TrainingSettings

    points_of(in_form(domain, chosen.form))
    options = to_record(PointPredictorSettings, chosen.settings, "predictor settings", PointPredictorSettings())
    to_record(TrainingSettings, {**TRAINING, **options.training}, "training settings")


def _refuse_taken(run: RunFolder, force: bool) -> None:
    """Raise an error if the folder isn't empty; with `force`, only if foreign files would be overwritten."""
    if not force and any(not path.name.startswith(".") for path in run.path.iterdir()):
        raise ConfigError(f"{run.path} holds something else. Pass `force` to overwrite it, or another `output`.")
    ours = _made_here(run)
    if foreign := [name for name in MADE if name not in ours and run.has(name)]:
        raise ConfigError(
            f"Expected a predictor's folder or none in {run.path}, found {', '.join(foreign)} of something else. "
            "Pass another `output`, or move them."
        )


def _made_here(run: RunFolder) -> Sequence[str]:
    """Names that belong to a predictor in this folder; predictors of features have no networks, and no identity once
    they have their figures."""
    trained = run.read_json(IDENTITY) if run.has(IDENTITY) else None
    if isinstance(trained, dict) and "target" in (settings := dict(trained.get("train") or {})):
        return MADE if settings.get("form") else (*OF_ANY, IDENTITY)
    numbers = run.read_json(NUMBERS) if run.has(NUMBERS) else None
    return OF_ANY if isinstance(numbers, dict) and "arrays_sha256" in numbers else ()


def _clear(run: RunFolder) -> None:
    """Remove the files of an earlier training; the identity is removed last."""
    for name in OF_ANY:
        (run / name).unlink(missing_ok=True)
    if run.has(IDENTITY):
        shutil.rmtree(run / MEMBERS, ignore_errors=True)
        (run / IDENTITY).unlink()


def _train(
    domain: str, run: RunFolder, data: Located, chosen: PredictorSettings, options: PointPredictorSettings, log: Log
) -> None:
    """Train, calibrate and save the ensemble."""
    from sciencegen.prediction.baselines import fit_baseline
    from sciencegen.prediction.points import PointPredictor, calibrate, opinions, total_charge, type_counts

    items, values = data.of(0)
    types = np.unique(np.concatenate([one.numbers for one in items]))
    structures = domain_of(in_form(domain, chosen.form)).structures
    named = {} if structures is None else structures.readouts
    counts = type_counts(items, types)
    baseline = fit_baseline(counts, values, [named.get(name) for name in data.targets])
    log(", ".join(f"{name} by {one}" for name, one in zip(data.targets, baseline.readouts, strict=True)))
    batches = Batches(items, types, baseline.standardized(counts, values))
    networks = tuple(_member(run, number, batches, baseline, chosen, options, log) for number in range(options.members))
    log("calibrating and evaluating on held-out rows")
    items_to_calibrate, measured = data.of(1)
    conformal = calibrate(measured, *opinions(networks, baseline, types, items_to_calibrate), options.level)
    sizes = [len(one.numbers) for one in items]
    charges = tuple(sorted(set(map(total_charge, items))))
    fitted = PointPredictor(
        data.targets, types, min(sizes), max(sizes), baseline, options.network, networks, conformal, options.level,
        charges,
    )  # fmt: skip
    _write(run, domain, data, chosen, fitted)


@dataclass(frozen=True)
class Batches:
    """Batches of items of similar size. answers: [item target], standardized."""

    items: Sequence[Points]
    types: np.ndarray
    answers: np.ndarray

    def of(self, training: TrainingSettings) -> Callable[[int], Iterator[Batch]]:
        from sciencegen.prediction.points import point_batch
        from sciencegen.training import batch_order

        sizes = np.array([len(one.numbers) for one in self.items])

        def start(step: int) -> Iterator[Batch]:
            for rows in batch_order(len(sizes), training.batch_size, training.seed, step, sizes):
                yield point_batch([self.items[row] for row in rows], self.types, self.answers[rows])

        return start


def _member(
    run: RunFolder, number: int, batches: Batches, baseline: Baseline, chosen: PredictorSettings,
    options: PointPredictorSettings, log: Log,
) -> PropertyNetwork:  # fmt: skip
    """One network: trained in its own folder, or loaded from there if it is finished."""
    import torch
    from safetensors.torch import load_file

    from sciencegen.networks.equivariant.properties import PropertyNetwork
    from sciencegen.training.train import train as fit

    seed = int(np.random.SeedSequence([chosen.seed, number]).generate_state(1)[0])
    training = _training(chosen, options, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PropertyNetwork(len(batches.types), baseline.readouts, options.network)
    weights = run / f"{MEMBERS}/{number}/{WEIGHTS}"
    if weights.exists():
        network.load_state_dict(load_file(weights))
        return network.eval()
    progress = Steps(log, f"network {number + 1}, ")
    fit(network, batches.of(training), training, weights.parent, resolve_device(chosen.device), progress)
    network.to("cpu")
    write_weights(weights, network.state_dict())
    return network.eval()


def _write(run: RunFolder, domain: str, data: Located, chosen: PredictorSettings, fitted: PointPredictor) -> None:
    """Write the folder's files without its figures, the arrays last."""
    from sciencegen.prediction.point_storage import save_points

    if data.refused:
        write_rejects(run / REJECTS, data.refused)
    run.write_json(METRICS, {"rows": len(data.items), "refused": len(data.refused), **NOT_YET})
    made = provenance(["sciencegen", "train", "predictor"], chosen.seed, {str(path): path for path in data.files})
    config = {"format_version": FORMAT_VERSION, "domain": domain, "form": chosen.form, "target": chosen.target}
    run.write_yaml(CONFIG, {**config, "table": chosen.table, "settings": chosen.settings, "provenance": made})
    write_training_keys(run, data.keys)
    save_points(fitted, run.path)


def _drop_members(run: RunFolder) -> None:
    """Remove weights and checkpoints of the networks, which the predictor's arrays hold."""
    for folder in (run / MEMBERS).glob("*"):
        (folder / WEIGHTS).unlink(missing_ok=True)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _figures(fitted: PointPredictor, data: Located) -> dict[str, dict[str, float]]:
    """Target -> errors, those of predicting the mean, and coverage, on held-out test items."""
    from sciencegen.prediction.evaluation import summarize

    items, values = data.of(2)
    figures, found, usual = {}, fitted.predict(items), np.nanmean(data.of(0)[1], axis=0)
    for column, (name, prediction) in enumerate(found.items()):
        known = np.flatnonzero(np.isfinite(values[:, column]))
        parts = (getattr(prediction, part)[known] for part in Prediction.__annotations__)
        guess = np.full(len(known), usual[column])
        evaluation = summarize("random", values[known, column], Prediction(*parts), guess, fitted.level, known)
        figures[name] = evaluation.figures()
    return figures
