"""Metrics of sets of molecules, those of MOSES (Polykovskiy et al. 2020), and the shipped sets to compare with.

The committed files in `references/` come from the whole MOSES sets; `references/README.md` says how to rebuild them.
"""

from __future__ import annotations

import lzma
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.rdmolops import FragmentOnBRICSBonds

from sciencegen.devices import computing_device
from sciencegen.domains.capabilities import MetricNote, ReferenceSets
from sciencegen.domains.molecules.alerts import passes_filters
from sciencegen.domains.molecules.items import MAX_CHARACTERS
from sciencegen.domains.molecules.patterns import murcko_scaffold
from sciencegen.domains.molecules.properties import measure
from sciencegen.errors import DataError, IncompatibleError, unknown_name
from sciencegen.metrics.sets import (
    KeyFilter,
    Moments,
    count_cosine,
    frechet_distance,
    internal_diversities,
    nearest_similarity,
    novel_fraction,
    quantile_means,
    unique_fraction,
    wasserstein_1d,
)

if TYPE_CHECKING:
    from torch import nn

# ChemNet activations, and their moments, for the Fréchet ChemNet distance (Preuer et al. 2018).

PADDED_LENGTH = 350
"""ChemNet reads one-hot SMILES padded to this length; the padding is part of the activation's definition."""
BATCH_SIZE = 256


@lru_cache(maxsize=1)
def load_chemnet() -> nn.Module:
    """The published network, read as plain tensors (`fcd.load_ref_model` would unpickle)."""
    import torch
    from fcd.utils import load_imported_model

    with as_file(files("fcd") / "ChemNet_v0.13_pretrained.pt") as path:
        layers = torch.load(path, map_location="cpu", weights_only=True)
    return load_imported_model(layers).eval()


