"""What generated structures are worth, judged by their coordinates alone.

Bonds are perceived in the coordinates of every sample; the graph that a file brings along is not looked at. Stability
is that of EDM (Hoogeboom et al. 2022), by its table of bond lengths; validity is RDKit's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.base import Refusal
from sciencegen.domains.molecules.geometry import Geometry, geometry_of, perceive_bonds, with_implicit_hydrogens
from sciencegen.domains.molecules.geometry_metrics import geometry_distances, internal_coordinates, strain_energies
from sciencegen.domains.molecules.plausibility import plausible_share
from sciencegen.domains.molecules.stability import STABILITY_ELEMENTS, stability
from sciencegen.domains.molecules.structure_files import GIVEN_SMILES, parse_structure
from sciencegen.errors import DataError

LARGEST_REFERENCE = 5_000
"""Reference structures that distributions are taken from: evenly spaced ones of a larger set."""
MOST_CHECKED = 500
"""Connected samples that PoseBusters looks at, evenly spaced ones of more; it takes 20 ms for each."""


def evaluate_structures(
    samples: Sequence[str], reference: Sequence[str], training: Iterable[str] | None = None
) -> dict[str, float]:
    """Every metric by name, and the sizes of the samples behind them (`count_...`).

    samples, reference, training: texts of structures, as `structure_files` reads them. stable_atoms, stable_molecules:
    of all samples with coordinates, left out where the table lacks an element. valid: bonds fit the distances.
    connected: valid and in one piece. posebusters: of `count_posebusters` of the connected, those that pass each of its
    checks (plausibility.py). unique: of the connected. novelty: of the unique. lengths (ångström), angles,
    dihedrals (degrees): distances between distributions of the connected and the reference. strain: median energy above
    the nearest minimum of the force field, kcal/mol, of the connected; reference_strain beside it.
    """
    read = [_geometry(text) for text in samples]
    geometries = [one for one in read if isinstance(one, Geometry)]
    if not geometries:
        why = f"; the first of {len(read)}: {read[0].reason}" if read else ""  # type: ignore[union-attr]
        raise DataError(f"Expected structures to evaluate, got none{why}.")
    made = [perceive_bonds(one.numbers, one.positions, int(one.charges.sum())) for one in geometries]
    valid = [one for one in made if not isinstance(one, Refusal)]
    connected = [one for one in valid if len(Chem.GetMolFrags(one)) == 1]
    texts = [_flat(one) for one in connected]
    result = {
        "count": len(samples), "count_valid": len(valid), "count_connected": len(connected),
        **_stability(geometries), "valid": len(valid) / len(samples), "connected": len(connected) / len(samples),
    }  # fmt: skip
    if connected:
        distinct = set(texts)
        result["unique"] = len(distinct) / len(texts)
        result |= _plausible(connected)
        if training is not None:
            result["novelty"] = len(distinct.difference(map(_known_flat, training))) / len(distinct)
        result |= _against(connected, reference)
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def _geometry(text: str) -> Geometry | Refusal:
    molecule = parse_structure(text)
    return molecule if isinstance(molecule, Refusal) else geometry_of(molecule)


def _stability(geometries: Sequence[Geometry]) -> dict[str, float]:
    if not geometries or any(set(one.numbers.tolist()) - set(STABILITY_ELEMENTS) for one in geometries):
        return {}
    found = stability(geometries)
    return {"stable_atoms": found.atoms, "stable_molecules": found.molecules}


def _plausible(molecules: Sequence[Chem.Mol]) -> dict[str, float]:
    checked = _spaced(molecules, MOST_CHECKED)
    return {"count_posebusters": len(checked), "posebusters": plausible_share(checked)}


def _spaced(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, evenly spaced."""
    rows = np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).astype(int))
    return [items[row] for row in rows.tolist()]


def _against(molecules: Sequence[Chem.Mol], reference: Sequence[str]) -> dict[str, float]:
    known = [one for one in map(parse_structure, _spaced(reference, LARGEST_REFERENCE)) if not isinstance(one, Refusal)]
    if not known:
        raise DataError("Expected structures to compare with, found none with coordinates.")
    found = geometry_distances(internal_coordinates(molecules), internal_coordinates(known))
    return {
        "count_reference": len(known), "lengths": found.lengths, "angles": found.angles, "dihedrals": found.dihedrals,
        "covered": found.covered, "strain": _median(strain_energies(molecules)),
        "reference_strain": _median(strain_energies(known[: len(molecules)])),
    }  # fmt: skip


def _median(values: np.ndarray) -> float:
    """Of those that are numbers; NaN where none is (no force field knows a noble gas)."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _flat(molecule: Chem.Mol) -> str:
    return Chem.MolToSmiles(with_implicit_hydrogens(molecule), isomericSmiles=False)


def _known_flat(text: str) -> str:
    """The molecule of a known structure: the SMILES that it brings along, where it does; reading bonds takes longer."""
    given = text.partition("\n")[2].partition("\n")[0]
    if not given.startswith(GIVEN_SMILES):
        molecule = parse_structure(text)
        return "" if isinstance(molecule, Refusal) else _flat(molecule)
    with rdBase.BlockLogs():
        known = Chem.MolFromSmiles(given.removeprefix(GIVEN_SMILES).strip())
    return "" if known is None else Chem.MolToSmiles(known, isomericSmiles=False)
