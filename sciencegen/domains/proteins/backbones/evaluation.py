"""`evaluate` of backbones given as text: distances of properties, and the metrics of coordinates.

Those that need a package which is not installed are left out, and a note says how to install it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.domains.capabilities import MetricNote, ReferenceSets
from sciencegen.domains.properties import property_metrics
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.proteins.backbones.metrics import METRIC_NOTES, METRIC_UNITS, evaluate_backbones
from sciencegen.domains.proteins.backbones.properties import measure
from sciencegen.domains.proteins.backbones.published_weights import INSTALL, PACKAGE, has_weights
from sciencegen.domains.proteins.backbones.similarity import SIMILARITY
from sciencegen.domains.proteins.backbones.tm_score import can_align
from sciencegen.items import Refusal
from sciencegen.progress import Report, silent

COMPARED = ("length", "helix", "strand", "coil", "rg_ratio")
"""Properties whose distributions are compared."""
NO_ALIGNMENTS = (
    "TM-scores are left out: they need the package tmtools, which is not installed. "
    "Install it: pip install 'sciencegen[design]'"
)
NO_SEQUENCES = (
    f"perplexities are left out: they need the weights in the package {PACKAGE}, which is not installed. {INSTALL}"
)
NOTES = {
    "unique": MetricNote("share of distinct ones among the valid", "maximize"),
    "novelty": MetricNote("share of the distinct ones that the training set lacks", "maximize"),
    "nearest_reference": MetricNote("mean similarity to the nearest reference, without alignment"),
    **METRIC_NOTES,
}
REFERENCE_SETS = ReferenceSets(notes=NOTES, units=METRIC_UNITS)

_property_metrics = property_metrics(ITEMS, measure, COMPARED, SIMILARITY)


@dataclass(frozen=True)
class Evaluation:
    """All metrics by name: those of `property_metrics` and of `evaluate_backbones`.

    A sample that can't be read counts as not valid, not unbroken and not free of clashes.
    """

    report: Report = silent

    def reporting(self, report: Report) -> Evaluation:
        return replace(self, report=report)

    def __call__(
        self, samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
    ) -> dict[str, float]:
        of_properties = _property_metrics(samples, reference, training)
        trained_on = None if training is None else _coordinates(training)
        return of_properties | evaluate_backbones(
            _coordinates(samples),
            _coordinates(reference),
            trained_on,
            alignments=_available(can_align(), NO_ALIGNMENTS),
            sequences=_available(has_weights(), NO_SEQUENCES),
            report=self.report,
        )


evaluate = Evaluation()


def _coordinates(texts: Sequence[str] | str) -> list[Coordinates]:
    """Of each item; no residues for one that can't be read."""
    items = map(ITEMS.parse, texts)
    return [np.empty((0, 4, 3)) if isinstance(item, Refusal) else item.coordinates for item in items]


def _available(found: bool, note: str) -> bool:
    if not found:
        warnings.warn(note, stacklevel=1)
    return found
