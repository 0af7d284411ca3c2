"""Images for `parts_of_models`: scikit-learn's digits as zeros and ones, and simulated galaxies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits

from sciencegen.batch import Batch
from sciencegen.domains import load_domain
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.vae.array_columns import VALUES

HELD_OUT, TEST = 797, 500
FEWEST_ONES = 10
BATCH = 128
STAMPS, SIDE, LEVELS = 4000, 16, 16.0


@dataclass(frozen=True)
class Images:
    """Rows [row pixel], of which the first `TEST` are for the test, and those up to `HELD_OUT` for the validation.

    draw: from rows and a random generator to what the model learns. volume: [row] nats, added to log p of the test rows
    for it to be that of the pixels in the unit of the figure.
    """

    representation: TableRepresentation
    held: np.ndarray
    learned: np.ndarray
    draw: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    volume: torch.Tensor

    @property
    def pixels(self) -> int:
        return self.learned.shape[1]

    def batch(self, given: np.ndarray, generator: np.random.Generator) -> Batch:
        drawn = self.draw(given, generator)
        mean, std = (np.array([getattr(one, name) for one in self.representation.columns]) for name in ("mean", "std"))
        return Batch({VALUES: torch.from_numpy(((drawn - mean) / std).astype(np.float32))})

    def batches(self, seed: int, step: int) -> Iterator[Batch]:
        while True:
            generator = np.random.default_rng([seed, step])
            yield self.batch(self.learned[generator.choice(len(self.learned), BATCH, replace=False)], generator)
            step += 1

    @property
    def test(self) -> Batch:
        return self.batch(self.held[:TEST], np.random.default_rng(1))

    @property
    def validation(self) -> Batch:
        return self.batch(self.held[TEST:], np.random.default_rng(2))


def _binary(chance: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return generator.random(chance.shape) < chance


def _same(given: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return given


def representation_of(drawn: np.ndarray) -> TableRepresentation:
    texts = [rows.text({f"p{at}": one.item() for at, one in enumerate(row)}) for row in drawn]
    return load_domain("arrays").recipes["array-vae"].fit(texts, np.empty((len(texts), 0)), ())


def read_digits() -> Images:
    """The digits, in an order that does not depend on the seed of a model; each pixel is drawn with its grey value as
    the probability. Pixels that are hardly ever 1 are left out."""
    generator = np.random.default_rng(0)
    chance = generator.permutation(load_digits().data) / 16
    drawn = _binary(chance[HELD_OUT:], generator)
    often = drawn.sum(0) >= FEWEST_ONES
    held, learned = chance[:HELD_OUT, often], chance[HELD_OUT:, often]
    return Images(representation_of(drawn[:, often].astype(int)), held, learned, _binary, torch.zeros(TEST))


def read_stamps() -> Images:
    """The middle of simulated stamps: asinh of the pixels in units of the noise's standard deviation, so that bright
    galaxies don't outweigh others. The figure is of pixels that are quantized to a sixteenth of this unit."""
    survey, stamps = SurveySettings(), []
    edge = (survey.side - SIDE) // 2
    middle = slice(edge, edge + SIDE)
    for one in simulate(survey, 0, 0, STAMPS):
        noise = np.sqrt(one.observed.variance.mean())
        stamps.append(one.observed.image[0, middle, middle].ravel() / noise)
    pixels = np.array(stamps, np.float64)
    slope = -0.5 * np.log1p(pixels[:TEST] ** 2).sum(1) - SIDE**2 * np.log(LEVELS)
    scaled = np.arcsinh(pixels)
    fitted = representation_of(scaled[HELD_OUT : HELD_OUT + 1000].round(6))
    volume = torch.from_numpy(slope.astype(np.float32))
    return Images(fitted, scaled[:HELD_OUT], scaled[HELD_OUT:], _same, volume)


DATA: dict[str, Callable[[], Images]] = {"digits": read_digits, "stamps": read_stamps}
