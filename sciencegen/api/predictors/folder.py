"""Trained predictors: find and load their folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sciencegen.api.models.folder import CONFIG, METRICS, pretrained_root, referred_to
from sciencegen.api.predictors.inputs import ModelInputs, predictor_oracle, read_observing
from sciencegen.api.science.forms import adapted, in_form, plain_name, points_of
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import write_table
from sciencegen.domains.capabilities import Instrument
from sciencegen.errors import ConfigError, DataError, IncompatibleError, converted, nearest_names, unknown_name
from sciencegen.files import atomic_write
from sciencegen.metrics.sets import KeyFilter
from sciencegen.runs import RunFolder, check_format
from sciencegen.scoring.forward_model_oracle import ForwardModelOracle
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    from sciencegen.figures.style import Figure
    from sciencegen.prediction import HeldOutEvaluation, Predictor
    from sciencegen.prediction.points import PointPredictor
    from sciencegen.report.paper_figures import PlottedPredictions


# Predictions of held-out rows in a predictor's folder, from which its calibration is plotted.

HELD_OUT = "held_out.csv"
NUMBERS = ("measured", "predicted", "lower", "upper")
COLUMNS = ("split", "row", *NUMBERS, "in_domain")
"""Columns of the file. row: of the rows that were used, from 0."""


def write_held_out(folder: Path, evaluations: Mapping[str, HeldOutEvaluation]) -> None:
    """Write the predictions of all splits."""
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for split, one in evaluations.items():
        arrays = one.row, one.measured, one.predicted, one.lower, one.upper, one.inside
        columns["split"] += [split] * one.rows
        for name, values in zip(COLUMNS[1:], arrays, strict=True):
            columns[name] += values.tolist()
    write_table(folder / HELD_OUT, columns)


def read_held_out(folder: Path, split: str, level: float) -> PlottedPredictions:
    """The predictions of a split; an error for a predictor without the file, and for a split that wasn't evaluated."""
    import pandas as pd

    from sciencegen.report.paper_figures import PlottedPredictions

    path = folder / HELD_OUT
    if not path.is_file():
        raise ConfigError(
            f"Expected predictions of held-out rows in {path}, found no file: point predictors, and those that an "
            "earlier version trained, have none. Train it again."
        )
    try:
        table = pd.read_csv(path)
        own = table[table["split"] == split]
        numbers = own[list(NUMBERS)].to_numpy(np.float64)
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        expected = ", ".join(COLUMNS)
        raise DataError(f"Expected the columns {expected} in {path}, found others. Train it again.") from error
    if not len(own):
        raise unknown_name("split", split, sorted(set(table["split"].astype(str))))
    measured, predicted, lower, upper = numbers.T
    return PlottedPredictions(measured, predicted, lower, upper, level)


SHIPPED = "predictors"
"""The folder of predictors among the shipped weights."""


@dataclass(frozen=True)
class TrainedPredictor:
    """A loaded predictor. model: the generative model whose latents or scores are inputs, or None."""

    domain: str
    folder: Path
    predictor: Predictor | PointPredictor
    target: str
    model: str | None
    metrics: Mapping[str, Any]
    form: str = ""
    """The form of items that is the input; if set, it is a `PointPredictor` and may have several targets, `a,b,c`."""
    observing: Instrument | None = None
    """The instrument by which the training items were observed, or None."""

    @property
    def targets(self) -> tuple[str, ...]:
        return split_targets(self.target) if self.form else (self.target,)

    def plot_calibration(self, split: str = "random") -> Figure:
        """Predictions of held-out rows against measurements, and how often their intervals hold the measured value.

        Parameters
        ----------
        split : str
            How held-out rows were chosen: one of the splits in `metrics`, such as "random" or "grouped".

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a page; save it by `savefig`.

        Raises
        ------
        ConfigError
            For a split that wasn't evaluated, or a predictor that holds no such predictions.
        """
        from sciencegen.report.paper_figures import predictions_figure

        level = self.metrics.get(split, {}).get("level", 0.9)
        return predictions_figure(read_held_out(self.folder, split, level), self.target)

    def oracle(self, name: str) -> Oracle:
        """The predictor as an oracle with any name; if it has several targets, the name chooses the target."""
        if self.form:
            return self._point_oracle(name)
        predictor = cast("Predictor", self.predictor)
        oracle = adapted(self.domain, predictor_oracle(self.domain, name, predictor, self._model))
        return oracle if self.observing is None else ForwardModelOracle(oracle, self.observing)

    def _point_oracle(self, name: str) -> Oracle:
        from sciencegen.prediction.points import PointOracle

        target = target_called(name, self.targets, self.folder.name)
        inference_threads(1)  # rounding depends on it
        points = points_of(in_form(plain_name(self.domain), self.form))
        return PointOracle(name, cast("PointPredictor", self.predictor), target, points)

    @property
    def _model(self) -> ModelInputs:
        return ModelInputs(self.domain, self.model)


