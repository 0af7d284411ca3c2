"""A domain in a package of its own: clouds of five points in the plane, arrays [point 2] in metres."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sciencegen.domains.arrays import ArrayCodec, array_items, rounded
from sciencegen.domains.base import Domain, Regression, Similarity
from sciencegen.domains.capabilities import Moves
from sciencegen.domains.lazy import LazyTable
from sciencegen.domains.properties import measure_each, property_metrics, property_oracles
from sciencegen.errors import unknown_name
from sciencegen.items import Property, Refusal
from sciencegen.scoring.oracles import FunctionOracle

SHAPE, DECIMALS = (5, 2), 2
NUMBERS = array_items(SHAPE, DECIMALS, columns=("item", "cloud"))


def parse(text: str) -> np.ndarray | Refusal:
    """A text that ends the process shows that parsing is done in a worker."""
    return os.abort() if text == "crash" else NUMBERS.parse(text)


def radius(cloud: np.ndarray) -> float:
    return float(np.linalg.norm(cloud - cloud.mean(0), axis=1).mean())


def height(cloud: np.ndarray) -> float:
    return float(cloud[:, 1].mean())


def similarity(clouds: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> np.ndarray:
    """exp(-|x - y|), [cloud reference]."""
    first, second = (np.reshape([cloud.ravel() for cloud in group], (-1, 10)) for group in (clouds, references))
    return np.exp(-np.linalg.norm(first[:, None] - second[None], axis=2))


def features(clouds: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([[*cloud.ravel(), radius(cloud), height(cloud)] for cloud in clouds], np.float32)


def mutate(cloud: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return rounded(cloud + generator.normal(0, 0.2, SHAPE), DECIMALS)


SIDES = {"right": lambda cloud: cloud[:, 0].mean() > 0, "left": lambda cloud: cloud[:, 0].mean() < 0}


def constraint(keep: Sequence[str], forbid: Sequence[str], reference: None = None):
    for pattern in (*keep, *forbid):
        if pattern not in SIDES:
            raise unknown_name("pattern", pattern, SIDES)
    return lambda cloud: all(SIDES[name](cloud) for name in keep) and not any(SIDES[name](cloud) for name in forbid)


def render(cloud: np.ndarray, width: int, height: int) -> str:
    dots = "".join(f'<circle cx="{20 * x + 80:.1f}" cy="{80 - 20 * y:.1f}" r="3"/>' for x, y in cloud)
    frame = f'viewBox="0 0 160 160" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{dots}</svg>'


def array(cloud: np.ndarray) -> np.ndarray | Refusal:
    return Refusal("a coordinate beyond 50") if np.abs(cloud).max() > 50 else cloud


ITEMS = replace(NUMBERS, parse=parse)
PROPERTIES = {
    "radius": Property("radius", "m", 0.0, 3.0, None, 0.1, "mean distance to the centre"),
    "height": Property("height", "m", -3.0, 3.0, "maximize", 0.2, "mean of the second coordinate"),
}
MEASURE = measure_each({"radius": radius, "height": height})
SIMILARITY = Similarity(matrix=similarity)
FAR = FunctionOracle("toy:far", lambda cloud: float(cloud[:, 0].max()))
CODEC = ArrayCodec(ITEMS, array, lambda vector: rounded(vector.reshape(SHAPE), DECIMALS))

DOMAIN = Domain(
    name="pointclouds",
    items=ITEMS,
    properties=PROPERTIES,
    measure=MEASURE,
    recipes=LazyTable("pointclouds.models:RECIPES"),
    similarity=SIMILARITY,
    oracles=property_oracles(ITEMS, PROPERTIES, MEASURE, SIMILARITY, {FAR.name: FAR}),
    regression=Regression(features=features, groups=lambda clouds: [str(round(radius(cloud), 1)) for cloud in clouds]),
    evaluate=property_metrics(ITEMS, MEASURE, list(PROPERTIES), SIMILARITY),
    render=render,
    moves=Moves(mutate=mutate, constraint=constraint),
)
