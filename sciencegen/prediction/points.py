"""Predictors of items that are points in space: an ensemble of equivariant networks with calibrated intervals.

Split-conformal intervals (Papadopoulos et al. 2002; Lei et al. 2018) on held-out items, with residuals
normalized as in conformal.py: with mu the mean and s the standard deviation of the networks' outputs,

    sigma = a + b s,   R_i = |y_i - mu_i| / sigma_i,   interval = mu +- sigma * the ceil(level (n + 1))-th smallest R_i.

a and b are fitted on the same items, so the level holds up to the choice of these two numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from sciencegen.batch import Batch
from sciencegen.errors import ShapeError
from sciencegen.items import Direction, Refusal
from sciencegen.networks.harmonics import HarmonicSettings, PropertyNetwork
from sciencegen.prediction.columns import Baseline
from sciencegen.prediction.conformal import fit_difficulty, ranks
from sciencegen.prediction.predictor import Prediction
from sciencegen.prediction.storage import ARRAYS, of_a_predictor, read_numbers, write_predictor
from sciencegen.runs import FORMAT_VERSION, RunFolder
from sciencegen.scoring.oracles import Score

CHUNK = 64
"""Items of one forward pass, of similar size."""
PAIRS = 250_000
"""Most pairs of points in one forward pass, about a gigabyte; it limits the number of items above 62 points."""


class Points(Protocol):
    """An item: the type and the position of each point."""

    @property
    def numbers(self) -> Int[np.ndarray, " point"]: ...

    @property
    def positions(self) -> Float[np.ndarray, "point 3"]: ...


@runtime_checkable
class ChargedPoints(Points, Protocol):
    """Points with charges; only their sum is used."""

    @property
    def charges(self) -> Int[np.ndarray, " point"]: ...


def point_batch(items: Sequence[Points], types: Int[np.ndarray, " type"], values: np.ndarray | None = None) -> Batch:
    """Fields positions [batch point 3] and types [batch point type] (one-hot); zero where the mask is False.
    values: [batch target], standardized, as the condition."""
    sizes = np.array([len(one.numbers) for one in items])
    mask = np.arange(sizes.max(initial=1)) < sizes[:, None]
    numbers, positions = np.zeros(mask.shape, np.int64), np.zeros((*mask.shape, 3), np.float32)
    for row, one in enumerate(items):
        numbers[row, : sizes[row]], positions[row, : sizes[row]] = one.numbers, one.positions - one.positions.mean(0)
    fields = {"positions": positions, "types": (numbers[..., None] == types).astype(np.float32)}
    condition = None if values is None else torch.from_numpy(np.asarray(values, np.float32))
    return Batch({k: torch.from_numpy(v) for k, v in fields.items()}, torch.from_numpy(mask), condition)


def type_counts(items: Sequence[Points], types: Int[np.ndarray, " type"]) -> Float[np.ndarray, "item type"]:
    """Number of points of each type in each item."""
    counts = [(one.numbers[:, None] == types).sum(0) for one in items]
    return np.array(counts, np.float64).reshape(len(items), len(types))


def total_charge(item: Points) -> int:
    """The sum of an item's charges, 0 where it has none."""
    return int(np.sum(item.charges)) if isinstance(item, ChargedPoints) else 0


@dataclass(frozen=True)
class Conformal:
    """Per target: a and b of sigma, and the quantile of the normalized residuals."""

    difficulty: Float[np.ndarray, "target 2"]
    quantile: Float[np.ndarray, " target"]

    def half_width(self, spread: Float[np.ndarray, "item target"]) -> Float[np.ndarray, "item target"]:
        return (self.difficulty[:, 0] + self.difficulty[:, 1] * spread) * self.quantile


