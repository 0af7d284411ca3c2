"""LatentSpace: the latent space of a trained model, for Python. It takes texts or objects as items, and gives texts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from sciencegen.batch import Batch, concatenate
from sciencegen.config import COMPUTE_CHUNK, CPU_CHUNK, as_texts
from sciencegen.data.threads import FIRST_ROWS, map_threaded
from sciencegen.data.workers import is_refusal
from sciencegen.devices import halved_to_fit
from sciencegen.errors import ConfigError, DataError, ShapeError, unknown_name
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
from sciencegen.latent.geometry import (
    STEP,
    PrincipalAxes,
    arc,
    axes_of_values,
    chunk_generator,
    latent_noise,
    latents_near,
    principal_axes,
)
from sciencegen.latent.space import Accept, DecodesAccepted, Drafts, InfersArrays, ItemCodec, LatentModel
from sciencegen.records import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Latents = Float[np.ndarray, "item latent"]


@dataclass(frozen=True)
class LatentRows:
    """A trained model and its representation, called on rows.

    Parameters
    ----------
    model : LatentModel
        On `device`, in evaluation mode.
    representation : ItemCodec
        Items to tensors and back; its `properties` are the names of the condition's columns.
    device : str
    threads : int
        Number of chunks of rows that are computed in parallel; results do not depend on it.
    cpu_rows : int
        Rows of one call of the model on a CPU.
    """

    model: LatentModel
    representation: ItemCodec
    device: str = "cpu"
    threads: int = 1
    cpu_rows: int = CPU_CHUNK

    @property
    def size(self) -> int:
        """Length of a latent vector."""
        return self.model.latent_size

    @property
    def _accept(self) -> Accept | None:
        """Which rows of a Batch are well formed; None if the representation cannot check it."""
        if not self.representation.canonical:
            return None

        def accept(batch: Batch) -> torch.Tensor:
            here = batch.to("cpu")
            flags = self.representation.well_formed(here, self.representation.decode(here))
            return torch.from_numpy(flags).to(self.device)

        return accept

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that a condition may contain."""
        return tuple(self.representation.properties)

    def encode_arrays(
        self, arrays: Sequence[np.ndarray], advance: Callable[[int], None] = lambda rows: None
    ) -> Latents:
        """One latent for each array of `representation.encode`. advance: called with the number of rows encoded."""
        parts = []
        for part in map_threaded(lambda rows: self._encode(arrays[rows]), self._chunks(len(arrays)), self.threads):
            parts.append(part)
            advance(len(part))
        return np.concatenate(parts) if parts else np.empty((0, self.size), np.float32)

    def _encode(self, arrays: Sequence[np.ndarray]) -> Latents:
        def compute(rows: slice) -> Latents:
            return self.model.encode(self.representation.batch(arrays[rows]).to(self.device)).cpu().numpy()

        with torch.inference_mode():
            return halved_to_fit(compute, len(arrays), np.concatenate)

    def inferred(self, latents: Latents) -> dict[str, np.ndarray]:
        """What the model says of items by their latents, such as `rates`: arrays [item ...] by name."""
        model = self.model
        if not isinstance(model, InfersArrays) or not len(latents):
            return {}

        def compute(part: Latents) -> dict[str, np.ndarray]:
            def of_rows(rows: slice) -> dict[str, np.ndarray]:
                return {name: one.cpu().numpy() for name, one in model.inferred(self._tensor(part[rows])).items()}

            with torch.inference_mode():
                return halved_to_fit(of_rows, len(part), _joined)

        chunks = self._chunks(len(latents))
        return _joined(list(map_threaded(lambda rows: compute(latents[rows]), chunks, self.threads)))

    def _chunks(self, count: int) -> list[slice]:
        """Rows that are computed together; their number is fixed, because rounding depends on it."""
        size = self.cpu_rows if self.device == "cpu" else COMPUTE_CHUNK
        return [slice(start, start + size) for start in range(0, count, size)]

    def decode_items(self, latents: Latents, condition: np.ndarray | None = None) -> list[Item | Refusal]:
        """Items or refusals. condition: standardized rows [item property], NaN where not given."""
        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.size:
            raise ShapeError(f"Expected latents [item {self.size}], got {list(latents.shape)}.")
        return self._items(self.decode_batch, latents, condition)

    def draft_items(self, latents: Latents) -> list[Item | Refusal]:
        """As `decode_items`, but several times faster where the model can: more are refused, and fewer are the items
        whose latents these are. For searches, which judge each item and not its latent."""
        if not isinstance(self.model, Drafts):
            return self.decode_items(latents)
        return self._items(partial(self.compute_batch, self.model.draft), latents, None)

    def generate_items(self, noise: Latents, condition: np.ndarray | None = None) -> list[Item | Refusal]:
        """Standard normal noise to items or refusals; as `decode_items(from_noise(noise))`, but faster."""
        return self._items(self.generate_batch, noise, condition)

    def _items(self, compute: Callable[..., Any], rows: Latents, condition: np.ndarray | None) -> list[Item | Refusal]:
        batches = map_threaded(
            lambda chunk: compute(rows[chunk], None if condition is None else condition[chunk]),
            self._chunks(len(rows)),
            self.threads,
        )
        return [item for batch in batches for item in self.representation.decode(batch)]

    def decode_batch(self, latents: Latents, condition: np.ndarray | None = None) -> Batch:
        """Decoded latents as a Batch on the CPU, for the representation to make items of."""
        accept, model = self._accept, self.model
        if accept is not None and isinstance(model, DecodesAccepted):
            return self.compute_batch(lambda rows, _: model.decode_accepted(rows, accept), latents, condition)
        return self.compute_batch(model.decode, latents, condition)

    def generate_batch(self, noise: Latents, condition: np.ndarray | None = None) -> Batch:
        """Standard normal noise to a Batch on the CPU, for the representation to make items of."""
        return self.compute_batch(self.model.generate, noise, condition, self._accept)

    def compute_batch(
        self, make: Callable[..., Batch], rows: Latents, condition: np.ndarray | None, *others: Accept | None
    ) -> Batch:
        """`make(rows, condition, *others)` on the device, in parts if memory is short; the Batch is on the CPU."""

        def compute(part: slice) -> Batch:
            asked = None if condition is None else condition[part]
            return make(self._tensor(rows[part]), self._condition(asked), *others).to("cpu")

        with torch.inference_mode():
            return halved_to_fit(compute, len(rows), concatenate)

    def parts(self, count: int) -> Iterator[tuple[int, slice]]:
        """(compute chunk, rows of it) of the first `count` draws. On a CPU chunks are split, and those of the first
        chunk grow, so that ten draws do not compute 512. The part of a row does not depend on `count`."""
        for chunk in range(-(-count // COMPUTE_CHUNK)):
            start, wanted = 0, min(COMPUTE_CHUNK, count - chunk * COMPUTE_CHUNK)
            while start < wanted:
                stop = min(start + self._part_size(chunk, start), COMPUTE_CHUNK)
                yield chunk, slice(start, stop)
                start = stop

    def _part_size(self, chunk: int, start: int) -> int:
        if self.device != "cpu":
            return COMPUTE_CHUNK
        # few at first, so that few results don't wait for many; then as many as there were before
        return self.cpu_rows if chunk else min(self.cpu_rows, max(FIRST_ROWS, start))

    def from_noise(self, noise: Latents, condition: np.ndarray | None = None) -> Latents:
        """Standard normal noise to latents of the (conditional) prior."""

        def compute(part: slice) -> Latents:
            asked = None if condition is None else condition[part]
            return self.model.sample(self._tensor(noise[part]), self._condition(asked), self._accept).cpu().numpy()

        with torch.inference_mode():
            return halved_to_fit(compute, len(noise), np.concatenate)

    def _rows(self, condition: Mapping[str, float] | None, count: int) -> np.ndarray | None:
        """One condition for `count` items, standardized; None without a condition."""
        if not condition:
            return None
        for name in condition:
            if name not in self.properties:
                raise unknown_name("condition", name, self.properties)
        return np.repeat(self.representation.condition(condition)[None], count, 0)

    def _condition(self, rows: np.ndarray | None) -> torch.Tensor | None:
        return None if rows is None else self._tensor(rows)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values, np.float32)).to(self.device)


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays [item ...] by name of consecutive items."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


