"""Molecules in three dimensions as tensors: positions, atom types, charges and bonds of a Batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.molecules import known_distances
from sciencegen.domains.molecules.confirmation import confirmed, speaks
from sciencegen.domains.molecules.geometry import (
    BOND_TYPES,
    Geometry,
    atomic_number,
    geometry_of,
    graph_of,
    molecule_of,
    symbols,
)
from sciencegen.domains.molecules.known_distances import KnownDistances
from sciencegen.domains.molecules.structure_files import parse_structure
from sciencegen.domains.recipes import Completing
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format

PRIOR_ITEMS = 10


@dataclass(frozen=True, eq=False)
class GeometryRepresentation(StandardizedRepresentation, Completing):
    """Elements and sizes of the training molecules, and the standardization of conditions.

    elements: atomic numbers, ascending; the order of the columns of `types`. sizes: number of atoms -> number of
    training molecules of that size, ascending; size_mean, size_std: moments of the standardized properties at each
    size. bonded: whether batches contain bonds. distances: of atoms in the training data; None: unknown.
    """

    elements: Int[np.ndarray, " element"]
    sizes: Mapping[int, int]
    standardization: Standardization
    size_mean: Float[np.ndarray, "size property"]
    size_std: Float[np.ndarray, "size property"]
    bonded: bool = True
    distances: KnownDistances | None = None
    name = "geometry"
    canonical = True

    def encode(self, items: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
        """Each molecule's arrays, or a Refusal with the reason if the model can't encode it."""
        return [self._known(geometry_of(item)) for item in items]

    def given(self, items: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
        """Each molecule's atoms and bonds without coordinates, or a Refusal if the model can't encode it."""
        return [self._known(graph_of(item)) for item in items]

    def confirmed(self, asked: Chem.Mol, made: Chem.Mol) -> Chem.Mol | Refusal:
        """Return `made`, or its mirror image, if its coordinates confirm that it is the molecule `asked`."""
        return confirmed(asked, made, self.distances)

    def _known(self, geometry: Geometry | Refusal) -> Geometry | Refusal:
        if isinstance(geometry, Refusal):
            return geometry
        unknown = sorted(set(geometry.numbers.tolist()) - set(self.elements.tolist()))
        if unknown:
            return Refusal(f"holds {', '.join(symbols(unknown))}, absent from the training set")
        if len(geometry) > max(self.sizes):
            return Refusal(f"{len(geometry)} atoms with its hydrogens; the model has seen at most {max(self.sizes)}")
        return geometry

    def batch(self, encoded: Sequence[Geometry], values: np.ndarray | None = None) -> Batch:
        """Fields positions [batch atom 3] (ångström, centre at zero), types [batch atom element] (one-hot), charges
        [batch atom 1], bonds [batch atom atom 5] (one-hot over BOND_TYPES, zero on the diagonal) if the representation
        is bonded; zero where the mask [batch atom] is False. The condition is standardized."""
        longest = max((len(one) for one in encoded), default=1)
        mask = np.arange(longest) < np.array([len(one) for one in encoded])[:, None]
        numbers, charges = np.zeros(mask.shape, np.int64), np.zeros((*mask.shape, 1), np.float32)
        positions = np.zeros((*mask.shape, 3), np.float32)
        for row, one in enumerate(encoded):
            numbers[row, : len(one)], charges[row, : len(one), 0] = one.numbers, one.charges
            positions[row, : len(one)] = one.positions - one.positions.mean(0)
        types = (numbers[..., None] == self.elements).astype(np.float32)
        fields = {"positions": positions, "types": types, "charges": charges}
        if self.bonded:
            fields["bonds"] = _bond_field(encoded, mask)
        condition = None if values is None else torch.from_numpy(self.standardization.rows(values))
        return Batch({k: torch.from_numpy(v) for k, v in fields.items()}, torch.from_numpy(mask), condition)

    def geometries(self, batch: Batch) -> list[Geometry]:
        """Convert a batch, which may be generated, to arrays: types and bonds from class numbers or by argmax, charges
        rounded."""
        assert batch.mask is not None  # molecules differ in size
        fields = {name: value.detach().cpu().numpy() for name, value in batch.fields.items()}
        types, bond_types = fields["types"], fields.get("bonds")
        numbers = self.elements[types if types.ndim == 2 else types.argmax(-1)]
        if bond_types is not None and bond_types.ndim == 4:
            bond_types = (bond_types + bond_types.swapaxes(1, 2)).argmax(-1)
        charges = np.rint(np.nan_to_num(fields["charges"][..., 0])).astype(np.int64)
        positions = fields["positions"].astype(np.float64)
        found = []
        for row, real in enumerate(batch.mask.cpu().numpy()):
            bonds = None if bond_types is None else _bond_rows(bond_types[row][np.ix_(real, real)])
            found.append(Geometry(numbers[row][real], positions[row][real], charges[row][real], bonds))
        return found

    def decode(self, batch: Batch) -> list[Chem.Mol | Refusal]:
        """Molecules with conformers; bonds are the batch's, or perceived if it has none or they give no molecule."""
        return [_molecule(geometry) for geometry in self.geometries(batch)]

    def well_formed(self, batch: Batch, items: Sequence[Chem.Mol | Refusal]) -> np.ndarray:
        """[item] bool: whether each molecule is connected, its coordinates imply its bonds, and the training data have
        such distances."""
        sound = [not isinstance(item, Refusal) and speaks(item, self.distances) for item in items]
        return np.array(sound, bool)

    def to_json(self) -> Json:
        return {
            "format": 1,
            "name": self.name,
            "elements": symbols(self.elements),
            "sizes": {str(size): count for size, count in self.sizes.items()},
            "bonded": self.bonded,
            **({"distances": self.distances.to_json()} if self.distances else {}),
            **({"size_mean": self.size_mean.tolist(), "size_std": self.size_std.tolist()} if self.properties else {}),
            "properties": self.standardization.to_json(),
        }