def calibrate(
    values: Float[np.ndarray, "item target"], mean: np.ndarray, spread: np.ndarray, level: float
) -> Conformal:
    """Calibrate on held-out items; values are NaN where unknown."""
    difficulty, quantile = [], []
    for measured, centre, width in zip(values.T, mean.T, spread.T, strict=True):
        present = np.isfinite(measured)
        errors = np.abs(measured - centre)[present]
        difficulty.append(fit_difficulty(errors, width[present, None]))
        sigma = difficulty[-1][0] + difficulty[-1][1] * width[present]
        quantile.append(np.sort(errors / sigma)[ranks(level, len(errors))[1]])
    return Conformal(np.stack(difficulty), np.array(quantile))


@dataclass(frozen=True)
class PointPredictor:
    """types: the types of points in training; smallest, largest: sizes of the training items; charges: their total
    charges, None if unknown.

    An item with other types or another charge has no prediction (NaN), since the networks have no input for these; one
    of another size has a prediction, but is out of domain.
    """

    targets: tuple[str, ...]
    types: Int[np.ndarray, " type"]
    smallest: int
    largest: int
    baseline: Baseline
    settings: HarmonicSettings
    networks: tuple[PropertyNetwork, ...]
    conformal: Conformal
    level: float
    charges: tuple[int, ...] | None = None

    def on(self, device: str) -> PointPredictor:
        """With its networks, or copies of them, on a device."""
        if all(value.device.type == device for network in self.networks for value in network.parameters()):
            return self
        return replace(self, networks=tuple(deepcopy(network).to(device) for network in self.networks))

    def predict(self, items: Sequence[Points]) -> dict[str, Prediction]:
        """By target, thousands of items a minute on one core. The distance compares sizes with those in training."""
        present = np.array([self.why_unknown(one) is None for one in items], bool)
        mean, spread = np.full((2, len(items), len(self.targets)), np.nan)
        if present.any():
            rows = np.flatnonzero(present)
            some = [items[row] for row in rows.tolist()]
            mean[rows], spread[rows] = opinions(self.networks, self.baseline, self.types, some)
        half = self.conformal.half_width(spread)
        sizes = np.array([len(one.numbers) for one in items])
        inside: Bool[np.ndarray, " item"] = present & (sizes >= self.smallest) & (sizes <= self.largest)
        distance = np.where(present, np.maximum(sizes / self.largest, self.smallest / np.maximum(sizes, 1)), np.nan)
        least = np.where([name == "dipole" for name in self.baseline.readouts], 0.0, -np.inf)  # a length
        lower = np.maximum(mean - half, least)
        return {
            name: Prediction(mean[:, k], lower[:, k], mean[:, k] + half[:, k], inside, distance)
            for k, name in enumerate(self.targets)
        }

    def why_unknown(self, item: Points) -> str | None:
        """Why an item has no prediction: a type or charge that the training set does not have; None if it has one."""
        other = sorted(set(item.numbers.tolist()) - set(self.types.tolist()))
        if other:
            return f"holds points of type {', '.join(map(str, other))}, which the predictor's training set has not"
        charge = total_charge(item)
        if self.charges is not None and charge not in self.charges:
            charges = ", ".join(f"{one:+d}" if one else "0" for one in self.charges)
            return f"has a charge of {charge:+d}; the predictor's training set has {charges}, and it sees no charges"
        return None


@torch.no_grad()
def opinions(
    networks: Sequence[PropertyNetwork], baseline: Baseline, types: np.ndarray, items: Sequence[Points]
) -> tuple[Float[np.ndarray, "item target"], Float[np.ndarray, "item target"]]:
    """Mean and standard deviation of the networks' predictions, in the unit of the values."""
    if not networks:
        raise ShapeError("Expected one network or more, got none.")
    device = next(networks[0].parameters()).device
    answers = np.zeros((len(networks), len(items), len(baseline.scale)))
    for rows in chunks_by_size(np.array([len(one.numbers) for one in items], np.int64)):
        batch = point_batch([items[row] for row in rows], types).to(device)
        for member, network in enumerate(networks):
            answers[member, rows] = network(batch).cpu().double().numpy()
    restored = baseline.restored(type_counts(items, types), answers)
    return restored.mean(0), restored.std(0)


