"""Predict: property regressors with intervals from a user's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.models import pretrained_root
from sciencegen.api.prepare import open_source
from sciencegen.api.records import to_record
from sciencegen.api.rooms import (
    InDomain,
    adapted,
    domain_of,
    in_form,
    inference_threads,
    plain_name,
    plain_of,
    worker_count,
)
from sciencegen.config import PredictorSettings, PrepareSettings, Reading, as_texts, build_settings
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.data.tables import Row
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import write_rejects
from sciencegen.domains.base import Refusal
from sciencegen.errors import DataError, IncompatibleError, unknown_name
from sciencegen.runs import FORMAT_VERSION, RunFolder, check_format, provenance
from sciencegen.scoring.oracles import BESIDE

CONFIG = "config.yaml"
REJECTS = "rejects.csv"
SHIPPED = "predictors"
"""Where among the shipped weights those of predictors lie."""


@dataclass(frozen=True)
class Describe(InDomain):
    """Texts to (standardized text, features, group) each, or why not; runs in the workers."""

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        parsed = [domain.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        described = zip(domain.features(items), domain.groups(items), strict=True) if items else ()
        rows = iter(described)
        return [item if isinstance(item, Refusal) else (domain.text(item), *next(rows)) for item in parsed]


@dataclass(frozen=True)
class TrainedPredictor:
    """A predictor's folder, read. model: the generative model whose latents it looks at, if it does."""

    domain: str
    folder: Path
    predictor: Any
    target: str
    model: str | None
    metrics: Mapping[str, Any]
    form: str = ""
    """Of the domain, in which the predictor sees items; then it may have several targets, `a,b,c`."""

    @property
    def targets(self) -> tuple[str, ...]:
        return self.predictor.targets if self.form else (self.target,)

    def oracle(self, name: str) -> Any:
        """Under any name; one of several targets under its own."""
        from sciencegen.prediction.oracle import PredictorOracle

        if self.form:
            return self._point_oracle(name)
        latents = self.latents if "latents" in self.predictor.columns else None
        features = plain_of(self.domain).features
        return adapted(self.domain, PredictorOracle(name, self.predictor, features, latents=latents))

    def _point_oracle(self, name: str) -> Any:
        from sciencegen.prediction.point_oracle import PointOracle

        if name not in self.targets and len(self.targets) > 1:
            raise unknown_name(
                f"target of the predictor {self.folder} (name it NAME={self.folder})", name, self.targets
            )
        target = name if name in self.targets else self.targets[0]
        inference_threads(1)  # how products round depends on it
        points = domain_of(in_form(plain_name(self.domain), self.form)).points
        return PointOracle(name, self.predictor, target, points)

    @cached_property
    def _loaded(self) -> Any:
        from sciencegen.api.models import load_model

        return load_model(plain_name(self.domain), self.model, "cpu")

    def latents(self, items: Sequence[Any]) -> np.ndarray:
        return latents_of(self._loaded, items)


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
    if chosen.form:
        from sciencegen.api.point_predictors import train_point_predictor

        return train_point_predictor(domain, str(table), chosen, folder, force, log)
    options = to_record(prediction.PredictorSettings, chosen.settings, "predictor settings")
    rows, files = read_rows(domain, str(table), chosen)
    texts, values, groups, features, refused = _usable(domain, rows, chosen)
    log(f"{len(texts)} items with '{chosen.target}', {len(refused)} refused")
    latents = _latents(domain, options, chosen, texts)
    used = None if options.inputs == "latents" else features
    generator = np.random.default_rng(chosen.seed)
    fitted = prediction.fit_predictor(used, values, groups, options, generator, latents)
    log("evaluating on held-out rows")
    figures = _figures(prediction, used, values, groups, options, chosen, latents)
    run = RunFolder(folder)
    if refused:
        write_rejects(run / REJECTS, refused)
    else:  # the refusals of an earlier run would read as this one's
        (run / REJECTS).unlink(missing_ok=True)
    inputs = {file.name if chosen.table == "-" else str(file): file for file in files}  # stdin lies in a temporary file
    made = provenance(["sciencegen", "train", "predictor"], chosen.seed, inputs)
    config = {"format_version": FORMAT_VERSION, "domain": domain, "target": chosen.target, "model": chosen.model}
    run.write_yaml(CONFIG, {**config, "table": files[0].name if files else str(table), "provenance": made})
    metrics = {"rows": len(texts), "refused": len(refused), **figures}
    run.write_json("metrics.json", metrics)
    prediction.save(fitted, run.path)
    return TrainedPredictor(domain, run.path, fitted, chosen.target, chosen.model, metrics)


def shipped_predictors() -> list[str]:
    """Names of the predictors that come with this package."""
    return sorted(path.parent.name for path in (pretrained_root() / SHIPPED).glob(f"*/{CONFIG}"))


def shipped_for(domain: str, target: str) -> str | None:
    """The shipped predictor of a property, if there is one."""
    for name in shipped_predictors():
        config = RunFolder(find_predictor(name), create=False).read_yaml(CONFIG)
        if config["domain"] == plain_name(domain) and target in config["target"].split(","):
            return name
    return None


