"""Draws of a fine-tuned model beside the items that it was tuned on: how many are well formed, near them, and new."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from sciencegen.api.models.data import TrainingData
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.base import Domain
from sciencegen.items import Refusal
from sciencegen.latent.explorer import LatentSpace
from sciencegen.latent.geometry import latent_noise
from sciencegen.latent.space import LatentModel

DRAWS = 200
LARGEST = 2_000
"""Maximum number of items that draws are compared with; they are evenly spaced in a larger set."""
NEAR = 0.4
"""Least similarity to an item that counts as near."""
FEW = 0.5
"""Share of well-formed draws below which a note warns."""
FEW_NEAR = 0.2
"""Share of draws near an item below which a note advises more steps."""


@dataclass(frozen=True)
class TunedDraws:
    """Shares of draws without a condition: well_formed; near and new of those; their median similarity to an item."""

    well_formed: float
    near: float
    new: float
    similarity: float

    def metrics(self) -> dict[str, float]:
        """For `metrics.json`."""
        return {f"draws_{name}": value for name, value in asdict(self).items() if np.isfinite(value)}

    def sentences(self, more_steps: int) -> list[str]:
        """For the log. more_steps: the number of training steps to advise where few draws are near."""
        sentences = [f"of {DRAWS} draws without a condition {self.well_formed:.0%} are well formed"]
        if self.well_formed:
            sentences[0] += (
                f"; of these {self.near:.0%} are near your items (a similarity of {NEAR} or more to one of them; "
                f"median {self.similarity:.2f}) and {self.new:.0%} are new"
            )
        if self.well_formed < FEW:
            sentences.append("note: most draws are malformed. Train fewer steps, or start from a better trained model.")
        elif self.near < FEW_NEAR:
            sentences.append(
                f"note: few draws are near your items. More steps bring draws nearer, such as `training` "
                f"steps={more_steps}."
            )
        return sentences


def draws_near(model: LatentModel, data: TrainingData, science: Domain, seed: int) -> TunedDraws:
    """Draw from a fine-tuned model and compare with the items that it was tuned on."""
    representation = data.representation
    space = LatentSpace(model, representation, parse=science.items.parse, text=science.items.text)
    noise = latent_noise(seed, 0, space.size)[:DRAWS]
    batch = space.generate_batch(noise)
    items = representation.decode(batch)
    well_formed = np.array([not isinstance(item, Refusal) for item in items])
    if representation.canonical:
        well_formed &= representation.well_formed(batch, items)
    drawn = [item for item, good in zip(items, well_formed, strict=True) if good]
    if not drawn:
        return TunedDraws(0.0, np.nan, np.nan, np.nan)
    items_or_refusals = [science.items.parse(data.texts[row]) for row in evenly_spaced(len(data.texts), LARGEST)]
    training_items = [item for item in items_or_refusals if not isinstance(item, Refusal)]
    nearest, texts = science.similarity.nearest(drawn, training_items), set(data.texts)
    new = np.mean([science.items.text(item) not in texts for item in drawn])
    return TunedDraws(float(well_formed.mean()), float(np.mean(nearest >= NEAR)), float(new), float(np.median(nearest)))
