"""The files of a run's folder as report contents; `sections` and others make records of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.criteria import parse_conditions, read_goals
from sciencegen.api.models.folder import CONFIG, METRICS, LoadedModel, encode_rows, load_model
from sciencegen.api.science import domain_of, letters_of, name_of_results
from sciencegen.api.writing.output_record import read_record, record_path
from sciencegen.config import Resources, RunSettings
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities.design import ReferenceLike
from sciencegen.errors import DataError
from sciencegen.items import Item, Refusal, Row
from sciencegen.optimization.goals import Goal

CANDIDATES, SAMPLES, SEARCH = "candidates.parquet", "samples.parquet", "search"

LATENT_POINTS = 1000


@dataclass(frozen=True)
class RunContents:
    """The files in a workflow's folder; all except the candidates may be missing."""

    folder: Path
    settings: RunSettings

    @property
    def domain(self) -> Domain:
        """The domain of the items in the tables, or their form."""
        return domain_of(name_of_results(self.settings.domain, self.settings.prepare.form))

    @cached_property
    def candidates(self) -> dict[str, list[Any]]:
        path = self.folder / CANDIDATES
        if not path.is_file():
            raise DataError(f"Expected {CANDIDATES} in {self.folder}, found none: it is no finished run.")
        return self._table(path)

    @cached_property
    def samples(self) -> dict[str, list[Any]]:
        path = self.folder / SAMPLES
        return self._table(path) if path.is_file() else {}

    @cached_property
    def quality_by_draws(self) -> dict[str, Any]:
        """The quality of samples by the number of draws, from their record; {} without `best_of`."""
        path = self.folder / SAMPLES
        return read_record(path).quality_by_draws if record_path(path).is_file() else {}

    @cached_property
    def scored(self) -> dict[str, list[Any]]:
        path = self.folder / SEARCH / "scored.parquet"
        return _read_parquet(path) if path.is_file() else {}

    @cached_property
    def trace(self) -> dict[str, list[Any]]:
        return self._csv(f"{SEARCH}/trace.csv")

    @cached_property
    def summary(self) -> dict[str, Any]:
        return self._json(f"{SEARCH}/summary.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return self._json(METRICS)

    @cached_property
    def model_metrics(self) -> dict[str, Any]:
        return self._json(f"model/{METRICS}")

    @cached_property
    def training(self) -> PreparedDataset | None:
        folder = self.folder / "data"
        return PreparedDataset.load(folder) if (folder / SUMMARY).is_file() else None

    @cached_property
    def model(self) -> LoadedModel | None:
        folder = self.folder / "model"
        return load_model(self.settings.domain, folder, "cpu") if (folder / CONFIG).is_file() else None

    @cached_property
    def variants(self) -> dict[str, list[Any]]:
        """Single mutations with their scores, in domains with named variants."""
        return self._csv("variants.csv")

    @cached_property
    def plate(self) -> dict[str, list[Any]]:
        """The next plate to measure."""
        return self._csv("plate.csv")

    @cached_property
    def frame(self) -> ReferenceLike | None:
        """The reference that items are aligned with, from the context of the training data or from the model; None if
        there is none."""
        if letters_of(self.domain) is None:
            return None
        context = (self.training.summary.get("context") if self.training else None) or {}
        if "reference" not in context and self.model is not None:
            context = self.model.representation.to_json()
        return context if "reference" in context else None

    @cached_property
    def goals(self) -> list[Goal]:
        """Of the search, with its conditions that were checked."""
        chosen, representation = self.settings.optimize, None if self.model is None else self.model.representation
        conditions = [one.goal for one in parse_conditions(chosen.where, self.domain, representation)]
        checked = [one for one in conditions if one.name in self.candidates]
        measures = None if representation is None else representation.measures
        return read_goals(self.domain, chosen.goals, measures, checked)

    @cached_property
    def items(self) -> list[Item]:
        """The shown candidates, parsed."""
        items = [self.domain.items.parse(text) for text in self.candidates["item"][: self.settings.report.candidates]]
        if lost := next((item for item in items if isinstance(item, Refusal)), None):
            raise DataError(f"Expected the items of {CANDIDATES} in {self.folder}, one can't be read: {lost.reason}.")
        return items

    @property
    def latent_rows(self) -> np.ndarray:
        """Rows of the training split whose latents are shown."""
        return self.training_sample(LATENT_POINTS)

    def training_sample(self, largest: int) -> np.ndarray:
        """Evenly spaced rows of the training split."""
        count = self.training.count(self.training.splits[0]) if self.training else 0
        return evenly_spaced(count, largest)

    @cached_property
    def training_latents(self) -> np.ndarray:
        """[item latent] of `latent_rows`, NaN for items that can't be encoded."""
        assert self.training is not None
        return latents_of(self, self.training.items(self.training.splits[0]).take(self.latent_rows))

    def _table(self, path: Path) -> dict[str, list[Any]]:
        """Read a table. File references in it may be relative to the table, not only to the working folder."""
        table = _read_parquet(path)
        if self.domain.cells is not None and "item" not in table:  # the columns are the items
            return {"item": [row.text for row in self.domain.items.read(path, None)], **table}
        if "item" not in table:
            raise _unusable(path, f"no column item among {', '.join(table) or 'none'}")
        if self.domain.sidecar is not None:
            table["item"] = [row.text for row in self.domain.items.read(path, None)]
        return table

    def _csv(self, name: str) -> dict[str, list[Any]]:
        import pandas as pd

        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            return pd.read_csv(path).to_dict("list")  # type: ignore[return-value]
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise _unusable(path, error) from error

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise _unusable(path, error) from error
        if not isinstance(found, dict):
            raise _unusable(path, f"{type(found).__name__} in the place of a mapping")
        return found


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, problem: object) -> DataError:
    found = str(problem).strip().partition("\n")[0][:300]
    return DataError(
        f"Expected {path} as a step of the run wrote it, found it changed or damaged: {found}. Delete it, and repeat "
        "the step by `sciencegen run`."
    )


def latents_of(run: RunContents, texts: list[str]) -> np.ndarray:
    """[item latent], a row of NaN for items that can't be encoded."""
    assert run.model is not None
    rows = [Row(line, text) for line, text in enumerate(texts, start=1)]
    encoded = encode_rows(run.model, rows, Resources(threads=run.settings.threads))
    latents = np.full((len(rows), run.model.space.size), np.nan)
    latents[encoded.index] = encoded.latent
    return latents
