"""Trained predictors: find and load their folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sciencegen.api.models.folder import CONFIG, METRICS, pretrained_root, referred_to
from sciencegen.api.science import adapted, domain_of, in_form, plain_name, plain_of, points_of, reference_of
from sciencegen.config import PredictorSettings
from sciencegen.data.damage import reason_of
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused, write_table
from sciencegen.domains.base import FittedFeatures, MakeSplit
from sciencegen.domains.capabilities import Instrument
from sciencegen.errors import ConfigError, DataError, IncompatibleError, converted, nearest_names, unknown_name
from sciencegen.files import atomic_write
from sciencegen.items import Item, Reference, Refusal, Row
from sciencegen.latent.space import MayNotEncode
from sciencegen.metrics.sets import KeyFilter
from sciencegen.records import Shown
from sciencegen.runs import RunFolder, canonical_json, check_format, sha256_of
from sciencegen.scoring.oracles import ForwardModelOracle, Oracle

if TYPE_CHECKING:
    from sciencegen.api.models.folder import LoadedModel
    from sciencegen.figures.style import Figure
    from sciencegen.prediction import HeldOutEvaluation, Predictor, PredictorOracle
    from sciencegen.prediction.columns import FeatureBlock, FeatureTable
    from sciencegen.prediction.points import PointPredictor
    from sciencegen.prediction.training_tables import Split, TrainingTables
    from sciencegen.report.content import CheckedPredictions


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


def read_held_out(folder: Path, split: str, level: float) -> CheckedPredictions:
    """The predictions of a split; an error for a predictor without the file, and for a split that wasn't evaluated."""
    import pandas as pd

    from sciencegen.report.content import CheckedPredictions

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
    return CheckedPredictions(measured, predicted, lower, upper, level)


# Predictors: shipped ones, and those in folders.

SHIPPED = "predictors"
"""The folder of predictors among the shipped weights."""


@dataclass(frozen=True)
class TrainedPredictor(Shown):
    """A loaded predictor. model: the generative model whose latents or scores are inputs, or None."""

    SHOWN = "target", "domain", "form", "model", "folder", "metrics"
    domain: str
    folder: Path
    predictor: Predictor | PointPredictor = field(repr=False)
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
        from sciencegen.report.plots import predictions_figure

        level = self.metrics.get(split, {}).get("level", 0.9)
        return predictions_figure(read_held_out(self.folder, split, level), self.target)

    @property
    def has_networks(self) -> bool:
        """Whether it, or the model of its inputs, is a neural network; else it is computed on the CPU alone."""
        return bool(self.form) or bool({"latents", "scores"}.intersection(cast("Predictor", self.predictor).columns))

    def oracle(self, name: str, device: str = "cpu") -> Oracle:
        """The predictor as an oracle with any name; if it has several targets, the name chooses the target. device: of
        its networks."""
        if self.form:
            return self._point_oracle(name, device)
        predictor, model = cast("Predictor", self.predictor), ModelInputs(self.domain, self.model, device=device)
        oracle = adapted(self.domain, predictor_oracle(self.domain, name, predictor, model))
        return oracle if self.observing is None else ForwardModelOracle(oracle, self.observing)

    def _point_oracle(self, name: str, device: str) -> Oracle:
        from sciencegen.prediction.points import PointOracle

        target = target_called(name, self.targets, self.folder.name)
        inference_threads(1)  # rounding depends on it
        points = points_of(in_form(plain_name(self.domain), self.form))
        return PointOracle(name, cast("PointPredictor", self.predictor).on(device), target, points)


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


# Features of items for regressors: the domain's own, or features that are fitted to the training items.


@dataclass(frozen=True)
class FeatureInputs:
    """Features of items of a domain. fitted: features that were fitted to items, for domains that fit them. columns:
    number of columns that a predictor was trained on, maybe with an earlier version; None: those of this version."""

    domain: str
    fitted: FittedFeatures | None = None
    columns: int | None = None

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        """[item feature], a row of NaN for items without features."""
        if self.fitted is None:
            regression = plain_of(self.domain).regression
            now = regression.features
            return (now if self.columns is None else regression.earlier.get(self.columns, now))(items)
        rows = self.fitted.encode(items)
        missing = np.full(sum(block.size for block in self.fitted.blocks), np.nan, np.float32)
        return np.stack([missing if isinstance(row, Refusal) else row for row in rows])

    @property
    def blocks(self) -> Sequence[FeatureBlock]:
        return () if self.fitted is None else self.fitted.blocks

    @property
    def defaults(self) -> Mapping[str, object]:
        return {} if self.fitted is None else self.fitted.defaults

    @property
    def made_by(self) -> Mapping[str, object]:
        return {} if self.fitted is None else self.fitted.to_json()


