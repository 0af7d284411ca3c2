"""Items that are arrays of one shape: their text, their tensors, and a recipe that learns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Float

from sciencegen.domains.base import ItemIO
from sciencegen.domains.recipes import Adaptation, Recipe, Representation
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Item, Json, Refusal

if TYPE_CHECKING:
    from sciencegen.batch import Batch
    from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings, MakePrior

Settings = TypeVar("Settings", bound="ArrayVAESettings")

LARGEST = 1e18
"""Greatest magnitude of a number: the square of a greater one overflows in single precision."""
CONSTANT = 1e-12
"""A standard deviation below this share of the mean is rounding error."""


def array_items(shape: tuple[int, ...], decimals: int = 4, columns: tuple[str, ...] = ("item",)) -> ItemIO:
    """Items that are float arrays, written as numbers with blanks between columns and ";" between rows.

    Parameters
    ----------
    shape : tuple of int
        Shape of every item: (columns,) or (rows, columns).
    decimals : int
        Number of decimals that items are rounded to.
    columns : tuple of str
        Accepted names of the item's column in a table, most preferred first.

    Examples
    --------
    >>> from sciencegen.domains.arrays import array_items
    >>> items = array_items((2, 2), decimals=1)
    >>> items.text(items.parse("0 1; 2.04 -3"))
    '0 1;2 -3'
    >>> items.parse("0 1").reason
    'expected 2 x 2 numbers, got 1 x 2'
    """
    rows, width = (1, *shape)[-2:]

    def parse(text: str) -> np.ndarray | Refusal:
        try:
            values = np.array([[float(word) for word in row.split()] for row in str(text).split(";")])
        except ValueError:
            return Refusal(f"expected {rows} x {width} numbers, columns parted by blanks and rows by ;")
        if values.shape != (rows, width):
            return Refusal(f"expected {rows} x {width} numbers, got {' x '.join(map(str, values.shape))}")
        if not np.isfinite(values).all():
            return Refusal("a number is not finite")
        return too_large(values) or rounded(values.reshape(shape), decimals)

    def text(item: np.ndarray) -> str:
        numbers = rounded(item.reshape(rows, width), decimals)
        return ";".join(" ".join(np.format_float_positional(x, decimals, trim="-") for x in row) for row in numbers)

    return ItemIO(parse=parse, text=text, columns=columns)


def too_large(values: Float[np.ndarray, "..."]) -> Refusal | None:
    """A Refusal if a number is greater than `LARGEST` in magnitude; NaN is passed over."""
    worst = np.nanmax(np.abs(values), initial=0.0)
    return Refusal(f"expected numbers of at most {LARGEST:g} in magnitude, got {worst:g}") if worst > LARGEST else None


def rounded(values: Float[np.ndarray, "..."], decimals: int) -> Float[np.ndarray, "..."]:
    """Round to a number of decimals; -0 becomes 0."""
    return values.round(decimals) + 0.0


@dataclass(frozen=True, eq=False)
class ArrayRepresentation(Representation):
    """Items as standardized vectors.

    Parameters
    ----------
    codec : ArrayCodec
    properties : tuple of str
    moments : [2 property]
        Mean and standard deviation of each property.
    values : [2 value]
        Mean and standard deviation of each number of the arrays.
    """

    codec: ArrayCodec
    properties: tuple[str, ...]
    moments: Float[np.ndarray, "2 property"]
    values: Float[np.ndarray, "2 value"]
    name: str = "array"

    @property
    def scales(self) -> dict[str, float]:
        return dict(zip(self.properties, self.moments[1].tolist(), strict=True))

    def encode(self, items: Sequence[Item]) -> list[Any]:
        """Standardized vectors as float32, NaN where a number is missing."""
        return [self._encode(item) for item in items]

    def _encode(self, item: Item) -> Float[np.ndarray, " value"] | Refusal:
        array = vector_of(self.codec, item, self.values.shape[1])
        if isinstance(array, Refusal):
            return array
        standardized = (array - self.values[0]) / self.values[1]
        return too_large(standardized) or standardized.astype(np.float32)

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        import torch

        from sciencegen.batch import Batch
        from sciencegen.vae.array_columns import VALUES

        condition = None if values is None or not self.properties else torch.from_numpy(self._condition(values))
        array = torch.from_numpy(np.stack(encoded))
        return Batch({VALUES: array.nan_to_num(0.0)}, ~array.isnan() if array.isnan().any() else None, condition)

    def decode(self, batch: Batch) -> list[Item | Refusal]:
        from sciencegen.vae.array_columns import VALUES

        rows = batch[VALUES].cpu().numpy().astype(float) * self.values[1] + self.values[0]
        return [
            too_large(row) or self.codec.item(row) if np.isfinite(row).all() else Refusal("not finite") for row in rows
        ]

    def condition(self, values: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        for name in values:
            if name not in self.properties:
                raise unknown_name("condition of the model", name, self.properties or ["none"])
        return self._condition(np.array([values.get(name, np.nan) for name in self.properties]))

    def _condition(self, values: np.ndarray) -> np.ndarray:
        return ((values - self.moments[0]) / self.moments[1]).astype(np.float32)

    def to_json(self) -> Json:
        moments, values = self.moments.tolist(), self.values.tolist()
        return {"name": self.name, "properties": list(self.properties), "moments": moments, "values": values}


@dataclass(frozen=True)
class ArrayCodec:
    """Items as arrays of one shape.

    Parameters
    ----------
    items : ItemIO
    array : (item) -> array or Refusal
        NaN where a number is missing.
    item : (vector of the array's numbers) -> item or Refusal
    """

    items: ItemIO
    array: Callable[[Item], np.ndarray | Refusal]
    item: Callable[[np.ndarray], Item | Refusal]

    def fit(self, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> ArrayRepresentation:
        parsed = (item for item in map(self.items.parse, texts) if not isinstance(item, Refusal))
        arrays = [array for array in map(self.array, parsed) if not isinstance(array, Refusal)]
        if not arrays:
            raise DataError(f"Expected items to learn from, found none among {len(texts)} rows.")
        vectors = [_vector(array, arrays[0].size) for array in arrays]
        table = np.stack([vector for vector in vectors if not isinstance(vector, Refusal)])
        return ArrayRepresentation(self, tuple(properties), _moments(values), _moments(table))

    def load(self, data: Mapping[str, Any]) -> ArrayRepresentation:
        moments = np.array(data["moments"]).reshape(2, len(data["properties"]))
        return ArrayRepresentation(self, tuple(data["properties"]), moments, np.array(data["values"]))


def vector_of(codec: ArrayCodec, item: Item, size: int) -> Float[np.ndarray, " value"] | Refusal:
    """An item's numbers in double precision, or why it can't be used."""
    array = codec.array(item)
    return array if isinstance(array, Refusal) else _vector(array, size)


def _vector(array: np.ndarray, size: int) -> Float[np.ndarray, " value"] | Refusal:
    vector = np.asarray(array, np.float64).ravel()
    if len(vector) != size:
        return Refusal(f"{len(vector)} numbers, expected {size}")
    if np.isinf(vector).any() or np.isnan(vector).all():
        return Refusal("infinite numbers, or none at all")
    return too_large(vector) or vector


def _moments(table: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "2 column"]:
    """Mean and standard deviation of each column, without NaN; 0 and 1 for an empty column. The deviation of a
    constant column becomes 1."""
    known = ~np.isnan(table)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, table, 0.0).sum(0) / count
    std = np.sqrt(np.square(np.where(known, table - mean, 0.0)).sum(0) / count)
    return np.stack([mean, np.where(std > CONSTANT * np.abs(mean), std, 1.0)])


def array_recipe(
    codec: ArrayCodec,
    name: str = "array-vae",
    conditions: tuple[str, ...] | None = (),
    settings: type[ArrayVAESettings] | None = None,
    description: str = "",
) -> Recipe:
    """A recipe of a conditional VAE of items that are arrays of one shape (`vae.array_vae`).

    Calling it imports torch: to load a domain without torch, call it in a module that `lazy.LazyTable` imports.

    Parameters
    ----------
    codec : ArrayCodec
    name : str
    conditions : tuple of str, optional
        Properties that the model is conditioned on by default, in addition to the user's own columns.
    settings : type, optional
        `ArrayVAESettings`, or a frozen record that inherits it with other defaults.
    description : str
        Description of the recipe in `sciencegen train --help`.

    Returns
    -------
    Recipe
        Its settings choose posterior, prior, bound and training with missing labels: `--set posterior=iaf`, `--set
        bound=importance_weighted`, `--set semi_supervised=true`, and `label_values` for labels that are classes.

    Examples
    --------
    >>> from sciencegen.domains.arrays import ArrayCodec, array_items, array_recipe
    >>> items = array_items((2,), decimals=1)
    >>> recipe = array_recipe(ArrayCodec(items, array=lambda item: item, item=lambda vector: vector.round(1)))
    >>> representation = recipe.fit(["1 2", "3 6"], np.empty((2, 0)), ())
    >>> model = recipe.build(representation, recipe.settings(latent=2, width=8))
    >>> batch = representation.batch(representation.encode([items.parse("1 2")]))
    >>> representation.decode(model.decode(model.encode(batch)))
    [array([1., 2.])]
    """
    from sciencegen.vae.array_vae import ArrayVAESettings

    return Recipe(
        name=name,
        fit=codec.fit,
        load_representation=codec.load,
        build=_build,
        settings=settings or ArrayVAESettings,
        conditions=conditions,
        description=description or "Conditional VAE of arrays; its posterior, prior and bound are settings.",
        adaptation=SAME_COLUMNS,
        check=held_out_bits,
        one_thread=True,
    )


def _build(representation: ArrayRepresentation, settings: ArrayVAESettings) -> ArrayVAE:
    from sciencegen.vae.array_vae import ArrayVAE

    if representation.properties:
        settings = with_standardized_labels(settings, *representation.moments[:, 0].tolist())
    size, properties = representation.values.shape[1], len(representation.properties)
    return ArrayVAE(size, properties, settings, diffused=diffused_by(settings))


def diffused_by(settings: ArrayVAESettings) -> MakePrior:
    """Makes the diffusion of latents, where the settings name it."""
    from sciencegen.latent.diffusion_vae import diffusion_prior

    return partial(diffusion_prior, settings.flow_width, settings.flow_layers, settings.latent_diffusion)


def held_out_bits(
    model: ArrayVAE, representation: ArrayRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Bound of -log2 p of the standardized numbers, in bits per number."""
    from sciencegen.vae.bounds import bits_per_dimension

    bits = bits_per_dimension(model.terms(representation.batch(arrays)).elbo, representation.values.shape[1])
    return {"bits_per_value": float(bits.mean())}


def with_standardized_labels(settings: Settings, mean: float, std: float) -> Settings:
    """The settings with `label_values` in standard deviations. mean, std: of the first property."""
    return replace(settings, label_values=tuple((value - mean) / std for value in settings.label_values))


def _same_representation(
    old: Representation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> Representation:
    """Keep the old representation: the weights were learned with its scales."""
    if tuple(properties) != old.properties:
        raise ConfigError(f"Expected the model's own conditions {list(old.properties)}, got {list(properties)}.")
    return old


SAME_COLUMNS = Adaptation(
    adapt_representation=_same_representation, adapt=lambda model, old, new, settings, seed: deepcopy(model)
)
"""Fine-tuning of a model of fixed columns on further rows of them."""
