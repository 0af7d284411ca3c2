"""Held-out sets and the training set in the compact form that the distribution metrics use.

The committed files in `references/` come from the whole MOSES sets; `references/README.md` says how to rebuild them.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np

from sciencegen.domains.molecules.descriptions import (
    PROPERTIES,
    Description,
    canonical_smiles,
    describe,
    fingerprint_of_known,
)
from sciencegen.errors import DataError, IncompatibleError, unknown_name
from sciencegen.metrics.coverage import KeyFilter
from sciencegen.metrics.distances import Moments, quantile_means

FORMAT_VERSION = 1
REFERENCES = {"moses/test": "moses_test.npz", "moses/test_scaffolds": "moses_test_scaffolds.npz"}
TRAINING_SETS = {"moses/train": "moses_train.npz"}
PROPERTY_QUANTILES = 2000


@dataclass(frozen=True)
class Reference:
    """A held-out set: its canonical SMILES, ChemNet moments, counts, and the distribution of each property."""

    canonical: list[str]
    chemnet: Moments
    fragments: Mapping[str, int]
    scaffolds: Mapping[str, int]
    properties: Mapping[str, np.ndarray]

    @cached_property
    def fingerprints(self) -> np.ndarray:
        """[molecule 128] packed bits, computed from the SMILES on first use (10 s for 176,000)."""
        return np.stack([fingerprint_of_known(text) for text in self.canonical])

    def save(self, path: Path | str) -> None:
        """One npz without pickles; equal references give equal bytes."""
        upper = np.triu_indices(len(self.chemnet.mean))
        arrays: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "canonical": _pack(sorted(self.canonical)),
            "chemnet_count": self.chemnet.count,
            "chemnet_mean": self.chemnet.mean,
            "chemnet_covariance": self.chemnet.covariance[upper].astype(np.float32),
            **_pack_counts("fragments", self.fragments),
            **_pack_counts("scaffolds", self.scaffolds),
            **{f"property_{name}": column.astype(np.float32) for name, column in self.properties.items()},
        }
        np.savez(path, **arrays)

    @classmethod
    def load(cls, source: Path | str | IO[bytes]) -> Reference:
        arrays = _open(source)
        mean = arrays["chemnet_mean"]
        covariance = np.zeros((len(mean), len(mean)))
        upper = np.triu_indices(len(mean))
        covariance[upper] = arrays["chemnet_covariance"]
        covariance.T[upper] = covariance[upper]
        return cls(
            canonical=_unpack(arrays["canonical"]),
            chemnet=Moments(mean, covariance, int(arrays["chemnet_count"])),
            fragments=_unpack_counts("fragments", arrays),
            scaffolds=_unpack_counts("scaffolds", arrays),
            properties={name: arrays[f"property_{name}"].astype(float) for name in PROPERTIES},
        )


def build_reference(texts: Iterable[str]) -> Reference:
    """Make the reference of a set of molecules: about 330 molecules a second on one core."""
    return reference_of(describe(texts, filters=False))


def reference_of(description: Description, chemnet: Moments | None = None) -> Reference:
    """Make the reference of a description; DataError without valid molecules. chemnet: computed if None."""
    if not description.canonical:
        raise DataError(f"Expected a reference of valid molecules, got none among {description.total} texts.")
    if chemnet is None:
        from sciencegen.domains.molecules.chemnet import activation_moments  # on use: needs torch

        chemnet = activation_moments(description.canonical)
    return Reference(
        description.canonical,
        chemnet,
        description.fragments,
        description.scaffolds,
        {
            name: quantile_means(column, min(PROPERTY_QUANTILES, len(column)))
            for name, column in description.properties.items()
        },
    )


def build_training_filter(texts: Iterable[str]) -> KeyFilter:
    """Make the filter of a training set for novelty, which tests whether a canonical SMILES is in the set."""
    return KeyFilter.of(key for key in map(canonical_smiles, texts) if key is not None)


def save_training_filter(known: KeyFilter, path: Path | str) -> None:
    """Write the filter of a training set as a compressed .npz for `references/`, which `load_training_filter` reads."""
    arrays: dict[str, Any] = {"format_version": FORMAT_VERSION, **known.packed()}
    np.savez_compressed(path, **arrays)


@lru_cache(maxsize=2)
def load_reference(name: str) -> Reference:
    """Load a committed reference by name; the last two are cached with their fingerprints (23 MB each)."""
    with _committed("reference set", name, REFERENCES) as stream:
        return Reference.load(stream)


@lru_cache(maxsize=1)
def load_training_filter(name: str) -> KeyFilter:
    """Load the filter of a committed training set by name; the last one is cached."""
    with _committed("training set", name, TRAINING_SETS) as stream:
        return KeyFilter.unpacked(_open(stream))


def _committed(kind: str, name: str, table: Mapping[str, str]) -> IO[bytes]:
    if name not in table:
        raise unknown_name(kind, name, table)
    return (files("sciencegen.domains.molecules") / "references" / table[name]).open("rb")


def _open(source: Path | str | IO[bytes]) -> dict[str, np.ndarray]:
    with np.load(source, allow_pickle=False) as archive:
        arrays = dict(archive)
    found = int(arrays.get("format_version", 0))
    if found != FORMAT_VERSION:
        place = source if isinstance(source, (str, Path)) else source.name
        raise IncompatibleError(f"Expected format {FORMAT_VERSION} in {place}, found {found}. Rebuild it.")
    return arrays


def _pack(lines: Iterable[str]) -> np.ndarray:
    return np.frombuffer(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME), np.uint8)


def _unpack(packed: np.ndarray) -> list[str]:
    text = lzma.decompress(packed.tobytes()).decode()
    return text.split("\n") if text else []


def _pack_counts(name: str, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    names = sorted(counts)
    return {f"{name}_names": _pack(names), f"{name}_counts": _pack(str(counts[key]) for key in names)}


def _unpack_counts(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    names, counts = (_unpack(arrays[f"{name}_{part}"]) for part in ("names", "counts"))
    return dict(zip(names, map(int, counts), strict=True))
