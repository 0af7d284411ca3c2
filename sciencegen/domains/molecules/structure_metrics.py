"""The quality of generated structures, by their coordinates alone.

Bonds are perceived in the coordinates of every sample; the graph that a file brings along is not looked at. Stability
is that of EDM (Hoogeboom et al. 2022), by its table of bond lengths; validity is RDKit's.
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
"""Reference structures that distributions are taken from: evenly spaced ones of a larger set."""
MOST_CHECKED = 500
"""Connected samples that PoseBusters looks at, evenly spaced ones of more; it takes 20 ms for each."""


def evaluate_structures(
    samples: Sequence[str], reference: Sequence[str], training: Iterable[str] | None = None
) -> dict[str, float]:
    """Every metric by name, and the sizes of the samples behind them (`count_...`).

    samples, reference, training: texts of structures, as `structure_files` reads them; a sample without coordinates is
    neither stable nor valid. stable_atoms: of all atoms that have coordinates. stable_molecules: of all samples. Both
    are left out where the table lacks an element. valid: bonds fit the distances.
    connected: valid and in one piece. posebusters: of `count_posebusters` of the connected, those that pass each of its
    checks (plausibility.py). unique: of the connected. novelty: of the unique. lengths (ångström), angles,
    dihedrals (degrees): distances between distributions of the connected and the reference. strain: median energy above
    the nearest minimum of the force field, kcal/mol, of the connected; reference_strain beside it.
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
    """Of so many samples, of which these have coordinates; atoms in one place, or none, are not stable."""
    if not geometries or any(set(one.numbers.tolist()) - set(STABILITY_ELEMENTS) for one in geometries):
        return {}
    sound = [one for one in geometries if why_unusable(one.numbers, one.positions) is None]
    if not sound:
        return {"stable_atoms": 0.0, "stable_molecules": 0.0}
    found, told = stability(sound), sum(map(len, sound)) / sum(map(len, geometries))
    return {"stable_atoms": found.atoms * told, "stable_molecules": found.molecules * len(sound) / samples}


def _plausible(molecules: Sequence[Chem.Mol]) -> dict[str, float]:
    checked = [molecules[row] for row in evenly_spaced(len(molecules), MOST_CHECKED)]
    return {"count_posebusters": len(checked), "posebusters": plausible_share(checked)}


def _against(molecules: Sequence[Chem.Mol], reference: Sequence[str]) -> dict[str, float]:
    rows = evenly_spaced(len(reference), LARGEST_REFERENCE)
    known = [one for one in (parse_structure(reference[row]) for row in rows) if not isinstance(one, Refusal)]
    if not known:
        raise DataError("Expected structures to compare with, found none with coordinates.")
    found = geometry_distances(internal_coordinates(molecules), internal_coordinates(known))
    likened = [known[row] for row in evenly_spaced(len(known), len(molecules))]  # a file may be sorted, by size say
    return {
        "count_reference": len(known), "lengths": found.lengths, "angles": found.angles, "dihedrals": found.dihedrals,
        "covered": found.covered, "strain": _median(strain_energies(molecules)),
        "reference_strain": _median(strain_energies(likened)),
    }  # fmt: skip


def _median(values: np.ndarray) -> float:
    """Of those that are numbers; NaN where none is (no force field has a noble gas)."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _known_flat(text: str) -> str:
    """The molecule of a known structure: the SMILES that it brings along, where it does; reading bonds takes longer."""
    given = text.partition("\n")[2].partition("\n")[0]
    if not given.startswith(GIVEN_SMILES):
        molecule = parse_structure(text)
        return "" if isinstance(molecule, Refusal) else graph_smiles(molecule)
    with rdBase.BlockLogs():
        known = Chem.MolFromSmiles(given.removeprefix(GIVEN_SMILES).strip())
    return "" if known is None else Chem.MolToSmiles(known, isomericSmiles=False)
