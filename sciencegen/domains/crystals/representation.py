"""Crystals as tensors: fractional coordinates, elements and the cell of a Batch.

The field `cell` has the coordinates of S = 1/2 log(L L^T) (`networks.crystals.symmetric`), without the rotation of the
rows L: first the logarithm of the volume of an atom, standardized, then the shape of the cell, divided by one standard
deviation, so that axes can be permuted and reversed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from sciencegen.batch import Batch
from sciencegen.data.statistics import evenly_spaced
from sciencegen.diffusion.spaces import GroupedCategories
from sciencegen.domains import standardization
from sciencegen.domains.crystals import symmetry
from sciencegen.domains.crystals.elements import element_data, reduced_formula
from sciencegen.domains.crystals.items import NUMBERS, SYMBOLS, Crystal, crystal, parse_text, text
from sciencegen.domains.crystals.symmetry import Orbits, given, orbits
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Json, Refusal
from sciencegen.networks.crystals import CELL, PLACES, TYPES, parts_of, symmetric
from sciencegen.runs import check_format

MOST_ATOMS = 24
"""Atoms of the largest cell that is learned from: a step costs their square."""
GROUP_SCALE = 2.0
"""Of the vectors of columns of the periodic table, so that these are decided before the elements."""
LANTHANIDES, ACTINIDES = slice(58, 72), slice(90, 104)
"""Groups of their own beside the 18 columns of the periodic table."""
MOST_KNOWN = 4000
"""Training crystals whose conditions, symmetry and formula are kept."""
MOST_STRUCTURES = 20_000
"""Training crystals that are kept whole."""


@dataclass(frozen=True, eq=False)
class CrystalRepresentation(StandardizedRepresentation):
    """Elements, sizes and cells of the training crystals.

    elements: atomic numbers, ascending; the order of the columns of `types`. sizes: number of atoms -> number of
    training crystals, ascending; size_mean, size_std: moments of the standardized properties at each. counts, known,
    symmetries, formulas: number of atoms, standardized properties, orbits and formulas of training crystals, which
    draws take what isn't asked for from. cell: mean and standard deviation of the logarithm of the volume of an atom
    in Å^3, and deviation of a coordinate of the shape. structures: texts of training crystals. volumes: mean volume of
    an atom in those with each element, in Å^3. Older models have neither.
    """

    elements: Int[np.ndarray, " element"]
    sizes: Mapping[int, int]
    cell: tuple[float, float, float]
    standardization: Standardization
    size_mean: Float[np.ndarray, "size property"]
    size_std: Float[np.ndarray, "size property"]
    counts: Int[np.ndarray, " known"]
    known: Float[np.ndarray, "known property"]
    symmetries: Sequence[Orbits]
    formulas: Sequence[str]
    structures: Sequence[str]
    volumes: Float[np.ndarray, " element"]
    name = "crystal"

    @property
    def kinds(self) -> GroupedCategories:
        """The space of the field `types`: elements, and the columns of the periodic table that they stand in."""
        groups = element_data()["group"] - 1
        groups[LANTHANIDES], groups[ACTINIDES] = 18, 19
        return GroupedCategories(len(self.elements), tuple(groups[self.elements].astype(int).tolist()), GROUP_SCALE)

    @property
    def training(self) -> Sequence[str]:
        return self.structures

    @property
    def least(self) -> Mapping[str, Callable[[Crystal], float]]:
        """A formation energy, from the elements, isn't negative for one of these."""
        of_element = lambda item: 0.0 if len(set(item.symbols)) == 1 else -np.inf  # noqa: E731
        return {name: of_element for name in self.properties if name.startswith("formation_energy")}

    def encode(self, items: Sequence[Crystal]) -> list[Crystal | Refusal]:
        """Each crystal itself, or a Refusal with the reason if the model can't draw such a one."""
        return [self._known(item) for item in items]

    def _known(self, item: Crystal) -> Crystal | Refusal:
        unknown = sorted(set(item.numbers.tolist()) - set(self.elements.tolist()))
        if unknown:
            return Refusal(f"holds {', '.join(SYMBOLS[one - 1] for one in unknown)}, absent from the training set")
        if len(item) > max(self.sizes):
            return Refusal(f"{len(item)} atoms in its cell; the model has seen at most {max(self.sizes)}")
        return item

    def batch(self, encoded: Sequence[Crystal], values: np.ndarray | None = None) -> Batch:
        """Fields `places` [batch atom 3], `types` [batch atom] (places in `elements`), zero where the mask [batch atom]
        is False, `cell` [batch 6], and the symmetry, `first` and `turns` (`symmetry.given`). The condition is
        standardized."""
        longest = max((len(one) for one in encoded), default=1)
        mask = np.arange(longest) < np.array([len(one) for one in encoded])[:, None]
        places, types = np.zeros((*mask.shape, 3), np.float32), np.zeros(mask.shape, np.int64)
        for row, one in enumerate(encoded):
            places[row, : len(one)] = one.places
            types[row, : len(one)] = np.searchsorted(self.elements, one.numbers)
        parts = self.cell_rows(encoded)
        fields = {PLACES: torch.from_numpy(places), TYPES: torch.from_numpy(types), CELL: torch.from_numpy(parts)}
        fields |= given([orbits(one) for one in encoded], longest)
        condition = None if values is None else torch.from_numpy(self.standardization.rows(values))
        return Batch(fields, torch.from_numpy(mask), condition)

    def cell_rows(self, items: Sequence[Crystal], atoms: int | None = None) -> Float[np.ndarray, "item 6"]:
        """The field `cell`; atoms: their number in the cells, by default the items' own."""
        mean, deviation, shape = self.cell
        parts = np.array([log_lattice_parts(item.lattice) for item in items]).reshape(-1, 6)
        counts = np.array([len(item) if atoms is None else atoms for item in items])
        volume = (parts[:, :1] * np.sqrt(3) - np.log(counts)[:, None] - mean) / deviation
        return np.concatenate([volume, parts[:, 1:] / shape], 1).astype(np.float32)

    def decode(self, batch: Batch) -> list[Crystal | Refusal]:
        """Crystals; types are places in `elements` or vectors."""
        assert batch.mask is not None  # crystals differ in size
        types = batch[TYPES].detach().cpu()
        numbers = self.elements[(types if types.ndim == 2 else self.kinds.index(types)).numpy()]
        places, cells = batch[PLACES].detach().cpu().double().numpy(), batch[CELL].detach().cpu().double()
        mean, deviation, shape = self.cell
        mask = batch.mask.cpu().numpy()
        counts = torch.from_numpy(mask.sum(1)).double()
        trace = (mean + deviation * cells[:, 0] + counts.log()) / np.sqrt(3)
        lattices = torch.linalg.matrix_exp(symmetric(torch.cat([trace[:, None], shape * cells[:, 1:]], 1))).numpy()
        rows = zip(lattices, numbers, places, mask, strict=True)
        return [crystal(lattice, number[real], place[real]) for lattice, number, place, real in rows]

    def symbols(self, encoded: Crystal) -> int:
        return len(encoded)

    def to_json(self) -> Json:
        texts = [json.dumps(one.to_json(), separators=(",", ":")) for one in self.symmetries]  # not a number a line
        distinct = {one: place for place, one in enumerate(dict.fromkeys(texts))}
        return {
            "format": 1,
            "name": self.name,
            "elements": [SYMBOLS[one - 1] for one in self.elements.tolist()],
            "sizes": {str(size): count for size, count in self.sizes.items()},
            "cell": list(self.cell),
            "size_mean": self.size_mean.tolist(),
            "size_std": self.size_std.tolist(),
            "counts": self.counts.tolist(),
            "known": [[None if np.isnan(value) else value for value in row] for row in self.known.tolist()],
            "symmetries": list(distinct),
            "symmetry": [distinct[one] for one in texts],
            "formulas": list(self.formulas),
            "structures": list(self.structures),
            "volumes": self.volumes.tolist(),
            "properties": self.standardization.to_json(),
        }


