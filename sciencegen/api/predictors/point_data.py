"""Training data of property networks: items with points and values, and which of them are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sciencegen.api.predictors.folder import split_targets
from sciencegen.api.science.forms import domain_of, plain_of, points_of
from sciencegen.api.science.workers import InDomain, describe
from sciencegen.api.sources.tables import read_rows
from sciencegen.config import PredictorSettings
from sciencegen.data.writers import Refused
from sciencegen.domains.capabilities import Points
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Refusal
from sciencegen.networks.equivariant.harmonics import HarmonicSettings

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