def features_as_saved(domain: str, predictor: Predictor) -> FeatureInputs:
    """The features that a predictor was trained on."""
    if not predictor.made_by:
        features = predictor.columns.get("features")
        return FeatureInputs(domain, columns=None if features is None else features.size)
    load = plain_of(domain).regression.load
    if load is None:
        raise IncompatibleError(f"Expected a predictor with features of {domain}, got one with fitted features.")
    with converted(
        lambda error: IncompatibleError(
            f"Expected a predictor with features of {domain}, got one whose features are missing or changed "
            f"({type(error).__name__}: {reason_of(error)}). Copy its folder again, or train it again."
        )
    ):
        return FeatureInputs(domain, load(predictor.made_by))


def fitted_features(domain: str, items: Sequence[Item], reference: Reference | None) -> FeatureInputs:
    """The domain's features, fitted to these items if the domain fits features."""
    fit = plain_of(domain).regression.fit
    return FeatureInputs(domain, None if fit is None else fit(items, reference))


# The inputs and the training tables of a predictor.

MakeTable = Callable[[Sequence[Item]], np.ndarray]
"""items -> [item column]"""

GENERIC_SPLITS = ("random", "grouped", "low-high")

ITEMS_AT_ONCE = 4096

LOOKED_AT = 64
"""Number of items from which the instrument is estimated."""

OBSERVING = "observing.json"


@dataclass(frozen=True)
class ModelInputs:
    """Inputs from a generative model: its latents, and the scores by its own oracles (`Recipe.oracles`)."""

    domain: str
    model: str | None
    threads: int | None = None
    """None: one compute chunk at a time, with torch's current number of threads."""
    device: str = "cpu"

    @cached_property
    def loaded(self) -> LoadedModel:
        from sciencegen.api.models.folder import load_model

        threads = 1 if self.threads is None else inference_threads(self.threads)
        return load_model(plain_name(self.domain), self.model, self.device, threads)

    @cached_property
    def scorers(self) -> Mapping[str, Oracle]:
        scorers = dict(self.loaded.usual_oracles)
        if not scorers:
            raise ConfigError(f"Expected a model that scores items, {self.model} has no scores. Pass inputs=features.")
        return scorers

    def latents(self, items: Sequence[Item]) -> np.ndarray:
        return latents_of(self.loaded, items)

    def scores(self, items: Sequence[Item]) -> np.ndarray:
        """[item scorer], NaN for scores that fail."""
        columns = [[score.value for score in scorer.score(items)] for scorer in self.scorers.values()]
        return np.array(columns, dtype=float).T.reshape(len(items), len(columns))

    def why_unscored(self, item: Item) -> str | None:
        found = [scorer.score([item])[0] for scorer in self.scorers.values()]
        return next((score.failure for score in found if score.failed), None)


def latents_of(loaded: LoadedModel, items: Sequence[Item]) -> np.ndarray:
    """Latents of items, a row of NaN for items that can't be encoded."""
    arrays = loaded.representation.encode(list(items))
    good = {row: array for row, array in enumerate(arrays) if not isinstance(array, Refusal)}
    latents = np.full((len(arrays), loaded.space.size), np.nan, np.float32)
    if good and not (isinstance(loaded.model, MayNotEncode) and not loaded.model.encodes):
        latents[list(good)] = loaded.space.encode_arrays(list(good.values()))
    return latents


def predictor_oracle(domain: str, name: str, predictor: Predictor, model: ModelInputs) -> PredictorOracle:
    """A trained predictor as an oracle, which gives a reason for items without a prediction."""
    from sciencegen.prediction.predictor import PredictorOracle

    features, wanted = features_as_saved(domain, predictor), predictor.columns
    latents = model.latents if "latents" in wanted else None
    scores = model.scores if "scores" in wanted else None

    def reason(item: Item) -> str | None:
        why = None if features.fitted is None else features.fitted.refusal(item)
        return why or (model.why_unscored(item) if scores else None)

    novel = None if features.fitted is None else features.fitted.novel
    return PredictorOracle(name, predictor, features, latents=latents, scores=scores, novel=novel, reason=reason)


def observing_of(domain: str, texts: Sequence[str]) -> Instrument | None:
    """The instrument by which the items were observed; None in domains without observations."""
    science = plain_of(domain)
    if science.observation is None:
        return None
    return science.observation.fit([science.items.parse(texts[row]) for row in evenly_spaced(len(texts), LOOKED_AT)])


def write_observing(run: RunFolder, observing: Instrument | None) -> None:
    """Write the instrument into the run's folder; None removes the file of an earlier training."""
    if observing is None:
        (run / OBSERVING).unlink(missing_ok=True)
    else:
        run.write_json(OBSERVING, observing.to_json())


def read_observing(domain: str, run: RunFolder) -> Instrument | None:
    """The instrument that `write_observing` wrote, or None; an error for a domain without instruments."""
    if not run.has(OBSERVING):
        return None
    observation = plain_of(domain).observation
    if observation is None:
        raise IncompatibleError(f"Expected a predictor of {domain} without an instrument, found {run / OBSERVING}.")
    content = run.read_json(OBSERVING)
    with converted(
        lambda error: IncompatibleError(
            f"Expected an instrument in {run / OBSERVING}, found something else ({type(error).__name__}: {error}). "
            "Copy the folder again, or train it again."
        ),
        unchanged=(),
    ):
        return observation.load(content)