def log_lattice_parts(lattice: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "6"]:
    """Coordinates of 1/2 log(L L^T), L in ångström."""
    values, vectors = np.linalg.eigh(lattice @ lattice.T)
    half = (vectors * (0.5 * np.log(np.maximum(values, 1e-12)))) @ vectors.T
    return parts_of(torch.from_numpy(half)).numpy()


def load(data: Mapping[str, Any]) -> CrystalRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    sizes = dict(sorted((int(size), count) for size, count in data["sizes"].items()))
    symmetries = [symmetry.load(json.loads(one)) for one in data["symmetries"]]
    shape, (mean, deviation, spread) = (len(sizes), len(data["properties"])), data["cell"]
    return CrystalRepresentation(
        np.array(sorted(NUMBERS[symbol] for symbol in data["elements"])),
        sizes,
        (float(mean), float(deviation), float(spread)),
        standardization.load(data["properties"]),
        np.array(data["size_mean"], np.float64).reshape(shape),
        np.array(data["size_std"], np.float64).reshape(shape),
        np.array(data["counts"], int),
        np.array(data["known"], np.float64).reshape(len(data["counts"]), shape[1]),
        [symmetries[place] for place in data["symmetry"]],
        data["formulas"],
        data.get("structures", []),
        np.array(data.get("volumes", []), float),
    )


