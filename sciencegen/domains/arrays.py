"""Items that are arrays of one shape: their text, their tensors, and a recipe that learns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

import numpy as np
from jaxtyping import Float

from sciencegen.domains.base import ItemIO
from sciencegen.domains.capabilities.design import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.columns import (
    CONSTANT,
    ColumnSchema,
    Kind,
    automatic,
    column_with,
    load_column,
    number_column,
    unfit,
)
from sciencegen.domains.recipes import Adaptation, ModelOracles, Recipe, Remember, Representation
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Item, Json, Refusal

if TYPE_CHECKING:
    from torch import Tensor

    from sciencegen.batch import Batch
    from sciencegen.scoring.oracles import Oracle
    from sciencegen.vae.array_columns import LikelihoodColumn
    from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings, MakePrior

Settings = TypeVar("Settings", bound="ArrayVAESettings")

LARGEST = 1e18
"""Greatest magnitude of a number: the square of a greater one overflows in single precision."""


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
    columns : tuple of ColumnSchema
        What each number is, as in a table; () where all are real.
    likelihoods : tuple of str
        Of each column.
    """

    codec: ArrayCodec
    properties: tuple[str, ...]
    moments: Float[np.ndarray, "2 property"]
    values: Float[np.ndarray, "2 value"]
    columns: tuple[ColumnSchema, ...] = ()
    likelihoods: tuple[str, ...] = ()
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
        for place, (column, x) in enumerate(zip(self.columns, array, strict=False)):
            if reason := unfit(column, np.array([x])):
                return Refusal(f"number {place + 1} is {reason[:-1]}")
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
        whole = np.array([column.kind != "number" for column in self.columns], bool)
        if whole.any():
            rows[:, whole] = np.rint(rows[:, whole])
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
        plain = {"name": self.name, "properties": list(self.properties), "moments": moments, "values": values}
        typed = {"columns": [one.to_json() for one in self.columns], "likelihoods": list(self.likelihoods)}
        return {**plain, **typed} if self.columns else plain


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

    def fit(
        self, texts: Sequence[str], values: np.ndarray, properties: Sequence[str], columns: Sequence[str] = ()
    ) -> ArrayRepresentation:
        """The representation of training items. columns: what each number is (`array_recipe`)."""
        parsed = (item for item in map(self.items.parse, texts) if not isinstance(item, Refusal))
        arrays = [array for array in map(self.array, parsed) if not isinstance(array, Refusal)]
        if not arrays:
            raise DataError(f"Expected items to learn from, found none among {len(texts)} rows.")
        vectors = [_vector(array, arrays[0].size) for array in arrays]
        table = np.stack([vector for vector in vectors if not isinstance(vector, Refusal)])
        fitted = ArrayRepresentation(self, tuple(properties), _moments(values), _moments(table))
        if not columns:
            return fitted
        if len(columns) != table.shape[1]:
            raise ConfigError(
                f"Expected a kind of column for each of the {table.shape[1]} numbers of an item, got {len(columns)}."
            )
        found = [_typed(f"number {at + 1}", table[:, at], kind) for at, kind in enumerate(columns)]
        return replace(fitted, columns=tuple(one for one, _ in found), likelihoods=tuple(one for _, one in found))

    def load(self, data: Mapping[str, Any]) -> ArrayRepresentation:
        moments = np.array(data["moments"]).reshape(2, len(data["properties"]))
        columns = tuple(map(load_column, data.get("columns", ())))
        likelihoods = tuple(data.get("likelihoods", ()))
        if len(likelihoods) != len(columns):
            raise ValueError(f"expected a likelihood for each of {len(columns)} columns, found {len(likelihoods)}")
        return ArrayRepresentation(
            self, tuple(data["properties"]), moments, np.array(data["values"]), columns, likelihoods
        )


KINDS = ("real", "count", "categorical", "ordered")
"""Of the numbers of an item: real ones; whole ones from 0 on; classes without an order, and with one, that are whole
numbers."""


