"""A fourth domain for tests: clouds of five points in the plane. Everything a domain must be, in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sciencegen.batch import Batch
from sciencegen.data.tables import read_table, write_table
from sciencegen.domains.base import Recipe
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import Origin, Property, Refusal, Row
from sciencegen.scoring.oracles import FunctionOracle

POINTS = 5


@dataclass(frozen=True)
class Cloud:
    points: tuple[tuple[float, float], ...]

    @property
    def array(self) -> np.ndarray:
        return np.array(self.points)


def radius(cloud: Cloud) -> float:
    return float(np.linalg.norm(cloud.array - cloud.array.mean(0), axis=1).mean())


def height(cloud: Cloud) -> float:
    return float(cloud.array[:, 1].mean())


FUNCTIONS = {"radius": radius, "height": height, "toy:far": lambda cloud: float(cloud.array[:, 0].max())}


class Representation:
    name = "coordinates"

    def __init__(self, properties: Sequence[str], mean: Sequence[float], std: Sequence[float]) -> None:
        self.properties, self.mean, self.std = tuple(properties), np.array(mean), np.array(std)

    def encode(self, items: Sequence[Cloud]) -> list[np.ndarray | Refusal]:
        wide = [np.abs(item.array).max() > 50 for item in items]
        return [
            Refusal("a coordinate beyond 50") if far else item.array.ravel().astype(np.float32)
            for item, far in zip(items, wide, strict=True)
        ]

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        condition = None
        if values is not None:
            condition = torch.from_numpy(((values - self.mean) / self.std).astype(np.float32))
        return Batch({"points": torch.from_numpy(np.stack(encoded))}, None, condition)

    def decode(self, batch: Batch) -> list[Cloud | Refusal]:
        rows = batch["points"].numpy().reshape(-1, POINTS, 2)
        return [cloud_of(row) if np.isfinite(row).all() else Refusal("not finite") for row in rows]

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        raw = np.array([values.get(name, np.nan) for name in self.properties])
        return ((raw - self.mean) / self.std).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"properties": list(self.properties), "mean": self.mean.tolist(), "std": self.std.tolist()}


def cloud_of(array: np.ndarray) -> Cloud:
    return Cloud(tuple((round(float(x), 2) + 0.0, round(float(y), 2) + 0.0) for x, y in array))


def fit(texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> Representation:
    return Representation(properties, np.nanmean(values, 0), np.nanstd(values, 0) + 1e-6)


def load(data: Mapping[str, Any]) -> Representation:
    return Representation(data["properties"], data["mean"], data["std"])


@dataclass(frozen=True)
class NetworkSettings:
    hidden: int = 16
    beta: float = 0.01


class Network(nn.Module):
    """A small conditional autoencoder whose code is pulled to a standard normal."""

    latent_size = semantic_size = 4

    def __init__(self, properties: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.beta, width = settings.beta, settings.hidden
        self.inward = nn.Sequential(nn.Linear(2 * POINTS, width), nn.Tanh(), nn.Linear(width, 2 * self.latent_size))
        self.outward = nn.Sequential(
            nn.Linear(self.latent_size + properties, width), nn.Tanh(), nn.Linear(width, 2 * POINTS)
        )
        self.properties = properties

    def encode(self, batch: Batch) -> Tensor:
        return self.inward(batch["points"])[:, : self.latent_size]

    def decode(self, latent: Tensor, condition: Tensor | None = None) -> Batch:
        condition = latent.new_zeros(len(latent), self.properties) if condition is None else condition.nan_to_num(0.0)
        return Batch({"points": self.outward(torch.cat([latent, condition], 1))})

    def sample(self, noise: Tensor, condition: Tensor | None = None, accept: object = None) -> Tensor:
        return noise

    def generate(self, noise: Tensor, condition: Tensor | None = None, accept: object = None) -> Batch:
        return self.decode(self.sample(noise, condition), condition)

    def finish(self, batches: Iterable[Batch], generator: torch.Generator) -> None:
        """Nothing is left to fit."""

    def loss(self, batch: Batch, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        mean, log_std = self.inward(batch["points"]).chunk(2, 1)
        latent = mean + log_std.exp() * torch.randn(mean.shape, generator=generator, device=mean.device)
        points = self.decode(latent, batch.condition)["points"]
        error = (points - batch["points"]).square().sum(1).mean()
        kl = 0.5 * (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
        return {"loss": error + self.beta * kl, "error": error, "kl": kl}


def adapt(model: Network, old: Representation, new: Representation, seed: int) -> Network:
    if old.properties != new.properties:
        raise ConfigError("the toy network adapts to the same conditions only")
    adapted = Network(len(new.properties), NetworkSettings())
    adapted.load_state_dict(model.state_dict())
    return adapted


class PointClouds:
    name = "pointclouds"
    item_columns = ("item", "cloud")
    formats = (".txt", ".csv", ".parquet")
    properties: Mapping[str, Property] = {
        "radius": Property("radius", "m", 0.0, 3.0, None, 0.1, "mean distance to the centre"),
        "height": Property("height", "m", -3.0, 3.0, "maximize", 0.2, "mean of the second coordinate"),
    }
    recipes: Mapping[str, Recipe] = {
        "autoencoder": Recipe(
            "autoencoder", fit, load, lambda r, s: Network(len(r.properties), s), NetworkSettings, ("radius",),
            lambda old, texts, values, properties: old, adapt,
        )
    }  # fmt: skip
    default_recipe = "autoencoder"

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        if Path(path).suffix != ".txt":
            return read_table(path, self.item_columns, column)
        lines = Path(path).read_text().splitlines()
        return (Row(number, line.strip()) for number, line in enumerate(lines, start=1))

    def write(
        self, path: Path, items: Sequence[Cloud], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        write_table(path, {"item": [self.text(item) for item in items], "id": list(names), **values})

    def parse(self, text: str) -> Cloud | Refusal:
        if text == "crash":
            import os

            os.abort()
        try:
            cloud = Cloud(tuple((float(x), float(y)) for x, y in (pair.split() for pair in text.split(";"))))
        except ValueError:
            return Refusal("expected 'x y;x y;...'")
        return cloud if len(cloud.points) == POINTS else Refusal(f"expected {POINTS} points, got {len(cloud.points)}")

    def text(self, item: Cloud) -> str:
        return ";".join(f"{x:g} {y:g}" for x, y in item.points)

    def key(self, item: Cloud) -> str:
        return self.text(item)

    def similarity(self, items: Sequence[Cloud], references: Sequence[Cloud]) -> np.ndarray:
        first, second = (np.array([item.array.ravel() for item in group]) for group in (items, references))
        return np.exp(-np.linalg.norm(first[:, None] - second[None], axis=2))

    def nearest(self, items: Sequence[Cloud], references: Sequence[Cloud]) -> np.ndarray:
        return self.similarity(items, references).max(1)

    def mutate(self, item: Cloud, generator: np.random.Generator) -> Cloud | Refusal:
        return cloud_of(item.array + generator.normal(0, 0.2, (POINTS, 2)))

    def measure(self, items: Sequence[Cloud], names: Sequence[str]) -> np.ndarray:
        return np.array([[FUNCTIONS[name](item) for name in names] for item in items]).reshape(len(items), len(names))

    def oracle(self, name: str) -> FunctionOracle:
        if name.startswith("similarity to "):
            other = self.parse(name.removeprefix("similarity to "))
            return FunctionOracle(name, lambda item: float(self.similarity([item], [other])[0, 0]))
        if name not in FUNCTIONS:
            raise unknown_name("oracle of point clouds", name, FUNCTIONS)
        known = self.properties.get(name)
        return FunctionOracle(name, FUNCTIONS[name], *((known.unit, known.direction) if known else ()))

    def oracle_names(self) -> Sequence[str]:
        return list(FUNCTIONS)

    def features(self, items: Sequence[Cloud]) -> np.ndarray:
        return np.array([[*item.array.ravel(), radius(item), height(item)] for item in items], np.float32)

    def groups(self, items: Sequence[Cloud]) -> list[str]:
        return [str(round(radius(item), 1)) for item in items]

    def constraint(self, keep: Sequence[str], forbid: Sequence[str]) -> Callable[[Cloud], bool]:
        """The patterns are "right" (its centre lies at x > 0) and "left"."""
        tests = {
            "right": lambda cloud: cloud.array[:, 0].mean() > 0,
            "left": lambda cloud: cloud.array[:, 0].mean() < 0,
        }
        for pattern in (*keep, *forbid):
            if pattern not in tests:
                raise unknown_name("pattern", pattern, tests)
        return lambda cloud: all(tests[p](cloud) for p in keep) and not any(tests[p](cloud) for p in forbid)

    def evaluate(self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None):
        parsed = [item for item in map(self.parse, samples) if isinstance(item, Cloud)]
        other = [radius(item) for item in map(self.parse, reference) if isinstance(item, Cloud)]
        novel = len({self.text(item) for item in parsed} - set(training or ())) / max(1, len(set(parsed)))
        return {
            "valid": len(parsed) / len(samples),
            "radius_gap": abs(float(np.mean([radius(item) for item in parsed])) - float(np.mean(other))),
            "novelty": novel,
        }

    def render(self, item: Cloud, width: int = 220, height: int = 160) -> str:
        dots = "".join(f'<circle cx="{20 * x + 80:.1f}" cy="{80 - 20 * y:.1f}" r="3"/>' for x, y in item.points)
        frame = f'viewBox="0 0 160 160" width="{width}" height="{height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{dots}</svg>'


DOMAIN = PointClouds()
