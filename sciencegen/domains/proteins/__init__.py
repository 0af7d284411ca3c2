"""Proteins: sequences, variants and families in, ranked variants out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.domains.base import Recipe
from sciencegen.domains.proteins import (
    design,
    design_options,
    features,
    files,
    items,
    metrics,
    motifs,
    mutations,
    oracles,
    render,
    similarity,
    sites,
    variant_features,
    variant_tables,
)
from sciencegen.domains.proteins.properties import PROPERTIES, measure
from sciencegen.domains.proteins.record_names import taxon
from sciencegen.domains.proteins.residue_classes import LETTER_CLASSES
from sciencegen.domains.proteins.sites import Frame
from sciencegen.domains.proteins.variant_names import VariantNames
from sciencegen.domains.proteins.variants import Reference, variant_name
from sciencegen.items import Origin, Property, Refusal, Row
from sciencegen.report.sites import Change, Sites
from sciencegen.scoring.oracles import Oracle


class Proteins:
    """The `Domain` of proteins: each member is one of this folder's functions. An item is a sequence, a plain `str`."""

    name = "proteins"
    item_columns = files.ITEM_COLUMNS
    formats: tuple[str, ...] = files.FORMATS
    properties: Mapping[str, Property] = PROPERTIES
    not_goals: Mapping[str, str] = oracles.NOT_GOALS
    metric_notes = metrics.METRIC_NOTES
    maximum_similarity = 1.0
    """Of two candidates: variants of one protein are all alike."""
    splits = variant_tables.SPLITS
    letter_classes: Mapping[str, str] = LETTER_CLASSES
    variant_unit = "nats"
    labels: Mapping[str, Callable[[str], str]] = {"taxon": taxon}
    space_options = design_options.OPTIONS

    @cached_property
    def recipes(self) -> Mapping[str, Recipe]:
        from sciencegen.domains.proteins.models import RECIPES  # on use: needs torch

        return RECIPES

    @cached_property
    def forms(self) -> Mapping[str, Any]:
        from sciencegen.domains.proteins.aligned import Aligned

        return {"aligned": Aligned()}

    @property
    def default_recipe(self) -> str:
        return next(iter(self.recipes), "")

    def read(self, path: Path, column: str | None = None) -> Iterator[Row]:
        return files.read(Path(path), column)

    def write(
        self, path: Path, items: Sequence[str], names: Sequence[str], values: Mapping[str, Sequence[Any]],
        origin: Origin | None = None,
    ) -> None:  # fmt: skip
        files.write(Path(path), items, names, values)

    def parse(self, text: str) -> str | Refusal:
        return items.parse(text)

    def text(self, item: str) -> str:
        return items.text(item)

    def key(self, item: str) -> str:
        return items.key(item)

    def similarity(self, items: Sequence[str], references: Sequence[str]) -> np.ndarray:
        return similarity.similarity(items, references)

    def nearest(self, items: Sequence[str], references: Sequence[str]) -> np.ndarray:
        return similarity.nearest(items, references)

    def mutate(self, item: str, generator: np.random.Generator) -> str | Refusal:
        return mutations.mutate(item, generator)

    def recombine(self, item: str, other: str, generator: np.random.Generator) -> str | Refusal:
        return mutations.recombine(item, other, generator)

    def measure(self, items: Sequence[str], names: Sequence[str]) -> np.ndarray:
        return measure(items, names)

    def oracle(self, name: str) -> Oracle:
        return oracles.oracle(name)

    def oracle_names(self) -> Sequence[str]:
        return oracles.oracle_names()

    def features(self, items: Sequence[str]) -> np.ndarray:
        return features.features(items)

    def groups(self, items: Sequence[str]) -> list[str]:
        """Each sequence stands alone. A label must follow from one item, and none does: variants of one protein, the
        usual table here, are all alike. What splits them well (mutated positions, their number) needs a reference."""
        return [""] * len(items)

    def fit_features(
        self, items: Sequence[str], reference: Reference | None = None
    ) -> variant_features.VariantFeatures | None:
        return variant_features.fit_variant_features(items, reference)

    def load_features(self, data: Mapping[str, Any]) -> variant_features.VariantFeatures:
        return variant_features.load_variant_features(data)

    def reference(self, source: str, first: int = 1) -> Reference:
        return variant_tables.read_reference(source, first)

    def of_reference(self, reference: Reference, text: str) -> str | Refusal:
        return variant_tables.variant_text(reference, text)

    def name_of(self, reference: Reference, item: str) -> str | Refusal:
        return variant_name(reference, item)

    def design_features(self, items: Sequence[str], origin: str | None = None) -> Any:
        return design.design_features(items, origin)

    def marks(self, items: Sequence[str], origin: str) -> Any:
        return design.marks(items, origin)

    def design_space(self, measured: Sequence[str] = (), **options: Any) -> design.DesignSpace:
        return design_options.design_space(measured, **options)

    def sites(self, texts: Sequence[str], reference: Reference | Mapping[str, Any] | None = None) -> Sites | None:
        return sites.sites(texts, reference)

    def changes(self, names: Sequence[str]) -> list[tuple[Change, ...] | None]:
        return sites.changes(names)

    def variant_names(self, reference: Reference) -> VariantNames:
        return VariantNames(reference)

    def constraint(
        self, keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
    ) -> Callable[[str], bool]:
        return motifs.constraint(keep, forbid, reference)

    def held(self, reference: Reference, forbid: Sequence[str]) -> list[str]:
        return motifs.held(reference, forbid)

    @property
    def comparison(self) -> metrics.Comparison:
        return metrics.Comparison(items.parse, similarity.nearest, similarity.similarity)

    def evaluate(
        self, samples: Sequence[str], reference: Sequence[str], training: Sequence[str] | None = None
    ) -> dict[str, float]:
        return metrics.evaluate(samples, reference, training, self.comparison)

    def variant_classes(self, scores: Sequence[float]) -> Any:
        from sciencegen.domains.proteins.pathogenicity import variant_classes

        return variant_classes(scores)

    def render(self, item: str, width: int = 220, height: int = 160) -> str:
        return render.render(item, width, height)

    def render_against(self, item: str, reference: Frame, width: int = 220, height: int = 160) -> str:
        return render.render(item, width, height, sites.as_reference(reference))


DOMAIN = Proteins()