def chunks_by_size(sizes: Int[np.ndarray, " item"]) -> Iterator[Int[np.ndarray, " row"]]:
    """Rows by size, in chunks of at most CHUNK items and at most PAIRS pairs."""
    order, start = np.argsort(sizes, kind="stable"), 0
    while start < len(order):
        largest = int(sizes[order[start : start + CHUNK]][-1])
        stop = start + max(1, min(CHUNK, PAIRS // max(1, largest) ** 2))
        yield order[start:stop]
        start = stop


# A predictor of points as an oracle.


@dataclass(frozen=True)
class PointOracle:
    """Scores of one target. points: items -> their points, or a Refusal.

    An item with types or a charge outside the training set is a failure; one of another size is only out of domain.
    """

    name: str
    predictor: PointPredictor
    target: str
    points: Callable[[Sequence[Any]], Sequence[Points | Refusal]]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        found = self.points(items) if len(items) else []
        good = {row: one for row, one in enumerate(found) if not isinstance(one, Refusal)}
        predicted = self.predictor.predict(list(good.values()))[self.target] if good else None
        scores = [Score(None, failure=one.reason if isinstance(one, Refusal) else "", in_domain=False) for one in found]
        for index, (row, item) in enumerate(good.items()):
            assert predicted is not None
            value, lower, upper = (float(part[index]) for part in (predicted.mean, predicted.lower, predicted.upper))
            if value != value:
                reason = self.predictor.why_unknown(item) or "no finite prediction"
                scores[row] = Score(None, failure=reason, in_domain=False)
            else:
                scores[row] = Score(value, lower, upper, in_domain=bool(predicted.in_domain[index]))
        return scores


# A predictor of points as files, named as in storage.py: plain numbers, and every array; no pickle.

KIND = "points"


def save_points(predictor: PointPredictor, folder: str | Path) -> Path:
    """Write a complete predictor into a run folder."""
    arrays = {
        "types": predictor.types,
        "baseline.weights": predictor.baseline.weights,
        "baseline.scale": predictor.baseline.scale,
        "conformal.difficulty": predictor.conformal.difficulty,
        "conformal.quantile": predictor.conformal.quantile,
    }
    for member, network in enumerate(predictor.networks):
        state = network.state_dict().items()
        arrays |= {f"network.{member}.{name}": value.detach().cpu().numpy() for name, value in state}
    numbers = {
        "format_version": FORMAT_VERSION, "kind": KIND, "targets": predictor.targets, "smallest": predictor.smallest,
        "largest": predictor.largest, "charges": predictor.charges, "readouts": predictor.baseline.readouts,
        "settings": asdict(predictor.settings),
        "members": len(predictor.networks), "level": predictor.level,
    }  # fmt: skip
    return write_predictor(folder, numbers, arrays)


def load_points(folder: str | Path) -> PointPredictor:
    """Load the predictor in a folder, on the CPU."""
    from safetensors.torch import load_file

    run = RunFolder(folder, create=False)
    numbers = read_numbers(run, KIND)
    with of_a_predictor(run):
        return _assembled(numbers, load_file(run / ARRAYS))


def _assembled(numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> PointPredictor:
    plain = {name: value.numpy() for name, value in arrays.items() if not name.startswith("network.")}
    readouts, settings = tuple(numbers["readouts"]), HarmonicSettings(**numbers["settings"])
    networks = []
    for member in range(numbers["members"]):
        network, prefix = PropertyNetwork(len(plain["types"]), readouts, settings), f"network.{member}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)})
        networks.append(network.eval().requires_grad_(False))
    return PointPredictor(
        tuple(numbers["targets"]),
        plain["types"],
        numbers["smallest"],
        numbers["largest"],
        Baseline(plain["baseline.weights"], plain["baseline.scale"], readouts),
        settings,
        tuple(networks),
        Conformal(plain["conformal.difficulty"], plain["conformal.quantile"]),
        numbers["level"],
        None if numbers.get("charges") is None else tuple(numbers["charges"]),
    )
