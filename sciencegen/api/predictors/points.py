"""Predictors by neural networks whose inputs are the points of items, in a form of the domain that has points."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
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
from sciencegen.api.predictors.folder import (
    HELD_OUT,
    TRAINING_KEYS,
    TrainedPredictor,
    load_point_predictor,
    split_targets,
    write_training_keys,
)
from sciencegen.api.science import InDomain, describe, domain_of, in_form, plain_of, points_of
from sciencegen.api.sources.tables import read_rows
from sciencegen.config import PredictorSettings
from sciencegen.data.prepared import REJECTS
from sciencegen.data.threads import use_threads
from sciencegen.data.writers import Refused, write_rejects
from sciencegen.domains.capabilities import Points
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Json, Refusal
from sciencegen.networks.harmonics import HarmonicSettings
from sciencegen.prediction.predictor import Prediction
from sciencegen.prediction.storage import ARRAYS, NUMBERS
from sciencegen.records import ledger, to_record
from sciencegen.runs import FORMAT_VERSION, RunFolder, provenance
from sciencegen.training.processes import check_follows, is_follower, silent
from sciencegen.training.progress import Steps

if TYPE_CHECKING:
    from sciencegen.batch import Batch
    from sciencegen.networks.harmonics import PropertyNetwork
    from sciencegen.prediction.columns import Baseline
    from sciencegen.prediction.points import PointPredictor
    from sciencegen.training import TrainingSettings


# Training data of property networks: items with points and values, and which of them are held out.

TRAINING = {"steps": 40_000, "batch_size": 16, "learning_rate": 1e-2, "warmup_steps": 100, "weight_decay": 0.0}
"""`training.TrainingSettings` for these networks, whose weights are of order one. About an hour for each network on
QM9, on one core (some 180 molecules per second)."""


@dataclass(frozen=True)
class PointPredictorSettings:
    """members: number of networks, each with its own seed. held_out: share of items that no network is trained on; half
    of them calibrate the intervals, half are for metrics. level: of the intervals. training: changes of TRAINING."""

    members: int = 2
    held_out: float = 0.1
    level: float = 0.9
    network: HarmonicSettings = field(default_factory=lambda: HarmonicSettings(96, 32, 8, reach=4.0, narrowing=4))
    training: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.members < 1 or not 0 < self.held_out <= 0.5:
            raise ConfigError(f"Expected members >= 1 and held_out in (0, 0.5], got {self.members}, {self.held_out}.")


@dataclass(frozen=True)
class Locate(InDomain):
    """Texts to (key, points) each, or a refusal; runs in the workers. The key is that of the plain domain: items with
    the same key (conformers of a molecule) are held out together."""

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, Points] | Refusal]:
        domain, plain = domain_of(self.domain), plain_of(self.domain)
        parsed = [domain.items.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        located = zip(items, points_of(self.domain)(items), strict=True) if items else ()
        rows = iter([one if isinstance(one, Refusal) else (plain.items.key(item), one) for item, one in located])
        return [item if isinstance(item, Refusal) else next(rows) for item in parsed]


@dataclass(frozen=True)
class Located:
    """Items with keys, points and values [item target] (NaN: unknown). part: 0 trains, 1 calibrates, 2 tests."""

    targets: tuple[str, ...]
    keys: Sequence[str]
    items: Sequence[Points]
    values: np.ndarray
    part: np.ndarray
    refused: list[Refused]
    files: list[Path]

    @property
    def counts(self) -> Json:
        """The numbers of items and of refused rows, and what became of all rows."""
        rows, refused, trained = len(self.items), len(self.refused), int((self.part == 0).sum())
        parts = {"trained on": trained, "held out": rows - trained, "refused": refused}
        return {"rows": rows, "refused": refused, **ledger("rows", rows + refused, parts)}

    def of(self, part: int) -> tuple[list[Points], np.ndarray]:
        rows = np.flatnonzero(self.part == part)
        return [self.items[row] for row in rows.tolist()], self.values[rows]


def read_located(form: str, table: str, chosen: PredictorSettings, options: PointPredictorSettings) -> Located:
    """Read the usable rows and split them; the split depends on the table and the seed only."""
    rows, files = read_rows(form, table, chosen)
    targets = split_targets(chosen.target)
    columns = sorted({name for row in rows for name in row.values})
    for name in targets:
        if name not in columns:
            raise DataError(str(unknown_name(f"column of numbers in {table}", name, columns or ["none found"])))
    usable = [row for row in rows if any(name in row.values for name in targets)]
    refused = [(r.line, r.text, f"no number in '{chosen.target}'") for r in rows if not set(targets) & set(r.values)]
    good, unreadable = describe(Locate(form), usable, chosen.threads)
    if not good:
        raise DataError(f"Expected usable rows in {table}, all {len(rows)} were refused: {unreadable[0][2]}.")
    values = np.array([[row.values.get(name, np.nan) for name in targets] for row, _ in good])
    items = [one for _, (_, one) in good]
    keys = [key for _, (key, _) in good]
    part = _parts(keys, items, values, chosen.seed, options)
    check_parts(part, values, targets)
    return Located(targets, keys, items, values, part, sorted(refused + unreadable), files)


def _parts(
    keys: Sequence[str], items: Sequence[Points], values: np.ndarray, seed: int, options: PointPredictorSettings
) -> np.ndarray:
    """0, 1 or 2 for each row. Equal keys stay together; rows with point types that part 0 would lack go to part 0."""
    from sciencegen.prediction.conformal import ranks

    labels = np.unique(np.asarray(keys), return_inverse=True)[1]
    draws = np.random.default_rng([seed, 0]).random(labels.max() + 1)[labels]
    part = np.where(draws < options.held_out / 2, 1, np.where(draws < options.held_out, 2, 0))
    types = set[int]().union(*(one.numbers.tolist() for one, place in zip(items, part, strict=True) if place == 0))
    part[[not types.issuperset(one.numbers.tolist()) for one in items]] = 0
    for column in values.T:  # raises before training if there are too few
        ranks(options.level, int(np.isfinite(column[part == 1]).sum()))
    return part


def check_parts(part: np.ndarray, values: np.ndarray, targets: Sequence[str]) -> None:
    """Raise an error for a target without values to train or test on."""
    for place, what in ((0, "to train on"), (2, "to test on")):
        known = np.isfinite(values[part == place]).any(0)
        if missing := [name for name, one in zip(targets, known, strict=True) if not one]:
            raise DataError(
                f"Expected a value {what} of each target, found none of {', '.join(missing)} in that part of the "
                f"{len(part)} rows. Give more rows, or another held_out or seed."
            )


# Training of an ensemble, and its folder.

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
    options = point_options(domain, chosen)
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
        from sciencegen.prediction.points import load_points

        fitted = load_points(run.path).on(resolve_device(chosen.device))
        figures = measured(lambda: _figures(fitted, data), run, log)
        run.write_json(METRICS, {**data.counts, **figures})
        return load_point_predictor(domain, run)


def _training(chosen: PredictorSettings, options: PointPredictorSettings, seed: int) -> TrainingSettings:
    """Settings of one network's training."""
    from sciencegen.training import TrainingSettings

    settings = to_record(TrainingSettings, {**TRAINING, **options.training, "seed": seed}, "training settings")
    return settings.on(resolve_device(chosen.device))