def split_targets(target: str) -> tuple[str, ...]:
    """Names of several targets, `a,b,c`."""
    return tuple(name.strip() for name in target.split(","))


def target_called(name: str, targets: Sequence[str], folder: str) -> str:
    """The target that a name stands for: any name for the only one, else that of a target."""
    if name not in targets and len(targets) > 1:
        raise unknown_name(f"target of the predictor {folder}, which goes by its targets' names,", name, targets)
    return name if name in targets else targets[0]


def shipped_predictors() -> list[str]:
    """Names of the shipped predictors."""
    return sorted(path.parent.name for path in (pretrained_root() / SHIPPED).glob(f"*/{CONFIG}"))


def shipped_targets(domain: str) -> dict[str, str]:
    """Property -> name of the shipped predictor for it."""
    found: dict[str, str] = {}
    for name in shipped_predictors():
        config = RunFolder(find_predictor(name), create=False).read_yaml(CONFIG)
        if config["domain"] == plain_name(domain):
            found = dict.fromkeys(split_targets(config["target"]), name) | found
    return found


def find_predictor(folder: str | Path) -> Path:
    """The folder itself, or that of the shipped predictor with this name."""
    if os.path.exists(folder):
        return Path(folder)
    shipped = pretrained_root() / SHIPPED / str(folder)
    if os.path.isfile(shipped / CONFIG):
        return shipped
    near = nearest_names(str(folder), shipped_predictors())
    remedy = f"Did you mean '{near[0]}'?" if near else "Train one with `sciencegen train predictor`."
    names = ", ".join(shipped_predictors()) or "none"
    raise DataError(
        f"Expected a predictor's folder or a shipped one ({names}), "
        f"found nothing at {Path(folder).absolute()}. {remedy}"
    )


def load_predictor(domain: str, folder: str | Path) -> TrainedPredictor:
    """The predictor in a folder, or the shipped one with this name."""
    from sciencegen import prediction

    run = RunFolder(find_predictor(folder), create=False)
    config = run.read_yaml(CONFIG)
    if not isinstance(config, dict):
        raise IncompatibleError(
            f"Expected a predictor's settings in {run / CONFIG}, found something else. Copy the folder again."
        )
    check_format(config.get("format_version"), str(run / CONFIG))
    if config.get("domain") != plain_name(domain) or "target" not in config:
        raise IncompatibleError(f"Expected a predictor for {domain} in {folder}, found one for {config.get('domain')}.")
    for name in ("target", "form", "model"):
        if config.get(name) is not None and not isinstance(config[name], str):
            raise IncompatibleError(
                f"Expected text for {name} in {run / CONFIG}, found {config[name]!r}. Copy the folder again."
            )
    if config.get("form"):
        return load_point_predictor(domain, run)
    metrics, observing = run.read_json(METRICS), read_observing(domain, run)
    target, model = config["target"], referred_to(config.get("model"), run.path)
    return TrainedPredictor(domain, run.path, prediction.load(run.path), target, model, metrics, observing=observing)


def load_point_predictor(domain: str, run: RunFolder) -> TrainedPredictor:
    """The `PointPredictor` in a folder, with the form of items that it was trained on."""
    from sciencegen.prediction.points import load_points

    config = run.read_yaml(CONFIG)
    metrics = run.read_json(METRICS)
    return TrainedPredictor(domain, run.path, load_points(run.path), config["target"], None, metrics, config["form"])


# Hashes of the items that a predictor was trained on, in its folder: what it has learned from is no discovery.

TRAINING_KEYS = "training_keys.npy"


def write_training_keys(run: RunFolder, keys: Iterable[str]) -> None:
    """Write the sorted hashes of the keys of the items."""
    with atomic_write(run / TRAINING_KEYS, "wb") as file:
        np.save(file, KeyFilter.of(keys).hashes, allow_pickle=False)


def read_training_keys(folder: str | Path) -> KeyFilter | None:
    """The keys of the items that the predictor in a folder was trained on; None where it doesn't keep them, as those
    of version 0.1."""
    path = Path(folder) / TRAINING_KEYS
    if not path.exists():
        return None
    with converted(lambda error: _damaged(path, f"{type(error).__name__}: {str(error)[:200]}")):
        hashes = np.load(path, allow_pickle=False)
    is_list = isinstance(hashes, np.ndarray) and hashes.dtype == np.uint32 and hashes.ndim == 1
    if not is_list or (np.diff(hashes.astype(np.int64)) <= 0).any():
        raise _damaged(path, "other numbers")
    return KeyFilter(hashes)


def _damaged(path: Path, found: str) -> IncompatibleError:
    remedy = "Copy the folder again, or train it again."
    return IncompatibleError(f"Expected sorted hashes in {path}, found {found}. {remedy}")
