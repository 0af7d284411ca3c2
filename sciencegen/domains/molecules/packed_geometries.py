"""Many geometries end to end in a few arrays, and in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.molecules.geometry import Geometry
from sciencegen.domains.molecules.geometry_representation import read_geometry
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.files import atomic_write
from sciencegen.items import Refusal


@dataclass(frozen=True)
class PackedGeometries(Sequence[Geometry]):
    """Many geometries end to end; molecule i has the atoms atom_starts[i]:atom_starts[i + 1], bonds likewise.

    130,000 molecules of QM9 take 70 MB; `save` and `load` go through a .npz file without pickles.
    """

    numbers: Int[np.ndarray, " atom"]
    positions: Float[np.ndarray, "atom 3"]
    charges: Int[np.ndarray, " atom"]
    bonds: Int[np.ndarray, "bond 3"]
    atom_starts: Int[np.ndarray, " molecule_and_end"]
    bond_starts: Int[np.ndarray, " molecule_and_end"]

    @classmethod
    def pack(cls, geometries: Iterable[Geometry]) -> PackedGeometries:
        """Positions become float32; molecules without known bonds are refused."""
        chosen = list(geometries)
        bonds = [one.bonds for one in chosen if one.bonds is not None]
        if not chosen or len(bonds) < len(chosen):
            raise DataError(f"Expected geometries with bonds to pack, got {len(bonds)} such of {len(chosen)}.")
        return cls(
            np.concatenate([one.numbers for one in chosen]).astype(np.uint8),
            np.concatenate([one.positions for one in chosen]).astype(np.float32),
            np.concatenate([one.charges for one in chosen]).astype(np.int8),
            np.concatenate(bonds).astype(np.int16),
            np.cumsum([0, *map(len, chosen)]),
            np.cumsum([0, *map(len, bonds)]),
        )

    @cached_property
    def sizes(self) -> Int[np.ndarray, " molecule"]:
        """Atoms of each molecule."""
        return np.diff(self.atom_starts)

    def __len__(self) -> int:
        return len(self.atom_starts) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[int(index)]
        atoms = slice(self.atom_starts[index], self.atom_starts[index + 1])
        bonds = slice(self.bond_starts[index], self.bond_starts[index + 1])
        return Geometry(self.numbers[atoms], self.positions[atoms], self.charges[atoms], self.bonds[bonds])

    def take(self, indices: Iterable[int]) -> list[Geometry]:
        """The geometries at these indices."""
        return [self[index] for index in indices]

    def save(self, path: str | Path) -> None:
        with atomic_write(path, "wb") as stream:
            np.savez_compressed(stream, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, path: str | Path) -> PackedGeometries:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})
        except (KeyError, ValueError, OSError) as error:
            raise IncompatibleError(f"Expected packed geometries in {path}, found something else: {error}.") from error


def pack_texts(texts: Iterable[str]) -> PackedGeometries:
    """Structures of a prepared dataset, packed; raises DataError at the first that isn't one."""
    return PackedGeometries.pack(map(_surely, texts))


def _surely(text: str) -> Geometry:
    geometry = read_geometry(text)
    if isinstance(geometry, Refusal):
        raise DataError(
            f"Expected the text of a structure, got '{text[:60]}': {geometry.reason}. "
            "Prepare the set with its geometries."
        )
    return geometry