def find_predictor(folder: str | Path) -> Path:
    """The folder itself, or that of the shipped predictor with this name."""
    shipped = pretrained_root() / SHIPPED / str(folder)
    return shipped if not Path(folder).exists() and (shipped / CONFIG).is_file() else Path(folder)


def load_predictor(domain: str, folder: str | Path) -> TrainedPredictor:
    """The predictor in a folder, or the shipped one with this name."""
    from sciencegen import prediction

    run = RunFolder(find_predictor(folder), create=False)
    config = run.read_yaml(CONFIG)
    check_format(config.get("format_version"), str(run / CONFIG))
    if config.get("domain") != plain_name(domain) or "target" not in config:
        raise IncompatibleError(f"Expected a predictor for {domain} in {folder}, found one for {config.get('domain')}.")
    if config.get("form"):
        from sciencegen.api.point_predictors import load_point_predictor

        return load_point_predictor(domain, run)
    metrics = run.read_json("metrics.json")
    return TrainedPredictor(domain, run.path, prediction.load(run.path), config["target"], config.get("model"), metrics)


def predict(domain: str, items: str | Sequence[str], folder: str | Path) -> Any:
    """A pandas table with a row for each item: its value, lower and upper bound, whether it is in domain."""
    import pandas as pd

    trained = load_predictor(domain, folder)
    items = as_texts(items)
    found = [domain_of(domain).parse(item) for item in items]
    good = [row for row, item in enumerate(found) if not isinstance(item, Refusal)]
    table = pd.DataFrame({"item": list(items)})
    for name in trained.targets:
        scores = trained.oracle(name).score([found[row] for row in good])
        for column, field in {name: "value", **{f"{name}_{part}": part for part in BESIDE}}.items():
            cells = [getattr(score, field) for score in scores]
            table[column] = pd.Series(cells, index=good, dtype=object if field == "in_domain" else float)
    return table


def read_rows(domain: str, table: str, chosen: PredictorSettings) -> tuple[list[Row], list[Path]]:
    """The rows of a file, of a prepared dataset's folder, or of a dataset card (of one split, or of all, as in
    `folder/train`); and the files that they come from."""
    for prepared, split in ((Path(table), None), (Path(table).parent, Path(table).name)):
        if (prepared / SUMMARY).is_file():
            return _prepared_rows(PreparedDataset.load(prepared), split), [prepared / SUMMARY]
    reading = {name: getattr(chosen, name) for name in ("column", *Reading.__annotations__)}
    rows, files = open_source(domain, PrepareSettings(source=table, **reading))
    return list(chain.from_iterable(rows.values()) if isinstance(rows, dict) else rows), files


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


def _usable(domain: str, rows: Sequence[Row], settings: PredictorSettings):
    """Texts, values, groups and features of the usable rows, and the refused ones."""
    table, target = settings.table, settings.target
    columns = sorted({name for row in rows for name in row.values})
    if target not in columns:
        raise DataError(str(unknown_name(f"column of numbers in {table}", target, columns or ["none found"])))
    refused = [(row.line, row.text, f"no number in '{target}'") for row in rows if target not in row.values]
    pairs, unreadable = describe(Describe(domain), [row for row in rows if target in row.values], settings.threads)
    refused += unreadable
    good = [(row, *result) for row, result in pairs]
    if not good:
        raise DataError(f"Expected usable rows in {table}, all {len(rows)} were refused, the first: {refused[0][2]}.")
    values = np.array([row.values[target] for row, *_ in good])
    features = np.stack([row for _, _, row, _ in good])
    return [text for _, text, _, _ in good], values, [group for *_, group in good], features, sorted(refused)


def _latents(domain: str, options: Any, settings: PredictorSettings, texts: Sequence[str]) -> np.ndarray | None:
    if options.inputs == "features":
        return None
    from sciencegen.api.models import open_model

    loaded = open_model(domain, settings.model, settings)
    return latents_of(loaded, [loaded.domain.parse(text) for text in texts])


def latents_of(loaded: Any, items: Sequence[Any]) -> np.ndarray:
    """Latents of items, a row of NaN where one can't be encoded."""
    arrays = loaded.representation.encode(list(items))
    good = [row for row, array in enumerate(arrays) if not isinstance(array, Refusal)]
    latents = np.full((len(arrays), loaded.space.size), np.nan, np.float32)
    if good:
        latents[good] = loaded.space.encode_arrays([arrays[row] for row in good])
    return latents


def _figures(prediction, features, values, groups, options, settings: PredictorSettings, latents) -> dict[str, Any]:
    generator = np.random.default_rng(settings.seed + 1)
    found = prediction.evaluate_predictor(
        features, values, groups, options, generator, latents, folds=settings.evaluation_folds,
        repeats=settings.evaluation_repeats,
    )  # fmt: skip
    return {split: evaluation.figures() for split, evaluation in found.items()}