def activations(canonical: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield batches [molecule 512] of the last hidden layer; strings too long for ChemNet are left out. Computed on the
    device of `computing_on`."""
    import torch
    from fcd.utils import get_one_hot

    device = computing_device()
    network = load_chemnet().to(device)
    fitting = [text for text in canonical if len(text) < PADDED_LENGTH]
    for start in range(0, len(fitting), BATCH_SIZE):
        one_hot = np.stack([get_one_hot(text, PADDED_LENGTH) for text in fitting[start : start + BATCH_SIZE]])
        features = torch.from_numpy(one_hot.astype(np.float32) / one_hot.shape[2])
        with torch.inference_mode():
            yield network(features.transpose(1, 2).to(device)).cpu().numpy()


def activation_moments(canonical: Sequence[str]) -> Moments:
    """Mean and covariance of the activations of a set, in constant memory."""
    return Moments.accumulate(activations(canonical))


# Summary of a set of molecules for the distribution metrics, computed one molecule at a time.

FINGERPRINT_BITS = 1024
FEWEST_SCAFFOLD_RINGS = 2
PROPERTIES = ("logp", "sa", "qed", "mw")
CHUNK = 500
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FINGERPRINT_BITS)


@dataclass(frozen=True)
class Description:
    """Input of the metrics for a set of molecules; the columns hold the valid molecules, in order.

    total: number of texts. canonical: canonical SMILES. fingerprints: [molecule byte] packed bits. fragments,
    scaffolds: counts. properties: name -> [molecule], without failures. passing: how many pass the MOSES filters, None
    if not computed.
    """

    total: int
    canonical: list[str]
    fingerprints: np.ndarray
    fragments: Mapping[str, int]
    scaffolds: Mapping[str, int]
    properties: Mapping[str, np.ndarray]
    passing: int | None


def read_molecule(text: str) -> Chem.Mol | None:
    """Parse a molecule without standardizing it; None for an invalid one.

    RDKit ignores parts of invalid strings (`CC–O` gives CC, `C C O` gives C), reads the empty string as a molecule, and
    can crash on chains of tens of thousands of atoms; all these give None.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        return None
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def fingerprint(molecule: Chem.Mol) -> np.ndarray:
    """Morgan bits of radius 2, packed: [128 byte]."""
    return np.packbits(_MORGAN.GetFingerprintAsNumPy(molecule))


def fingerprint_of_known(canonical: str) -> np.ndarray:
    """`fingerprint` of a SMILES that is known to be canonical and valid; without checks it is three times as fast."""
    molecule = Chem.MolFromSmiles(canonical, sanitize=False)
    molecule.UpdatePropertyCache(False)
    Chem.FastFindRings(molecule)
    return fingerprint(molecule)


def scaffold_of(molecule: Chem.Mol) -> str | None:
    """SMILES of the Bemis-Murcko scaffold, None for fewer than two rings (as in the MOSES code)."""
    scaffold = murcko_scaffold(molecule)
    if scaffold.GetRingInfo().NumRings() < FEWEST_SCAFFOLD_RINGS:
        return None
    return Chem.MolToSmiles(scaffold)


def describe(texts: Iterable[str], *, filters: bool = True) -> Description:
    """Describe the texts in one pass; molecules are freed after each chunk, about 0.4 kB per molecule is kept."""
    total, passing = 0, 0
    canonical: list[str] = []
    fingerprints = [np.zeros((0, FINGERPRINT_BITS // 8), np.uint8)]
    fragments: Counter[str] = Counter()
    scaffolds: Counter[str] = Counter()
    values = [np.zeros((0, len(PROPERTIES)))]
    for chunk in _chunks(texts):
        total += len(chunk)
        molecules = [molecule for molecule in map(read_molecule, chunk) if molecule is not None]
        if not molecules:
            continue
        canonical.extend(map(Chem.MolToSmiles, molecules))
        fingerprints.append(np.stack([fingerprint(molecule) for molecule in molecules]))
        # BRICS fragments (Degen et al. 2008), with their numbered attachment points
        fragments.update(
            fragment
            for molecule in molecules
            for fragment in Chem.MolToSmiles(FragmentOnBRICSBonds(molecule)).split(".")
        )
        scaffolds.update(scaffold for scaffold in map(scaffold_of, molecules) if scaffold is not None)
        values.append(measure(molecules, PROPERTIES))
        passing += sum(map(passes_filters, molecules)) if filters else 0
    columns = dict(zip(PROPERTIES, np.concatenate(values).T, strict=True))
    return Description(
        total,
        canonical,
        np.concatenate(fingerprints),
        fragments,
        scaffolds,
        {name: column[np.isfinite(column)] for name, column in columns.items()},
        passing if filters else None,
    )


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk


FORMAT_VERSION = 1
REFERENCES = {"moses/test": "moses_test.npz", "moses/test_scaffolds": "moses_test_scaffolds.npz"}
TRAINING_SETS = {"moses/train": "moses_train.npz"}
PROPERTY_QUANTILES = 2000


@dataclass(frozen=True)
class MoleculeReference:
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
    def load(cls, source: Path | str | IO[bytes]) -> MoleculeReference:
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


def build_reference(texts: Iterable[str]) -> MoleculeReference:
    """Make the reference of a set of molecules: about 330 molecules a second on one core."""
    return reference_of(describe(texts, filters=False))


def reference_of(description: Description, chemnet: Moments | None = None) -> MoleculeReference:
    """Make the reference of a description; DataError without valid molecules. chemnet: computed if None."""
    if not description.canonical:
        raise DataError(f"Expected a reference of valid molecules, got none among {description.total} texts.")
    if chemnet is None:
        chemnet = activation_moments(description.canonical)
    return MoleculeReference(
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
    return KeyFilter.of(Chem.MolToSmiles(one) for one in map(read_molecule, texts) if one is not None)


def save_training_filter(known: KeyFilter, path: Path | str) -> None:
    """Write the filter of a training set as a compressed .npz for `references/`, which `load_training_filter` reads."""
    arrays: dict[str, Any] = {"format_version": FORMAT_VERSION, **known.packed()}
    np.savez_compressed(path, **arrays)


@lru_cache(maxsize=2)
def load_reference(name: str) -> MoleculeReference:
    """Load a committed reference by name; the last two are cached with their fingerprints (23 MB each)."""
    with _committed("reference set", name, REFERENCES) as stream:
        return MoleculeReference.load(stream)


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


# Meaning of each distribution metric, and published values for comparison.
#
# References: MOSES benchmark (Polykovskiy et al. 2020), 30,000 samples against the test set; means over three runs.

METRIC_NOTES: dict[str, MetricNote] = {
    "valid": MetricNote(
        "share of draws that are molecules; any SELFIES string is", "maximize", {"CharRNN": 0.975, "VAE": 0.977}
    ),
    "unique@1k": MetricNote("distinct among the first 1,000", "maximize", {"CharRNN": 1.0, "VAE": 1.0}),
    "unique@10k": MetricNote("distinct among the first 10,000", "maximize", {"CharRNN": 0.999, "VAE": 0.998}),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize", {"CharRNN": 0.842, "VAE": 0.695}),
    "fcd": MetricNote(
        "Fréchet distance of ChemNet activations; it falls with the number of samples, published values have 30,000",
        "minimize",
        {"CharRNN": 0.073, "VAE": 0.099},
    ),
    "snn": MetricNote("mean similarity to the nearest held-out molecule", None, {"CharRNN": 0.602, "VAE": 0.626}),
    "fragment_similarity": MetricNote("cosine of BRICS fragment counts", "maximize", {"CharRNN": 1.0, "VAE": 0.999}),
    "scaffold_similarity": MetricNote(
        "cosine of Bemis-Murcko scaffold counts", "maximize", {"CharRNN": 0.924, "VAE": 0.939}
    ),
    "internal_diversity": MetricNote("mean distance between two samples", "maximize", {"CharRNN": 0.856, "VAE": 0.856}),
    "filters": MetricNote(
        "share that passes the medicinal chemistry filters", "maximize", {"CharRNN": 0.994, "VAE": 0.997}
    ),
}

STRUCTURE_NOTES: dict[str, MetricNote] = {
    "stable_atoms": MetricNote(
        "share of atoms with the bonds that their element has, by EDM's bond lengths", "maximize"
    ),
    "stable_molecules": MetricNote("share of samples whose atoms are all stable", "maximize"),
    "edm_valid": MetricNote("share of samples that RDKit accepts with the bonds of EDM's bond lengths", "maximize"),
    "edm_valid_unique": MetricNote("distinct ones of these (largest fragments), as a share of samples", "maximize"),
    "valid": MetricNote("share of samples whose distances speak of bonds that make a molecule", "maximize"),
    "connected": MetricNote("share of samples that are valid and in one piece", "maximize"),
    "unique": MetricNote("distinct among the connected", "maximize"),
    "novelty": MetricNote("distinct ones that the training set lacks", "maximize"),
    "posebusters": MetricNote("share that passes each of PoseBusters' checks", "maximize"),
    "lengths": MetricNote("distance between distributions of bond lengths", "minimize"),
    "angles": MetricNote("distance between distributions of angles", "minimize"),
    "dihedrals": MetricNote("distance between distributions of dihedral angles", "minimize"),
    "covered": MetricNote(
        "share of the reference's lengths, angles and dihedrals of a kind that the samples have", "maximize"
    ),
    "strain": MetricNote("median energy above the nearest minimum of the force field", "minimize"),
    "reference_strain": MetricNote("the same of the reference"),
}

METRIC_UNITS = {
    "lengths": "Å", "angles": "°", "dihedrals": "°", "strain": "kcal/mol", "reference_strain": "kcal/mol",
}  # fmt: skip
"""Metric -> unit, for both tables."""


# The distribution metrics of MOSES (Polykovskiy et al. 2020), which compare generated with held-out molecules.

UNIQUE_AT = {"unique@1k": 1_000, "unique@10k": 10_000}


def evaluate(
    samples: Iterable[str],
    reference: MoleculeReference | Sequence[str] | str,
    training: Iterable[str] | str | None = None,
) -> dict[str, float]:
    """All metrics by name, and the sample sizes (`count_...`).

    samples: SMILES as generated, with duplicates; those that don't parse count as invalid and are used for no other
    metric. reference: held-out molecules, or the name of a committed set ("moses/test", "moses/test_scaffolds").
    training: for novelty; molecules, or "moses/train". They are compared by hashes, so a novel molecule counts as
    known with probability n / 2³¹, at most 7.4e-4 for MOSES.

    Metrics that can't be computed are left out: `unique@10k` below 10,000 valid samples, `fcd` below two samples that
    ChemNet accepts, `novelty` without training. The Fréchet distance of few samples is biased upward: 1,000,
    10,000 and 20,000 molecules of the MOSES test set score 1.26, 0.12 and 0.06 against all of it. Compare equal sizes.
    """
    known = _reference(reference)
    if training is None:
        trained_on = None
    else:
        trained_on = load_training_filter(training) if isinstance(training, str) else build_training_filter(training)
    found = describe(samples)
    if found.total == 0:
        raise DataError("Expected samples to evaluate, got none.")
    result = {
        "count": found.total,
        "count_valid": len(found.canonical),
        "count_unique": len(set(found.canonical)),
        "count_reference": len(known.canonical),
        "valid": len(found.canonical) / found.total,
    }
    if found.canonical:
        result |= _set_metrics(found) | _distances(found, known)
        if trained_on is not None:
            result["novelty"] = novel_fraction(found.canonical, trained_on)
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _reference(reference: MoleculeReference | Sequence[str] | str) -> MoleculeReference:
    if isinstance(reference, MoleculeReference):
        return reference
    return load_reference(reference) if isinstance(reference, str) else build_reference(reference)


def _set_metrics(found: Description) -> dict[str, float]:
    """Metrics of the samples alone."""
    first, second = internal_diversities(found.fingerprints, powers=(1, 2))
    at = {name: unique_fraction(found.canonical, k) for name, k in UNIQUE_AT.items() if len(found.canonical) >= k}
    return {
        "unique": unique_fraction(found.canonical),
        **at,
        "internal_diversity": first,
        "internal_diversity_2": second,
        "filters": (found.passing or 0) / len(found.canonical),
    }


def _distances(found: Description, known: MoleculeReference) -> dict[str, float]:
    """Metrics of the samples against the reference."""
    result = {
        "snn": float(nearest_similarity(found.fingerprints, known.fingerprints).mean()),
        "fragment_similarity": count_cosine(known.fragments, found.fragments),
        "scaffold_similarity": count_cosine(known.scaffolds, found.scaffolds),
    }
    for name in PROPERTIES:
        result[f"wasserstein_{name}"] = wasserstein_1d(known.properties[name], found.properties[name])
    readable = [text for text in found.canonical if len(text) < PADDED_LENGTH]
    if len(readable) > 1:
        result["fcd"] = frechet_distance(known.chemnet, activation_moments(readable))
    return result


REFERENCE_SETS = ReferenceSets(
    held_out=lambda: tuple(REFERENCES),
    training=lambda: tuple(TRAINING_SETS),
    load_training=lambda name: load_training_filter(name) if name in TRAINING_SETS else None,
    notes=METRIC_NOTES,
    units=METRIC_UNITS,
)