def load(data: Mapping[str, Any]) -> GeometryRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    elements = [number for number in map(atomic_number, data["elements"]) if number is not None]
    sizes = {int(size): count for size, count in data["sizes"].items()}
    shape = (len(sizes), len(data["properties"]))
    return GeometryRepresentation(
        np.array(sorted(elements)),
        dict(sorted(sizes.items())),
        standardization.load(data["properties"]),
        np.array(data.get("size_mean", np.zeros(shape)), np.float64).reshape(shape),  # older files have neither
        np.array(data.get("size_std", np.ones(shape)), np.float64).reshape(shape),
        data["bonded"],
        known_distances.load(data["distances"]) if "distances" in data else None,
    )


def fit(
    texts: Sequence[str], values: np.ndarray, properties: Sequence[str], bonded: bool = True
) -> GeometryRepresentation:
    """Fit elements, sizes and distances of structures (texts of `structure_text`), and moments of their properties."""
    read = [read_geometry(text) for text in texts]
    good = [isinstance(one, Geometry) for one in read]
    geometries = [one for one in read if isinstance(one, Geometry)]
    return fit_geometries(geometries, np.asarray(values)[good], properties, bonded)


def fit_geometries(
    geometries: Sequence[Geometry], values: np.ndarray, properties: Sequence[str], bonded: bool = True
) -> GeometryRepresentation:
    """`fit` for arrays. values: [item property], NaN = missing."""
    if not geometries:
        raise DataError("Expected structures to learn elements and sizes from, found none with 3D coordinates.")
    elements = np.unique(np.concatenate([one.numbers for one in geometries]))
    sizes, place, counts = np.unique([len(one) for one in geometries], return_inverse=True, return_counts=True)
    histogram, scales = dict(zip(sizes.tolist(), counts.tolist(), strict=True)), standardization.fit(values, properties)
    by_size = _moments_by_size((values - scales.mean) / scales.std, place, len(sizes))
    return GeometryRepresentation(elements, histogram, scales, *by_size, bonded, known_distances.fit(geometries))


def _moments_by_size(
    values: Float[np.ndarray, "item property"], place: Int[np.ndarray, " item"], sizes: int
) -> tuple[Float[np.ndarray, "size property"], Float[np.ndarray, "size property"]]:
    """Mean and standard deviation among the items of each size. The variance is shrunk towards the pooled variance
    within sizes, which has the weight of `PRIOR_ITEMS` items."""
    known = ~np.isnan(values)
    filled, groups = np.where(known, values, 0.0), np.eye(sizes)[place]
    count = groups.T @ known
    mean = groups.T @ filled / np.maximum(count, 1)
    squares = np.where(known, values - mean[place], 0.0) ** 2
    within = squares.sum(0) / np.maximum(known.sum(0), 1)
    variance = (groups.T @ squares + PRIOR_ITEMS * within) / (count + PRIOR_ITEMS)
    return mean, np.sqrt(np.maximum(variance, 1e-4))


def read_geometry(text: str) -> Geometry | Refusal:
    """Parse the text of a structure to arrays."""
    molecule = parse_structure(text)
    return molecule if isinstance(molecule, Refusal) else geometry_of(molecule)


def _molecule(geometry: Geometry) -> Chem.Mol | Refusal:
    """The molecule with the geometry's bonds or, if these give no valid molecule, with perceived ones."""
    made = molecule_of(geometry)
    if isinstance(made, Refusal) and geometry.bonds is not None:
        return molecule_of(replace(geometry, bonds=None))
    return made


def _bond_field(encoded: Sequence[Geometry], mask: np.ndarray) -> Float[np.ndarray, "batch atom atom 5"]:
    classes = np.zeros((*mask.shape, mask.shape[1]), np.int64)
    for row, one in enumerate(encoded):
        if one.bonds is None:
            raise DataError(
                f"Expected bonds in every geometry of a bonded batch, molecule {row} has none. Perceive them first, "
                "or use a representation with bonded=False."
            )
        first, second, kind = one.bonds.T
        classes[row, first, second] = classes[row, second, first] = kind
    real = mask[:, :, None] & mask[:, None] & ~np.eye(mask.shape[1], dtype=bool)
    return (np.eye(len(BOND_TYPES), dtype=np.float32)[classes]) * real[..., None]


def _bond_rows(types: Int[np.ndarray, "atom atom"]) -> Int[np.ndarray, "bond 3"]:
    upper = np.triu(types, 1)
    first, second = np.nonzero(upper)
    return np.stack([first, second, upper[first, second]], 1)