@dataclass(frozen=True)
class UsableRows:
    """Rows that are items and have a value. keys: identities of the items. features: [item feature] that the workers
    computed; None if the domain fits features. refused: (line, text, reason) of the other rows; notes: messages about
    them."""

    rows: Sequence[Row]
    texts: Sequence[str]
    keys: Sequence[str]
    values: np.ndarray
    groups: list[str]
    features: FeatureTable | None
    refused: list[Refused]
    notes: list[str]

    def sha256(self, files: Sequence[Path]) -> str:
        """The checksum of the rows and of the files that they were read from."""
        read = canonical_json([self.texts, self.values, self.refused, [sha256_of(file) for file in files]])
        return hashlib.sha256(read.encode()).hexdigest()


def known_splits(domain: str) -> list[str]:
    """Names of the splits: those of every domain, then those of this domain."""
    return [*GENERIC_SPLITS, *plain_of(domain).regression.splits]


def split_of(
    domain: str, name: str | None, items: Sequence[Item], fitted: FittedFeatures | None, groups: Sequence[str],
    values: np.ndarray,
) -> Split | None:  # fmt: skip
    """The split with this name; None if the name is None, for the default of the predictor's settings."""
    from sciencegen.prediction.training_tables import Split

    if name is None:
        return None
    if name == "random":
        return Split()
    if name == "low-high":
        return Split(name, "order", values)
    splits: Mapping[str, MakeSplit | None] = {"grouped": None, **plain_of(domain).regression.splits}
    make = splits[name]
    if make is None:
        if not any(groups):
            raise ConfigError(f"Expected a domain with groups for `split` {name}, {plain_name(domain)} has none.")
        return Split(name, "groups", list(groups))
    if fitted is None:
        raise DataError(
            f"Expected items that have one reference in common for `split` {name} (proteins: variants of one length), "
            "found others. Pass `split` random."
        )
    return make(items, fitted)


def predictor_data(
    domain: str, chosen: PredictorSettings, inputs: str, usable: UsableRows, model: ModelInputs
) -> tuple[TrainingTables, FeatureInputs, list[Refused]]:
    """The training tables of these `inputs`, what computes the features of other items, and the refused rows, those
    for which the inputs can't be computed too."""
    from sciencegen.prediction.columns import packed
    from sciencegen.prediction.training_tables import INPUTS, TrainingTables

    science = domain_of(domain)
    items = [science.items.parse(text) for text in usable.texts]
    reference = reference_of(science, chosen.wild_type)
    made = fitted_features(domain, items, reference) if usable.features is None else FeatureInputs(domain)
    makers: dict[str, MakeTable] = {"latents": model.latents, "scores": model.scores}
    arrays = {name: np.concatenate(list(_in_parts(makers[name], items))) for name in INPUTS[inputs] if name in makers}
    features = None
    if "features" in INPUTS[inputs]:
        features = packed(_in_parts(made, items)) if usable.features is None else usable.features
    why = _not_computed(items, made, arrays.get("scores"), model)
    good = np.array([row for row in range(len(items)) if row not in why], dtype=int)
    if not len(good):
        raise DataError(f"Expected items that the predictor can see, found none; the first: {why[0]}.")
    groups = [usable.groups[row] for row in good]
    looked_at = FeatureInputs(domain) if features is None else made
    values = usable.values[good]
    split = split_of(domain, chosen.split, [items[row] for row in good], made.fitted, groups, values)
    kept = {name: table[good] for name, table in arrays.items()}
    features = None if features is None else features.take(good)
    made_of = features, values, groups, kept.get("latents"), kept.get("scores"), looked_at.blocks, split
    refused = [(usable.rows[row].line, usable.rows[row].text, one) for row, one in why.items()]
    return TrainingTables(*made_of), looked_at, sorted([*usable.refused, *refused])


def _in_parts(function: MakeTable, items: Sequence[Item]) -> Iterator[np.ndarray]:
    return (function(items[start : start + ITEMS_AT_ONCE]) for start in range(0, len(items), ITEMS_AT_ONCE))


def _not_computed(
    items: Sequence[Item], made: FeatureInputs, scores: np.ndarray | None, model: ModelInputs
) -> dict[int, str]:
    """Row -> reason, for rows without features or scores."""
    fitted = made.fitted
    found = {} if fitted is None else {row: why for row, item in enumerate(items) if (why := fitted.refusal(item))}
    for row in [] if scores is None else np.flatnonzero(np.isnan(scores).any(axis=1)).tolist():
        found.setdefault(row, model.why_unscored(items[row]) or "the model has no score for it")
    return found
