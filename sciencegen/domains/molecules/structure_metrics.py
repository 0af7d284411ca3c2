"""Metrics of generated structures, computed from their coordinates alone.

Bonds are perceived from the coordinates of each sample; bonds in a file are ignored. Stability is that of EDM
(Hoogeboom et al. 2022), by its table of bond lengths; validity is RDKit's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.molecules.geometry import Geometry, graph_smiles, molecule_of, why_unusable
from sciencegen.domains.molecules.geometry_metrics import geometry_distances, internal_coordinates, strain_energies
from sciencegen.domains.molecules.plausibility import plausible_share
from sciencegen.domains.molecules.stability import STABILITY_ELEMENTS, stability
from sciencegen.domains.molecules.structure_atoms import atoms_of
from sciencegen.domains.molecules.structure_files import GIVEN_SMILES, parse_structure
from sciencegen.errors import DataError
from sciencegen.items import Refusal

LARGEST_REFERENCE = 5_000
"""Maximum number of reference structures for distributions; of a larger set, an evenly spaced subset."""
MOST_CHECKED = 500
"""Maximum number of connected samples that PoseBusters checks (20 ms each); of more, an evenly spaced subset."""


def evaluate_structures(
    samples: Sequence[str], reference: Sequence[str], training: Iterable[str] | None = None
) -> dict[str, float]:
    """All metrics by name, and the sample sizes (`count_...`).

    samples, reference, training: texts of structures, as `structure_files` reads them; a sample without coordinates is
    neither stable nor valid. stable_atoms: share of all atoms with coordinates. stable_molecules: share of all samples.
    Both are left out if the table lacks an element. valid: share of samples with bonds that fit the distances.
    connected: share that is valid and connected. posebusters: share of `count_posebusters` connected samples that pass
    all checks (plausibility.py). unique: share of the connected. novelty: share of the unique. lengths (ångström),
    angles, dihedrals (degrees): distances between distributions of the connected and the reference. strain: median
    energy of the connected above the nearest minimum of the force field, kcal/mol; reference_strain: the reference's.
    """
    read = [atoms_of(text) for text in samples]
    geometries = [one for one in read if isinstance(one, Geometry)]
    if not geometries:
        why = "".join(f"; the first of {len(read)}: {one.reason}" for one in read[:1] if isinstance(one, Refusal))
        raise DataError(f"Expected structures to evaluate, got none{why}.")
    made = [molecule_of(one) for one in geometries]
    valid = [one for one in made if not isinstance(one, Refusal)]
    connected = [one for one in valid if len(Chem.GetMolFrags(one)) == 1]
    texts = [graph_smiles(one) for one in connected]
    result = {
        "count": len(samples), "count_valid": len(valid), "count_connected": len(connected),
        **_stability(geometries, len(samples)), "valid": len(valid) / len(samples),
        "connected": len(connected) / len(samples),
    }  # fmt: skip
    if connected:
        distinct = set(texts)
        result["unique"] = len(distinct) / len(texts)
        result |= _plausible(connected)
        if training is not None:
            result["novelty"] = len(distinct.difference(map(_known_flat, training))) / len(distinct)
        result |= _against(connected, reference)
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _stability(geometries: Sequence[Geometry], samples: int) -> dict[str, float]:
    """Stability of the geometries among `samples` samples; invalid geometries count as not stable."""
    if not geometries or any(set(one.numbers.tolist()) - set(STABILITY_ELEMENTS) for one in geometries):
        return {}
    sound = [one for one in geometries if why_unusable(one.numbers, one.positions) is None]
    if not sound:
        return {"stable_atoms": 0.0, "stable_molecules": 0.0}
    found, usable = stability(sound), sum(map(len, sound)) / sum(map(len, geometries))
    return {"stable_atoms": found.atoms * usable, "stable_molecules": found.molecules * len(sound) / samples}


def _plausible(molecules: Sequence[Chem.Mol]) -> dict[str, float]:
    checked = [molecules[row] for row in evenly_spaced(len(molecules), MOST_CHECKED)]
    return {"count_posebusters": len(checked), "posebusters": plausible_share(checked)}


def _against(molecules: Sequence[Chem.Mol], reference: Sequence[str]) -> dict[str, float]:
    rows = evenly_spaced(len(reference), LARGEST_REFERENCE)
    known = [one for one in (parse_structure(reference[row]) for row in rows) if not isinstance(one, Refusal)]
    if not known:
        raise DataError("Expected structures to compare with, found none with coordinates.")
    found = geometry_distances(internal_coordinates(molecules), internal_coordinates(known))
    compared = [known[row] for row in evenly_spaced(len(known), len(molecules))]  # files may be sorted, such as by size
    return {
        "count_reference": len(known), "lengths": found.lengths, "angles": found.angles, "dihedrals": found.dihedrals,
        "covered": found.covered, "strain": _median(strain_energies(molecules)),
        "reference_strain": _median(strain_energies(compared)),
    }  # fmt: skip


def _median(values: np.ndarray) -> float:
    """Median of the finite values; NaN if there are none (no force field has a noble gas)."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _known_flat(text: str) -> str:
    """Identity of a known structure's molecule, from its given SMILES if there is one: perceiving bonds is slower."""
    given = text.partition("\n")[2].partition("\n")[0]
    if not given.startswith(GIVEN_SMILES):
        molecule = parse_structure(text)
        return "" if isinstance(molecule, Refusal) else graph_smiles(molecule)
    with rdBase.BlockLogs():
        known = Chem.MolFromSmiles(given.removeprefix(GIVEN_SMILES).strip())
    return "" if known is None else Chem.MolToSmiles(known, isomericSmiles=False)
