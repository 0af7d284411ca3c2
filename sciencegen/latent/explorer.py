"""LatentSpace: the latent space of a trained model, for Python. It takes texts or objects as items, and gives texts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from sciencegen.config import COMPUTE_CHUNK, as_texts
from sciencegen.data.workers import is_refusal
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.items import Given, Item, Refusal
from sciencegen.latent.drawing import (
    HEIGHT,
    WIDTH,
    ItemDrawing,
    axis_labels,
    caption,
    grid,
    map_figure,
    pictures_figure,
    shortened,
)
from sciencegen.latent.geometry import PrincipalAxes, arc, axes_of_values, latent_noise, latents_near, principal_axes
from sciencegen.latent.rows import LatentRows, Latents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Render = Callable[[Item, int, int], str]
RenderAlike = Callable[[Sequence[Item], int, int], list[str]]
LONGEST_TEXT = 80
"""Characters of an item in a message."""


def as_given_texts(given: Given) -> list[str]:
    """Items that are given as texts only."""
    if not isinstance(given, Iterable):
        raise ConfigError(f"Expected the texts of items, got {type(given).__name__}.")
    return as_texts(given)


def as_given_item(item: Item | Refusal) -> object | None:
    """An item itself as the object, None for a refusal."""
    return None if is_refusal(item) else item


@dataclass(frozen=True)
class LatentSpace(LatentRows):
    """The latent space of a trained model, with methods on items.

    Parameters
    ----------
    model, representation, device, threads, cpu_rows
        As in `LatentRows`.
    parse, text : callable
        Text to item, or a Refusal, and back.
    render : (item, width, height) -> str, optional
        The picture of an item, an SVG or HTML image element.
    render_alike : (items, width, height) -> list of str, optional
        The pictures of the items of a path, with a common scale, such as of brightness.
    texts : (given) -> list of str
        The texts of what callers pass as items: texts, objects of the science's libraries, or a data frame.
    object_of : (item or Refusal) -> object or None
        An item as an object of the science's libraries.

    Examples
    --------
    >>> import sciencegen as sg
    >>> space = sg.load("molecules", device="cpu")
    >>> latents = space.encode(["CCO", "CCN"])
    >>> latents.shape, space.decode(latents)
    ((2, 32), ['CCO', 'CCN'])
    >>> space.sample(3, seed=0).shape
    (3, 32)
    """

    _: KW_ONLY
    parse: Callable[[str], Item | Refusal]
    text: Callable[[Item], str]
    render: Render | None = None
    render_alike: RenderAlike | None = None
    texts: Callable[[Given], list[str]] = as_given_texts
    object_of: Callable[[Item | Refusal], object | None] = as_given_item

    def __repr__(self) -> str:
        """Size, properties and device, without the network's layers."""
        return f"LatentSpace(size={self.size}, properties={self.properties}, device={self.device!r})"

    def encode(self, items: Given) -> Latents:
        """One latent for each item (a single item needs no list); an item that can't be encoded is an error.

        Items are texts, objects of the science's libraries (such as RDKit molecules), or a pandas Series or DataFrame
        of them, here and in the other methods.
        """
        texts = self.texts(items)
        found = self._encodable(texts)
        _raise_refused(texts, found)
        return self.encode_arrays(found)

    def _encodable(self, items: Sequence[str]) -> list[Any]:
        """For each item the array of `representation.encode`, or why it has none."""
        parsed = [self.parse(item) for item in items]
        encoded = iter(self.representation.encode([item for item in parsed if not is_refusal(item)]))
        return [one if is_refusal(one) else next(encoded) for one in parsed]

    def decode(self, latents: Latents, condition: Mapping[str, float] | None = None) -> list[str]:
        """The item of each latent as text; "" if it decodes to none."""
        items = self.decode_items(latents, self._rows(condition, len(latents)))
        return ["" if is_refusal(item) else self.text(item) for item in items]

    def objects(self, items: Given) -> list[object | None]:
        """Items as new objects of the science's libraries, such as RDKit molecules; None for one that can't be read."""
        return [self.object_of(self.parse(text)) for text in self.texts(items)]

    def sample(self, n: int, seed: int = 0, condition: Mapping[str, float] | None = None) -> Latents:
        """Draws n latents of the prior; item i depends on the seed and on i only."""
        if n < 1:
            raise ShapeError(f"Expected at least 1 sample, got {n}.")
        asked = self._rows(condition, COMPUTE_CHUNK)
        drawn = [
            self.from_noise(latent_noise(seed, chunk, self.size)[rows], None if asked is None else asked[rows])
            for chunk, rows in self.parts(n)
        ]
        return np.concatenate(drawn)[:n]

    def _one(self, item: Given) -> str:
        """The text of a single item."""
        texts = self.texts(item)
        if len(texts) != 1:
            raise ConfigError(f"Expected one item, got {len(texts)}. Pass one of them.")
        return texts[0]

    def interpolate(self, start: Given, end: Given, steps: int = 9) -> list[str]:
        """The items on the arc from one to the other, both ends included."""
        first, last = self.encode([self._one(start), self._one(end)])
        return self.decode(arc(first, last, steps))

    def traverse(self, item: Given, column: int, values: Sequence[float]) -> list[str]:
        """The item with one coordinate of its latent set to each value."""
        if not 0 <= column < self.size:
            raise ShapeError(f"Expected a column of the latent, 0 to {self.size - 1}, got {column}.")
        latents = np.repeat(self.encode(self._one(item)), len(values), 0)
        latents[:, column] = values
        return self.decode(latents)

    def neighbours(self, item: Given, n: int = 10, radius: float = 0.3, seed: int = 0, attempts: int = 20) -> list[str]:
        """At most n distinct other items near this one: sqrt(1 - r^2) z + r noise, which is again standard normal.

        A small radius gives fewer than n where most latents near the item are decoded to the item itself.
        """
        if not 0 < radius <= 1:
            raise ShapeError(f"Expected a radius above 0, and of 1 (a new draw) or less, got {radius}.")
        given = self._one(item)
        latent, own = self.encode([given]), self.text(self.parse(given))
        if (centre := self.decode(latent)[0]) != own:
            centre = f"'{shortened(centre, LONGEST_TEXT)}'" if centre else "no item"
            what = f"'{shortened(given, LONGEST_TEXT)}' is not reconstructed"
            warnings.warn(f"{what}: its latent decodes to {centre}, whose neighbours these are.", stacklevel=2)
        found = dict.fromkeys([own, ""])
        for attempt in range(attempts):
            found |= dict.fromkeys(self.decode(latents_near(latent[0], radius, 4 * n, seed, attempt)))
            if len(found) >= n + 2:
                break
        return list(found)[2 : n + 2]

    def map(self, items: Given, reference: Given | None = None) -> Float[np.ndarray, "item 2"]:
        """Two coordinates for each item: its latent on the plane in which the reference (or the items) vary most. Items
        that can't be encoded are NaN, with a warning."""
        return self._on_plane(items, reference)[0]

    def _on_plane(self, items: Given, reference: Given | None) -> tuple[Float[np.ndarray, "item 2"], PrincipalAxes]:
        latents = self._known_latents(items)
        known = latents if reference is None else self._known_latents(reference)
        plane = principal_axes(known[np.isfinite(known).all(1)])
        return plane.project(latents), plane

    def _known_latents(self, given: Given) -> Latents:
        """The latents of items, NaN for those that can't be encoded; an error if none can."""
        items = self.texts(given)
        found = self._encodable(items)
        refused = [(item, one) for item, one in zip(items, found, strict=True) if is_refusal(one)]
        if len(refused) == len(items):
            _raise_refused(items, found)
        if refused:
            item, refusal = refused[0]
            note = f"{len(refused)} of {len(items)} items can't be encoded, such as '{item}': {refusal.reason}."
            warnings.warn(note, stacklevel=4)
        latents = np.full((len(items), self.size), np.nan, np.float32)
        known = [at for at, one in enumerate(found) if not is_refusal(one)]
        latents[known] = self.encode_arrays([found[at] for at in known])
        return latents

    def plot_map(
        self, items: Given, values: Sequence[float] | Sequence[str] | None = None, label: str = "",
        reference: Given | None = None, along_values: bool = False,
    ) -> Figure:  # fmt: skip
        """The latent map of items as a matplotlib figure, coloured by numbers, or by texts with a legend.

        Parameters
        ----------
        items : sequence of str or of objects, or a Series or DataFrame
        values : sequence of float or str, optional
            One for each item, such as an activity or the name of a class.
        label : str
            What the values are.
        reference : like items, optional
            Items whose latents define the plane of largest variance; by default the items themselves.
        along_values : bool
            Whether the first axis is the direction in which the values grow, by a ridge regression on the latents. The
            label tells how well it predicts values of items that are left out.

        Returns
        -------
        matplotlib.figure.Figure
            Save it by `savefig`.
        """
        if not along_values:
            points, plane = self._on_plane(items, reference)
            return map_figure(points, values, label, axis_labels(plane))
        latents, numbers = self._known_latents(items), np.asarray(values, dtype=float)
        known = np.isfinite(latents).all(1) & np.isfinite(numbers)
        plane, explained = axes_of_values(latents[known], numbers[known])
        labels = axis_labels(plane, label or "the values", explained)
        return map_figure(plane.project(latents), numbers.tolist(), label, labels)

    def draw(self, items: Given, captions: Sequence[str] | None = None, columns: int = 5) -> ItemDrawing:
        """Pictures of items, with their texts or these captions; the place of an item that can't be read is empty.

        Raises
        ------
        DataError
            If no item can be read.
        """
        texts = self.texts(items)
        names = list(map(caption, texts)) if captions is None else list(captions)
        return grid(self._pictures(texts), names, columns)

    def _figure(self, texts: list[str], captions: Sequence[str], columns: int) -> Figure:
        """The items of a path, with a common scale where the science has one."""
        return pictures_figure(self._pictures(texts, self.render_alike), captions, columns)

    def _pictures(self, texts: list[str], alike: RenderAlike | None = None) -> list[str]:
        """The pictures of items, "" for one that can't be read."""
        if (render := self.render) is None:
            raise ConfigError("Expected a space whose items have pictures, got one without `render`.")
        parsed = [self.parse(text) for text in texts]
        if texts and all(map(is_refusal, parsed)):
            raise DataError(
                f"Expected items to draw, none of {len(texts)} can be read, such as '{caption(texts[0])}': "
                f"{parsed[0].reason}."
            )
        known = [item for item in parsed if not is_refusal(item)]
        drawn = iter([render(item, WIDTH, HEIGHT) for item in known] if alike is None else alike(known, WIDTH, HEIGHT))
        return ["" if is_refusal(item) else next(drawn) for item in parsed]

    def plot_interpolation(self, start: Given, end: Given, steps: int = 9, columns: int = 5) -> Figure:
        """The items on the arc from one to the other, both ends included, as a matplotlib figure.

        Parameters
        ----------
        start, end : str or object
        steps : int
        columns : int
            Pictures in a row: 5 fill the width of a page, 2 a column of a journal.

        Returns
        -------
        matplotlib.figure.Figure
            Each picture has axes of its own, in the order of the path. Save it by `savefig`.
        """
        path = self.interpolate(start, end, steps)
        captions = [f"{at}: {caption(text)}".removesuffix(": ") for at, text in enumerate(path, 1)]
        return self._figure(path, captions, columns)

    def plot_traversal(self, item: Given, column: int, values: Sequence[float], columns: int = 5) -> Figure:
        """The item with one coordinate of its latent set to each value, as `plot_interpolation` draws a path.

        Parameters
        ----------
        item : str or object
        column : int
            Of the latent, from 0.
        values : sequence of float
        columns : int
            Pictures in a row.
        """
        captions = [f"z[{column}] = {value:g}" for value in values]
        return self._figure(self.traverse(item, column, values), captions, columns)


def _raise_refused(items: Sequence[str], results: Sequence[Any]) -> None:
    refused = [(item, result) for item, result in zip(items, results, strict=True) if is_refusal(result)]
    if refused:
        item, refusal = refused[0]
        raise DataError(
            f"Expected items that can be encoded, {len(refused)} can't, such as '{item}': {refusal.reason}."
        )