Render = Callable[[Item, int, int], str]
RenderAlike = Callable[[Sequence[Item], int, int], list[str]]
LONGEST_TEXT = 80
"""Characters of an item in a message."""
BARREN = 3
"""Rounds in a row without a new neighbour, after which there are no more."""
FARTHEST = 0.75
"""Radius up to which neighbours are chosen by their similarity; farther items are as unlike as any two."""


def as_given_texts(given: Given) -> list[str]:
    """Items that are given as texts only."""
    if not isinstance(given, Iterable):
        raise ConfigError(f"Expected the texts of items, got {type(given).__name__}.")
    return as_texts(given)


def as_given_item(item: Item | Refusal) -> object | None:
    """An item itself as the object, None for a refusal."""
    return None if is_refusal(item) else item


@dataclass(frozen=True)
class LatentSpace(Shown, LatentRows):
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
    plausible : (item) -> bool
        Whether an item may be a neighbour.
    like : (item) -> ((similarity, generator) -> item or Refusal), optional
        As in `Moves`.

    Examples
    --------
    >>> import sciencegen as sg
    >>> space = sg.load("molecules", device="cpu")
    >>> latents = space.encode(["CCO", "CCN"])
    >>> latents.shape, space.decode(latents)
    ((2, 64), ['CCO', 'CCN'])
    >>> space.sample(3, seed=0).shape
    (3, 64)
    """

    SHOWN = "size", "properties", "device"
    _: KW_ONLY
    parse: Callable[[str], Item | Refusal]
    text: Callable[[Item], str]
    render: Render | None = None
    render_alike: RenderAlike | None = None
    texts: Callable[[Given], list[str]] = as_given_texts
    object_of: Callable[[Item | Refusal], object | None] = as_given_item
    plausible: Callable[[Item], bool] = lambda item: True
    like: Callable[[Item], Callable[[float, np.random.Generator], Item | Refusal]] | None = None

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
        """At most n distinct other plausible items near this one, as `around`, with a warning of fewer than n."""
        given = self._one(item)
        latent, own = self.encode(given)[0], self.parse(given)
        centre = own if self._by_likeness(radius) else self.decode_items(latent[None])[0]
        if is_refusal(centre) or self.text(centre) != self.text(own):
            told = "no item" if is_refusal(centre) else f"'{shortened(self.text(centre), LONGEST_TEXT)}'"
            what = f"'{shortened(given, LONGEST_TEXT)}' is not reconstructed"
            warnings.warn(f"{what}: its latent decodes to {told}, whose neighbours these are.", stacklevel=2)
        found = self.around(latent, own, n, radius, seed, attempts)
        if len(found) < n:
            what = f"{len(found)} of {n} neighbours were found at a radius of {radius}: the others are implausible, or"
            warnings.warn(f"{what} repeat these or the item. Pass another radius.", stacklevel=2)
        return [self.text(one) for one, _ in found]

    def _by_likeness(self, radius: float) -> bool:
        return self.like is not None and radius <= FARTHEST

    def around(
        self, latent: Float[np.ndarray, " latent"], own: Item | Refusal, n: int, radius: float, seed: int = 0,
        attempts: int = 20,
    ) -> list[tuple[Item, Float[np.ndarray, " latent"]]]:  # fmt: skip
        """At most n distinct other plausible items near an item, with their latents.

        If the science says how alike two items are (molecules: Tanimoto similarity), these have a similarity of about
        1 - r to it, and their latents are the nearest of more such items. Else, and above a radius of 0.75, they are
        what random steps sqrt(1 - r^2) z + r noise, again standard normal, are decoded to; a small radius may give
        fewer, since most latents near an item are decoded to the item itself.

        Parameters
        ----------
        latent : array [latent]
        own : the item of the latent, or why there is none
        n : int
        radius : float
            Above 0, and 1 (a new draw) or less.
        seed, attempts : int
            `attempts`: most rounds of draws, until there are enough.
        """
        if not 0 < radius <= 1:
            raise ShapeError(f"Expected a radius above 0, and of 1 (a new draw) or less, got {radius}.")
        change = self.like(own) if self.like is not None and radius <= FARTHEST and not is_refusal(own) else None
        known = set[str]() if is_refusal(own) else {self.text(own)}
        found = dict[str, tuple[Item, Float[np.ndarray, " latent"]]]()
        barren = 0
        for attempt in range(attempts):
            if change is None:
                places = latents_near(latent, radius, 4 * n, seed, attempt)
                items = self.decode_items(places)
            else:
                generator = chunk_generator(seed, STEP, attempt)
                drawn = [change(1 - radius, generator) for _ in range(2 * n)]
                distinct = {self.text(one): one for one in drawn if not is_refusal(one)}
                items = [one for text, one in distinct.items() if text not in known]
                arrays = self.representation.encode(items)
                items = [one for one, array in zip(items, arrays, strict=True) if not is_refusal(array)]
                places = self.encode_arrays([one for one in arrays if not is_refusal(one)])
            for one, place in zip(items, places, strict=True):
                if not is_refusal(one) and self.text(one) not in known and self.plausible(one):
                    known.add(self.text(one))
                    found[self.text(one)] = one, place
            barren = 0 if items else barren + 1
            if len(found) >= (n if change is None or attempt else 2 * n) or barren == BARREN:
                break
        chosen = list(found.values())
        if change is not None:
            chosen.sort(key=lambda one: float(np.linalg.norm(one[1] - latent)))
        return chosen[:n]

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
