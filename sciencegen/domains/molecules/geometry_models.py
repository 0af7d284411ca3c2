"""Generates molecules in three dimensions: a joint diffusion of positions, atom types, charges and bonds.

Hoogeboom et al. 2022 (EDM), with bonds as a separate field (Vignac et al. 2023, MiDi). Classes are one-hot vectors
with continuous noise. A sample counts as well formed if its coordinates imply its bonds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import noise_schedule
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.domains import standardization
from sciencegen.domains.molecules import geometry
from sciencegen.domains.molecules.geometry import (
    BOND_TYPES,
    Geometry,
    KnownDistances,
    atomic_number,
    confirmed,
    geometry_of,
    graph_of,
    molecule_of,
    speaks,
    stability_figures,
    symbols,
    with_implicit_hydrogens,
)
from sciencegen.domains.molecules.structure_files import parse_structure
from sciencegen.domains.recipes import Completing
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.points import EquivariantDenoiser, FieldShape, PairNetworkSettings
from sciencegen.runs import check_format

# Molecules in three dimensions as tensors: positions, atom types, charges and bonds of a Batch.


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
            bonds = None
            if bond_types is not None:
                upper = np.triu(bond_types[row][np.ix_(real, real)], 1)
                first, second = np.nonzero(upper)
                bonds = np.stack([first, second, upper[first, second]], 1)
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
        geometry.load(data["distances"]) if "distances" in data else None,
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
    by_size = standardization.by_size((values - scales.mean) / scales.std, place, len(sizes))
    return GeometryRepresentation(elements, histogram, scales, *by_size, bonded, geometry.fit(geometries))


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


# Coordinates for a given molecule: a diffusion over positions, conditioned on atoms and bonds.
#
# Hoogeboom et al. 2022 (EDM) noise positions and types together; here the graph is not noised, so that valences are
# right by construction (Xu et al. 2022, GeoDiff), and the network is `networks.points`.

POSITION_SCALE = 1.5
"""Ångström: the standard deviation of a coordinate of small organic molecules about their centre."""
LOG_SNR_ENDS = 9.0, -6.0
"""Noise of 0.01 Å, and of 20 times the data's scale: other levels don't help training and cost sampling steps."""
CHECK_ROWS = 64


@dataclass(frozen=True)
class ConformerSettings:
    """network, diffusion: nested settings. log_snr_shift: of the cosine schedule; at log-SNR 7 the noise is 0.03 Å,
    about the difference between a double bond and a single one, and the sampler stops at a slightly higher one."""

    network: PairNetworkSettings = field(default_factory=PairNetworkSettings)
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="x", weighting="edm", sampler="dpm-solver", steps=16, last_time=0.015, crowding=1.5
        )
    )
    log_snr_shift: float = 1.0


def conformers(representation: GeometryRepresentation, settings: ConformerSettings) -> DiffusionModel:
    """Build a diffusion of positions in ångström; types, charges and bonds are inputs without noise."""
    fields = {
        "types": FieldShape(len(representation.elements), noised=False),
        "charges": FieldShape(1, noised=False),
        "bonds": FieldShape(len(BOND_TYPES), pairs=True, noised=False),
    }
    network = EquivariantDenoiser(fields, 0, settings.network, POSITION_SCALE)
    state = State({"positions": Field(ZeroCentre())})
    schedule = noise_schedule(settings.diffusion.schedule or "cosine", *LOG_SNR_ENDS, settings.log_snr_shift)
    return DiffusionModel(network, state, schedule, {"positions": (max(representation.sizes), 3)}, settings.diffusion)


def conformer_figures(
    model: DiffusionModel, representation: GeometryRepresentation, known: Sequence[Geometry]
) -> dict[str, float]:
    """With one sample for each known graph: the shares of stable atoms and molecules (if the tables have all elements),
    and of molecules whose coordinates imply the given bonds."""
    made, right = [], []
    for start in range(0, len(known), CHECK_ROWS):
        batch = representation.batch(known[start : start + CHECK_ROWS])
        generator = torch.Generator().manual_seed(start)
        drawn = model.complete(batch, model.state.noise(batch, generator))
        made += representation.geometries(drawn)
        for molecule in representation.decode(drawn):
            if isinstance(molecule, Refusal):
                right.append(False)
                continue
            flat = with_implicit_hydrogens(molecule)
            Chem.RemoveStereochemistry(flat)
            right.append(not isinstance(representation.confirmed(flat, molecule), Refusal))
    return {"right_bonds": float(np.mean(right)), **stability_figures(representation.elements.tolist(), made)}


CHECKED_DRAWS = 256


@dataclass(frozen=True)
class JointSettings:
    """network, diffusion: nested settings; the sampler adds noise in each step, which corrects earlier errors (it calls
    the network twice a step). log_snr_shift: of the cosine schedule. class_shift: shift of the log-SNR of types,
    charges and bonds relative to positions; below 0 they are denoised later."""

    network: PairNetworkSettings = field(default_factory=PairNetworkSettings)
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="x",
            weighting="edm",
            dropout=ConditionDropout(some=0.9, everything=0.1, few=0.5),
            sampler="churn",
            steps=48,
            last_time=0.02,
            crowding=1.2,
        )
    )
    log_snr_shift: float = 1.0
    class_shift: float = -2.0


def joint(representation: GeometryRepresentation, settings: JointSettings) -> SizedDiffusion:
    """Build a joint diffusion of positions in ångström, atom types, charges and bonds."""
    types, bonds, largest = len(representation.elements), len(BOND_TYPES), max(representation.sizes)
    fields = {
        "types": FieldShape(types, categorical=True),
        "charges": FieldShape(1),
        "bonds": FieldShape(bonds, pairs=True, categorical=True),
    }
    conditions = len(representation.properties)
    network = EquivariantDenoiser(fields, conditions, settings.network, POSITION_SCALE)
    state = State(
        {
            "positions": Field(ZeroCentre()),
            "types": Field(CategoricalSpace(types), settings.class_shift),
            "charges": Field(Euclidean(), settings.class_shift),
            "bonds": Field(CategoricalSpace(bonds), settings.class_shift, positions=2),
        }
    )
    shapes = {
        "positions": (largest, 3),
        "types": (largest, types),
        "charges": (largest, 1),
        "bonds": (largest, largest, bonds),
    }
    schedule = noise_schedule(settings.diffusion.schedule or "cosine", *LOG_SNR_ENDS, settings.log_snr_shift)
    diffusion = DiffusionModel(network, state, schedule, shapes, settings.diffusion)
    return SizedDiffusion(diffusion, size_table(representation))


def size_table(representation: GeometryRepresentation) -> SizeTable:
    """Distribution of the number of atoms in the training molecules, with the properties' moments at each number."""
    return SizeTable(
        torch.tensor(list(representation.sizes)),
        torch.tensor(list(representation.sizes.values()), dtype=torch.float64),
        torch.from_numpy(representation.size_mean),
        torch.from_numpy(representation.size_std),
    )


def joint_figures(
    model: SizedDiffusion, representation: GeometryRepresentation, known: Sequence[Geometry]
) -> dict[str, float]:
    """With unconditional samples: the shares of stable atoms and molecules (if the tables have all elements), and of
    molecules whose coordinates imply their bonds."""
    generator = torch.Generator().manual_seed(0)
    batch = model.generate(torch.randn(CHECKED_DRAWS, model.latent_size, generator=generator))
    well_formed = float(np.mean(representation.well_formed(batch, representation.decode(batch))))
    stable = stability_figures(representation.elements.tolist(), representation.geometries(batch))
    return {"well_formed": well_formed, **stable}
