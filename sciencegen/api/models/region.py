"""Whether items are like those that a model was trained on, by numbers that its recipe measures (`TrainedRegion`).

A number is inside between its quantiles `OUTER` on held-out items, which lie in `region.json` beside the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.api.models.folder import WEIGHTS, LoadedModel
from sciencegen.domains.recipes import Recipe, Representation, TrainedRegion
from sciencegen.errors import IncompatibleError
from sciencegen.items import Cell, Item, Json, Refusal
from sciencegen.latent.space import LatentModel
from sciencegen.runs import RunFolder, check_format

REGION = "region.json"
QUANTILES = (0.0025, 0.01, 0.05, 0.5, 0.95, 0.99, 0.9975)
"""Of each number on held-out items; the first and the last are the limits."""
FEWEST = 100
"""Held-out items below which there are no limits."""
UNKNOWN = (
    "this model states no region that it was trained on, since an earlier version trained it: whether items are in it "
    "isn't known"
)
PER_CHUNK = 256
IT_HAS = ": "
"""Between a reason and the item's own number."""


@dataclass(frozen=True)
class Region:
    """Limits of a model's numbers. limits: name -> (low, high); infinite where there is none."""

    model: LoadedModel
    part: TrainedRegion
    limits: Mapping[str, tuple[float, float]]

    def outside(self, items: Sequence[Item | Refusal]) -> list[tuple[str, ...]]:
        """For each item, in what it is unlike those that the model was trained on, and its number; () if in nothing."""
        found: list[tuple[str, ...]] = []
        for start in range(0, len(items), PER_CHUNK):
            part = items[start : start + PER_CHUNK]
            read = [one for one in part if not isinstance(one, Refusal)]
            numbers = self.part.measure(self.model.model, self.model.representation, read) if read else {}
            rows = iter([self._reasons({name: float(all_[at]) for name, all_ in numbers.items()})
                         for at in range(len(read))])  # fmt: skip
            found += [("not an item",) if isinstance(one, Refusal) else next(rows) for one in part]
        return found

    def _reasons(self, numbers: Mapping[str, float]) -> tuple[str, ...]:
        reasons = []
        for name, (low, high) in self.limits.items():
            below, above = self.part.ends[name]
            value = numbers.get(name, np.nan)
            ends = ((below, low, value < low), (above, high, value > high))
            reasons += [f"{text.format(end)}{IT_HAS}{value:.3g}" for text, end, is_out in ends if text and is_out]
        return tuple(reasons)


def judged(model: LoadedModel, texts: Sequence[str]) -> tuple[dict[str, list[Cell]], tuple[str, ...]]:
    """The columns `in_domain` and `outside` of items, and notes; no columns for a model without a region."""
    region = load_region(model)
    if region is None:
        return {}, () if model.recipe.region is None else (UNKNOWN,)
    reasons = region.outside([model.domain.items.parse(text) for text in texts])
    return columns_of(reasons), notes_of(reasons)


def columns_of(reasons: Sequence[Sequence[str]]) -> dict[str, list[Cell]]:
    """Of each item whether it is in the region, and why not."""
    return {"in_domain": [not one for one in reasons], "outside": ["; ".join(one) for one in reasons]}


def notes_of(
    reasons: Sequence[Sequence[str]], then: str = "don't rely on what the model says of them"
) -> tuple[str, ...]:
    """How many items are outside, and why."""
    count = sum(map(bool, reasons))
    if not count:
        return ()
    counts = Counter(one.partition(IT_HAS)[0] for row in reasons for one in row)
    why = ", ".join(f"{number} {reason}" for reason, number in counts.most_common())
    return (f"{count} of {len(reasons)} are outside of what the model was trained on ({why}): {then}",)


def load_region(model: LoadedModel) -> Region | None:
    """The region of a model's folder; None if its recipe has none, or an earlier version trained it."""
    part, run = model.recipe.region, RunFolder(model.folder, create=False)
    if part is None or not run.has(REGION):
        return None
    content = run.read_json(REGION)
    check_format(content.get("format"), REGION)
    if content.get("weights") != model.sha256[WEIGHTS]:
        raise IncompatibleError(
            f"Expected {REGION} of the weights in {run.path}, found that of others. Copy the folder again, or delete "
            "the file: then whether items are like the training's isn't known."
        )
    return Region(model, part, _limits(part, content["quantiles"]))


def _limits(part: TrainedRegion, quantiles: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Name -> least and greatest number inside: the outer quantiles, by the margin further out."""
    known = {name: (quantiles[name][0], quantiles[name][-1], part.margins.get(name, 1.0)) for name in part.ends
             if name in quantiles}  # fmt: skip
    return {name: (low / margin, high * margin) for name, (low, high, margin) in known.items()}


def region_of(
    recipe: Recipe, model: LatentModel, representation: Representation, weights: str, items: Sequence[Item]
) -> Json | None:
    """The content of `region.json`, from held-out items; None if there are too few, or the recipe measures nothing.

    weights: their sha256.
    """
    if recipe.region is None or len(items) < FEWEST:
        return None
    numbers = recipe.region.measure(model, representation, items)
    known = {name: values[np.isfinite(values)] for name, values in numbers.items()}
    quantiles = {
        name: [float(f"{one:.6g}") for one in np.quantile(values, QUANTILES)]
        for name, values in known.items()
        if len(values) >= FEWEST
    }
    out = [
        (bool(below) & (numbers[name] < low)) | (bool(above) & (numbers[name] > high))
        for name, (low, high) in _limits(recipe.region, quantiles).items()
        for below, above in [recipe.region.ends[name]]
    ]
    return {
        "format": 1, "weights": weights, "held_out": len(items), "quantiles_at": list(QUANTILES),
        "quantiles": quantiles,
        "outside_of_held_out": round(float(np.any(out, 0).mean()), 4),
    }  # fmt: skip