def _typed(name: str, values: Float[np.ndarray, " item"], kind: str) -> tuple[ColumnSchema, str]:
    """The schema of the numbers in one place, and their likelihood, as a table's column has them."""
    from sciencegen.vae.array_columns import LIKELIHOODS

    if kind not in (*KINDS, *LIKELIHOODS):
        raise unknown_name("kind of column", kind, (*KINDS, *LIKELIHOODS))
    known = values[~np.isnan(values)]
    if not len(known) or known.min() == known.max():
        raise DataError(f"Expected different numbers as {name} of the items, got one or none. Leave that place out.")
    needed: Kind = "count" if kind == "count" else "whole" if kind in KINDS[1:] else "number"
    if reason := unfit(ColumnSchema(name, needed), known):
        raise DataError(f"Expected items that fit the columns, got one whose {name} ({kind}) is {reason[:-1]}.")
    levels = np.unique(known) if kind in ("categorical", "bernoulli") else np.empty(0)
    column = number_column(name, known, tuple(map(int, levels)), known.tolist())
    if kind == "real":
        column = replace(column, kind="number", decimals=-1)
    likelihood = "discretized_logistic" if kind == "ordered" else automatic(column) if kind in KINDS else kind
    column_with(column, likelihood)  # raises an error for one that doesn't fit
    return column, likelihood


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
    columns: Sequence[str] = (),
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
    columns : sequence of str
        What each number of an item is: "real", "count" (whole numbers from 0 on), "categorical" or "ordered" (classes
        that are whole numbers), or the name of a likelihood of tables, such as "student_t". Each gets a likelihood as
        a table's column does. (): all are real, with Gaussian likelihoods.

    Returns
    -------
    Recipe
        Its models score `log_likelihood`, a bound of log p of an item's numbers in nats, where it is asked for by name,
        and vary given items (`--vary`, `--noise-level`).
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
    from sciencegen.domains.likelihoods import LOG_LIKELIHOOD
    from sciencegen.vae.array_vae import ArrayVAESettings

    return Recipe(
        name=name,
        fit=partial(codec.fit, columns=tuple(columns)),
        load_representation=codec.load,
        build=_build,
        settings=settings or ArrayVAESettings,
        conditions=conditions,
        description=description or "Conditional VAE of arrays; its posterior, prior and bound are settings.",
        adaptation=SAME_COLUMNS,
        check=held_out_bits,
        one_thread=True,
        oracles=ModelOracles(make=_oracles, names=(LOG_LIKELIHOOD,), on_request=(LOG_LIKELIHOOD,)),
        tasks=DrawTasks(settings=frozenset({"vary", "noise_level"}), resolve=_variations),
    )


SAMPLES = 64
"""Latents for each item by which its likelihood is bounded."""


def _oracles(model: ArrayVAE, representation: ArrayRepresentation, remember: Remember) -> Mapping[str, Oracle]:
    """`log_likelihood`: likelihoods of columns are those of the items' own numbers, others of standardized ones."""
    from sciencegen.domains.likelihoods import likelihood_oracles

    volume = 0.0 if representation.columns else float(np.log(representation.values[1]).sum())
    return likelihood_oracles(model, representation, lambda batch: model.bound(batch, SAMPLES) - volume)


LEVEL = 0.3
"""Share of noise in the latents of variations."""


@dataclass(frozen=True, eq=False)
class ArrayVariationTask:
    """Variations of given items: their latents z [item latent] with noise, sqrt(1 - level^2) z + level e."""

    model: ArrayVAE
    latents: Tensor
    level: float

    def draw(self, noise: Tensor, condition: Tensor | None = None) -> Batch:
        """Each row varies one of the items, by a checksum of its noise."""
        chosen = [crc32(row.numpy().tobytes()) % len(self.latents) for row in noise.cpu()]
        start = self.latents[chosen].to(noise)
        return self.model.decode((1 - self.level**2) ** 0.5 * start + self.level * noise, condition)


def _variations(model: ArrayVAE, representation: ArrayRepresentation, settings: TaskSettings) -> DrawTask:
    import torch

    io = representation.codec.items
    items = [io.parse(text) for text in io.texts_given(str(settings.vary), "items to `vary`")]
    encoded = list[np.ndarray]()
    for item in items:
        found = item if isinstance(item, Refusal) else representation.encode([item])[0]
        if isinstance(found, Refusal):
            raise DataError(f"Expected items to `vary` that the model reads, got one that it can't: {found.reason}.")
        encoded.append(found)
    if not encoded:
        raise DataError(f"Expected items to `vary` in {settings.vary}, found none.")
    with torch.inference_mode():
        latents = model.encode(representation.batch(encoded).to(next(model.parameters()).device))
    return ArrayVariationTask(model, latents, LEVEL if settings.noise_level is None else settings.noise_level)


def _build(representation: ArrayRepresentation, settings: ArrayVAESettings) -> ArrayVAE:
    from sciencegen.vae.array_vae import ArrayVAE

    if representation.properties:
        settings = with_standardized_labels(settings, *representation.moments[:, 0].tolist())
    size, properties = representation.values.shape[1], len(representation.properties)
    columns = _likelihood_columns(representation, settings.noise)
    return ArrayVAE(size, properties, settings, columns, diffused=diffused_by(settings))


def _likelihood_columns(representation: ArrayRepresentation, noise: float) -> list[LikelihoodColumn]:
    columns = []
    pairs = zip(representation.columns, representation.likelihoods, representation.values.T.tolist(), strict=False)
    for schema, likelihood, (mean, std) in pairs:
        limits = (schema.low, schema.high) if likelihood == "discretized_logistic" else None
        columns.append(replace(column_with(schema, likelihood), mean=mean, std=std, noise=noise, limits=limits))
    return columns


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
