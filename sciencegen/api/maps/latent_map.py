"""The latent map: items on two axes of a latent space, with the axes along which a page changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from sciencegen.api.maps.columns import MapColumn
from sciencegen.api.maps.items import LocatedItems, located_items
from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.config import MapSettings
from sciencegen.data.spacing import evenly_spaced
from sciencegen.errors import ConfigError, DataError
from sciencegen.latent.drawing import axis_labels
from sciencegen.latent.embedding import Embedding, check_umap, neighbours_kept, umap_embedding
from sciencegen.latent.geometry import PrincipalAxes, axes_of_values, principal_axes
from sciencegen.progress import Report, silent

AXES_FROM = 100_000
"""Axes are fitted to at most so many items, evenly spaced."""
SLIDERS = 10
"""Principal axes along which a page changes an item."""


@dataclass(frozen=True)
class LatentMap:
    """Items on a map.

    Parameters
    ----------
    loaded : LoadedModel
    items : LocatedItems
    plane : PrincipalAxes or Embedding
        The map: two axes in the leading `semantic_size` columns of the latents, or places of the items by UMAP.
    axes : PrincipalAxes
        The principal axes, at most `SLIDERS`.
    labels : (str, str)
        Of the map's axes.
    colour : MapColumn or None
        The column that the map is coloured by.
    notes : tuple of str
    """

    loaded: LoadedModel
    items: LocatedItems
    plane: PrincipalAxes | Embedding = field(repr=False)
    axes: PrincipalAxes = field(repr=False)
    labels: tuple[str, str]
    colour: MapColumn | None = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of leading columns of a latent that describe the item."""
        return self.loaded.model.semantic_size

    @cached_property
    def points(self) -> Float[np.ndarray, "item 2"]:
        """The items on the map."""
        return self.plane.points if isinstance(self.plane, Embedding) else self.place(self.items.latent)

    @cached_property
    def neighbours_kept(self) -> float:
        """The share of the nearest items in the latent space that are among the nearest on the map."""
        return neighbours_kept(self.items.latent[:, : self.size], self.points)

    @cached_property
    def _squares(self) -> Float[np.ndarray, " item"]:
        return np.square(self.items.latent[:, : self.size]).sum(1)

    def place(self, latents: Float[np.ndarray, "item latent"]) -> Float[np.ndarray, "item 2"]:
        """Latents on the map."""
        return self.plane.project(latents[:, : self.size]).astype(np.float32)

    def nearest_on_map(self, x: float, y: float) -> int:
        """The item nearest to a place on the map."""
        return int(np.square(self.points - np.array([x, y], np.float32)).sum(1).argmin())

    def at_place(self, x: float, y: float) -> Float[np.ndarray, " latent"]:
        """The latent at a place of the map, whose other coordinates are those of the nearest item on the map.

        z = z_n + A' (p - p_n). The centre's other coordinates would do too, but no item is near a centre: in many
        dimensions the length of a standard normal vector is close to the root of their number. On a map by UMAP, z is a
        mean of the latents of the nearest items on the map (`Embedding.lift`).
        """
        near = self.nearest_on_map(x, y)
        latent = self.items.latent[near].copy()
        if isinstance(self.plane, Embedding):
            latent[: self.size] = self.plane.lift(np.array([x, y], np.float32))
        else:
            latent[: self.size] += (np.array([x, y]) - self.points[near]) @ self.plane.axes
        return latent

    def nearest(self, latent: Float[np.ndarray, " latent"], count: int) -> tuple[Int[np.ndarray, " near"], list[float]]:
        """The items whose latents are nearest to this one, and their distances."""
        point = np.asarray(latent[: self.size], np.float32)
        distances = self._squares - 2 * (self.items.latent[:, : self.size] @ point) + point @ point
        count = min(count, len(distances))
        found = np.argpartition(distances, count - 1)[:count]
        found = found[np.argsort(distances[found], kind="stable")]
        return found, np.sqrt(np.maximum(distances[found], 0)).tolist()

    def steps(self, latent: Float[np.ndarray, " latent"]) -> list[float]:
        """The coordinates of a latent along the principal axes, in standard deviations of the items."""
        along = self.axes.project(latent[None, : self.size])[0]
        return np.divide(along, self._deviations).tolist()

    def moved(self, latent: Float[np.ndarray, " latent"], axis: int, step: float) -> Float[np.ndarray, " latent"]:
        """The latent with its coordinate along one principal axis set to `step` standard deviations."""
        change = (step - self.steps(latent)[axis]) * self._deviations[axis]
        found = np.array(latent, np.float32)
        found[: self.size] += change * self.axes.axes[axis]
        return found

    @property
    def _deviations(self) -> Float[np.ndarray, " axis"]:
        return np.maximum(self.axes.deviations, 1e-12)


def make_map(domain: str, settings: MapSettings, report: Report = silent) -> LatentMap:
    """Load the model, find the items' latents and columns, and project them."""
    _check_projection(settings)
    loaded = open_model(domain, settings.model, settings)
    items = located_items(loaded, settings, report)
    semantic = items.latent[:, : loaded.model.semantic_size]
    sample = semantic[evenly_spaced(len(semantic), AXES_FROM)]
    axes = principal_axes(sample, min(SLIDERS, semantic.shape[1], max(len(sample) - 1, 1)))  # no more vary
    colour = items.column(settings.colour_by) if settings.colour_by is not None else None
    plane, labels = _plane(semantic, colour, settings, report)
    shown = colour or next(iter(items.columns), None)
    return LatentMap(loaded, items, plane, axes, labels, shown, _notes(items))


def _check_projection(settings: MapSettings) -> None:
    """Raise an error for a projection that isn't possible, before any item is encoded."""
    if settings.projection == "pca":
        return
    if settings.along:
        raise ConfigError(
            f"Expected no `along` with `projection` {settings.projection}, whose axes have no direction. Leave one out."
        )
    check_umap()


def _plane(
    latents: Float[np.ndarray, "item latent"], colour: MapColumn | None, settings: MapSettings, report: Report
) -> tuple[PrincipalAxes | Embedding, tuple[str, str]]:
    """The axes of the map and their labels."""
    if settings.projection == "umap":
        return umap_embedding(latents, settings.seed, report), ("UMAP 1", "UMAP 2")
    if not settings.along:
        plane = principal_axes(latents[evenly_spaced(len(latents), AXES_FROM)])
        return plane, axis_labels(plane)
    if colour is None or colour.categories:
        raise ConfigError("Expected `colour_by` with a column of numbers for a map along its values, got none.")
    known = np.flatnonzero(np.isfinite(colour.values))
    if len(known) < 3:
        raise DataError(f"Expected at least 3 items with a number in '{colour.name}', found {len(known)}.")
    chosen = known[evenly_spaced(len(known), AXES_FROM)]
    plane, explained = axes_of_values(latents[chosen], colour.values[chosen])
    return plane, axis_labels(plane, colour.name, explained)


def _notes(items: LocatedItems) -> tuple[str, ...]:
    if not items.refused:
        return ()
    _, item, reason = items.refused[0]
    return (f"{len(items.refused)} rows have no place on the map, such as '{item[:60]}': {reason}",)
