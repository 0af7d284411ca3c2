"""Summary of a set of molecules for the distribution metrics, computed one molecule at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.rdmolops import FragmentOnBRICSBonds

from sciencegen.domains.molecules.items import MAX_CHARACTERS
from sciencegen.domains.molecules.moses_filters import passes_filters
from sciencegen.domains.molecules.properties import measure
from sciencegen.domains.molecules.scaffold_classes import murcko_scaffold

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


def canonical_smiles(text: str) -> str | None:
    """RDKit's canonical SMILES of a text, None for an invalid molecule."""
    molecule = read_molecule(text)
    return None if molecule is None else Chem.MolToSmiles(molecule)


def fingerprint(molecule: Chem.Mol) -> np.ndarray:
    """Morgan bits of radius 2, packed: [128 byte]."""
    return np.packbits(_MORGAN.GetFingerprintAsNumPy(molecule))


def fingerprint_of_known(canonical: str) -> np.ndarray:
    """`fingerprint` of a SMILES that is known to be canonical and valid; without checks it is three times as fast."""
    molecule = Chem.MolFromSmiles(canonical, sanitize=False)
    molecule.UpdatePropertyCache(False)
    Chem.FastFindRings(molecule)
    return fingerprint(molecule)


def fragments_of(molecule: Chem.Mol) -> list[str]:
    """SMILES of the BRICS fragments (Degen et al. 2008), with their numbered attachment points."""
    return Chem.MolToSmiles(FragmentOnBRICSBonds(molecule)).split(".")


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
        fragments.update(fragment for molecule in molecules for fragment in fragments_of(molecule))
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
