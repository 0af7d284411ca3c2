"""What the page asks its server: strict records of the JSON of each call."""

from __future__ import annotations

from pydantic import Field

from sciencegen.config import Settings

LONGEST_PATH = 50
MOST_ROWS = 500
Latent = tuple[float, ...]
Condition = dict[str, float]


class Rows(Settings):
    """The texts and names of some items."""

    indices: tuple[int, ...] = Field(max_length=MOST_ROWS)


class AtPlace(Settings):
    """Decode a place of the map."""

    x: float
    y: float
    condition: Condition = Field(default_factory=dict)


class OfItem(Settings):
    """An item of the data, with its latent."""

    index: int = Field(ge=0)


class Change(Settings):
    """Decode a latent, with its coordinate along one principal axis set to a number of standard deviations."""

    latent: Latent
    axis: int | None = Field(None, ge=0)
    step: float = 0.0
    condition: Condition = Field(default_factory=dict)


class Nearest(Settings):
    """The items of the data that are nearest to a latent."""

    latent: Latent
    count: int = Field(12, ge=1, le=100)


class Near(Settings):
    """New items near a latent."""

    latent: Latent
    count: int = Field(8, ge=1, le=24)
    radius: float = Field(0.3, gt=0, le=1)
    seed: int = Field(0, ge=0)


class Path(Settings):
    """Items on the arc between two latents."""

    start: Latent
    end: Latent
    steps: int = Field(9, ge=2, le=LONGEST_PATH)


class Draw(Settings):
    """A draw of the model."""

    seed: int = Field(0, ge=0)
    condition: Condition = Field(default_factory=dict)


class Kept(Settings):
    """An item of the basket. origin: how it came there."""

    item: str
    name: str = ""
    origin: str = ""
    values: dict[str, float | None] = Field(default_factory=dict)


class Export(Settings):
    """The basket as a file. ending: of its format."""

    items: tuple[Kept, ...] = Field(min_length=1)
    ending: str