def point_options(domain: str, chosen: PredictorSettings) -> PointPredictorSettings:
    """The checked settings, before the table is read."""
    from sciencegen.training import TrainingSettings

    points_of(in_form(domain, chosen.form))
    options = to_record(PointPredictorSettings, chosen.settings, "predictor settings", PointPredictorSettings())
    to_record(TrainingSettings, {**TRAINING, **options.training}, "training settings")
    return options


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
    from sciencegen.prediction.columns import fit_baseline
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

    from sciencegen.networks.harmonics import PropertyNetwork
    from sciencegen.training.train import train as fit

    seed = int(np.random.SeedSequence([chosen.seed, number]).generate_state(1)[0])
    training = _training(chosen, options, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PropertyNetwork(len(batches.types), baseline.readouts, options.network)
    weights = run / f"{MEMBERS}/{number}/{WEIGHTS}"
    if weights.exists():
        network.load_state_dict(load_file(weights))
        return network.to(resolve_device(chosen.device)).eval()
    progress, device = Steps(log, f"network {number + 1}, "), resolve_device(chosen.device)
    fit(network, batches.of(training), training, weights.parent, device, progress)
    write_weights(weights, network.to("cpu").state_dict())
    return network.to(device).eval()


def _write(run: RunFolder, domain: str, data: Located, chosen: PredictorSettings, fitted: PointPredictor) -> None:
    """Write the folder's files without its figures, the arrays last."""
    from sciencegen.prediction.points import save_points

    if data.refused:
        write_rejects(run / REJECTS, data.refused)
    run.write_json(METRICS, {**data.counts, **NOT_YET})
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
