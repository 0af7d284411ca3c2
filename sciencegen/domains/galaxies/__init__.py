"""Galaxies: stamps of images with their pixel scale, PSF and noise in, generated and searched ones out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.domains.base import Recipe
from sciencegen.domains.galaxies import (
    features,
    files,
    items,
    metrics,
    mutations,
    observation,
    oracles,
    render,
    similarity,
    simulation,
)
from sciencegen.domains.galaxies.galsim_objects import galsim_object, galsim_psf
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.properties import GIVEN, PROPERTIES, measure
from sciencegen.errors import ConfigError
from sciencegen.items import Origin, Property, Refusal, Row
from sciencegen.scoring.oracles import Oracle

__all__ = ["DOMAIN", "Galaxies", "Stamp", "galsim_object", "galsim_psf"]


class Galaxies:
    """The `Domain` of galaxies: each member is one of this folder's functions. An item is a `Stamp`."""

    name = "galaxies"
    item_columns = files.ITEM_COLUMNS
    formats: tuple[str, ...] = files.FORMATS
    properties: Mapping[str, Property] = PROPERTIES
    given = GIVEN
    companion = ".fits"
    reads_folders = True
    maximum_similarity = 0.95
    """Of two candidates; pairs of simulated galaxies have 0.77 (median), a galaxy and a small move of it 0.96."""
    gallery = 48
    traversals = True
    metric_notes = metrics.METRIC_NOTES
    not_goals: Mapping[str, str] = oracles.NOT_GOALS

    @cached_property
    def recipes(self) -> Mapping[str, Recipe]:
        from sciencegen.domains.galaxies.models import RECIPES  # on use: needs torch

        return RECIPES

    @property
    def default_recipe(self) -> str:
        return next(iter(self.recipes), "")

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return files.read(Path(path), column)

    def write(
        self, path: Path, items: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        files.write(Path(path), items, names, values, origin)

    def parse(self, text: str) -> Stamp | Refusal:
        return files.parse(text)

    def text(self, item: Stamp) -> str:
        return items.text(item)

    def cell(self, item: Stamp) -> str:
        return files.cell(item)

    def placed(self, path: Path, number: int) -> str:
        return files.placed(path, number)

    def key(self, item: Stamp) -> str:
        return items.key(item)

    def similarity(self, items: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
        return similarity.similarity(items, references)

    def nearest(self, items: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
        return similarity.nearest(items, references)

    def mutate(self, item: Stamp, generator: np.random.Generator) -> Stamp | Refusal:
        return mutations.mutate(item, generator)

    def measure(self, items: Sequence[Stamp], names: Sequence[str]) -> np.ndarray:
        return measure(items, names)

    def oracle(self, name: str) -> Oracle:
        return oracles.oracle(name)

    def oracle_names(self) -> Sequence[str]:
        return oracles.oracle_names()

    def features(self, items: Sequence[Stamp]) -> np.ndarray:
        return features.features(items)

    def observing(self, items: Sequence[Stamp]) -> observation.ObservingConditions | None:
        return observation.observing_conditions(items)

    def load_observing(self, data: Mapping[str, Any]) -> observation.ObservingConditions:
        return observation.load_observing(data)

    def groups(self, items: Sequence[Stamp]) -> list[str]:
        """Each galaxy stands alone."""
        return [""] * len(items)

    def constraint(self, keep: Sequence[str] = (), forbid: Sequence[str] = ()) -> Callable[[Stamp], bool]:
        if pattern := next(iter((*keep, *forbid)), None):
            raise ConfigError(f"Expected no patterns, got '{pattern}': galaxies have none. Use --where.")
        return lambda item: True

    def evaluate(
        self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
    ) -> dict[str, float]:
        return metrics.evaluate(samples, reference, training)

    def simulate(
        self, settings: Mapping[str, Any], seed: int, start: int, stop: int
    ) -> list[tuple[str, dict[str, float]]]:  # fmt: skip
        return simulation.rows(settings, seed, start, stop)

    def render(self, item: Stamp, width: int = 220, height: int = 160) -> str:
        return render.render(item, width, height)

    def render_alike(self, items: Sequence[Stamp], width: int = 220, height: int = 160) -> list[str]:
        return render.render_alike(items, width, height)


DOMAIN = Galaxies()