def fit(
    texts: Sequence[str], values: np.ndarray, properties: Sequence[str], known: Standardization | None = None
) -> CrystalRepresentation:
    """Elements, sizes, cells and moments of the properties of crystals of at most `MOST_ATOMS` atoms."""
    read = [parse_text(text) for text in texts]
    good = np.array([isinstance(one, Crystal) and len(one) <= MOST_ATOMS for one in read], bool)
    items = [one for one, kept in zip(read, good, strict=True) if kept and isinstance(one, Crystal)]
    if not items:
        raise DataError(f"Expected crystals of at most {MOST_ATOMS} atoms to learn from, found none.")
    values = np.asarray(values, float).reshape(len(texts), len(properties))[good]
    scales = known or standardization.fit(values, properties)
    parts, counts = np.array([log_lattice_parts(one.lattice) for one in items]), np.array([len(one) for one in items])
    volumes = parts[:, 0] * np.sqrt(3) - np.log(counts)
    cell = (float(volumes.mean()), float(max(volumes.std(), 1e-2)), float(max(parts[:, 1:].std(), 1e-2)))
    sizes, first, place, number = np.unique(counts, return_index=True, return_inverse=True, return_counts=True)
    values = (values - scales.mean) / scales.std
    moments = standardization.by_size(values, place, len(sizes))
    elements = np.unique(np.concatenate([one.numbers for one in items]))
    spaced = np.linspace(0, len(items) - 1, min(MOST_KNOWN, len(items))).round().astype(int)
    kept = np.union1d(spaced, first)  # at least one of each size
    has = np.array([np.isin(elements, one.numbers) for one in items])
    histogram = dict(zip(sizes.tolist(), number.tolist(), strict=True))
    chosen = [items[place] for place in kept]
    return CrystalRepresentation(
        elements, histogram, cell, scales, *moments, counts[kept], np.round(values[kept], 3),
        [orbits(one) for one in chosen], [reduced_formula(one) for one in chosen],
        [text(items[place]) for place in evenly_spaced(len(items), MOST_STRUCTURES)],
        np.round(np.exp(volumes) @ has / has.sum(0), 3),
    )  # fmt: skip


def adapt(
    old: CrystalRepresentation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> CrystalRepresentation:
    """That of other crystals of the same elements, with cells and conditions standardized as the weights have learned.

    Raises
    ------
    ConfigError
        For conditions other than the model's own.
    """
    if tuple(properties) != old.properties:
        raise ConfigError(f"Expected the model's own conditions {list(old.properties)}, got {list(properties)}.")
    known = set(old.elements.tolist())
    read = [parse_text(text) for text in texts]
    kept = [isinstance(one, Crystal) and set(one.numbers.tolist()) <= known for one in read]
    texts = [text for text, good in zip(texts, kept, strict=True) if good]
    new = fit(texts, np.asarray(values)[kept], properties, old.standardization)
    return replace(new, elements=old.elements, cell=old.cell)
