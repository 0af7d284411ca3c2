"""Inputs of predictors: features (fitted ones in some domains), and latents and scores of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.science.forms import domain_of, plain_name, plain_of
from sciencegen.api.science.naming import reference_of
from sciencegen.config import PredictorSettings
from sciencegen.data.damage import reason_of
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused
from sciencegen.domains.base import FittedFeatures, MakeSplit
from sciencegen.domains.capabilities import Instrument
from sciencegen.errors import ConfigError, DataError, IncompatibleError, converted, unknown_name
from sciencegen.items import Item, Reference, Refusal, Row
from sciencegen.runs import RunFolder
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    from sciencegen.api.models.folder import LoadedModel
    from sciencegen.prediction import Predictor, PredictorOracle
    from sciencegen.prediction.columns import FeatureBlock
    from sciencegen.prediction.training_tables import Split, TrainingTables


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
    if good:
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
    features: np.ndarray | None
    refused: list[Refused]
    notes: list[str]


@dataclass(frozen=True)
class PredictorData:
    """Training data of a predictor. features: computes the features of other items."""

    tables: TrainingTables
    features: FeatureInputs
    refused: list[Refused]


def known_splits(domain: str) -> list[str]:
    """Names of the splits: those of every domain, then those of this domain."""
    return [*GENERIC_SPLITS, *plain_of(domain).regression.splits]


def check_split(domain: str, name: str | None) -> None:
    """Raise an error for an unknown split; None, the predictor's default, is accepted."""
    if name is not None and name not in known_splits(domain):
        raise unknown_name(f"split of {plain_name(domain)}", name, known_splits(domain))


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
) -> PredictorData:
    """The training tables of these `inputs`; rows for which they can't be computed are refused."""
    from sciencegen.prediction.training_tables import INPUTS, TrainingTables

    science = domain_of(domain)
    items = [science.items.parse(text) for text in usable.texts]
    reference = reference_of(science, chosen.wild_type)
    made = fitted_features(domain, items, reference) if usable.features is None else FeatureInputs(domain)
    makers: dict[str, MakeTable] = {"features": made, "latents": model.latents, "scores": model.scores}
    tables = {name: _in_parts(makers[name], items) for name in INPUTS[inputs] if name != "features"}
    if "features" in INPUTS[inputs]:
        tables["features"] = _in_parts(made, items) if usable.features is None else usable.features
    why = _not_computed(items, made, tables.get("scores"), model)
    good = np.array([row for row in range(len(items)) if row not in why], dtype=int)
    if not len(good):
        raise DataError(f"Expected items that the predictor can see, found none; the first: {why[0]}.")
    groups = [usable.groups[row] for row in good]
    looked_at = made if "features" in tables else FeatureInputs(domain)
    values = usable.values[good]
    split = split_of(domain, chosen.split, [items[row] for row in good], made.fitted, groups, values)
    kept = {name: table[good] for name, table in tables.items()}
    return PredictorData(
        TrainingTables(
            kept.get("features"), values, groups, kept.get("latents"), kept.get("scores"), looked_at.blocks, split
        ),
        looked_at,
        sorted([*usable.refused, *((usable.rows[row].line, usable.rows[row].text, one) for row, one in why.items())]),
    )


def _in_parts(function: MakeTable, items: Sequence[Item]) -> np.ndarray:
    parts = [function(items[start : start + ITEMS_AT_ONCE]) for start in range(0, len(items), ITEMS_AT_ONCE)]
    return np.concatenate(parts)


def _not_computed(
    items: Sequence[Item], made: FeatureInputs, scores: np.ndarray | None, model: ModelInputs
) -> dict[int, str]:
    """Row -> reason, for rows without features or scores."""
    fitted = made.fitted
    found = {} if fitted is None else {row: why for row, item in enumerate(items) if (why := fitted.refusal(item))}
    for row in [] if scores is None else np.flatnonzero(np.isnan(scores).any(axis=1)).tolist():
        found.setdefault(row, model.why_unscored(items[row]) or "the model has no score for it")
    return found
