"""Metrics of generated structures, computed from their coordinates alone.

Bonds are perceived from the coordinates of each sample; bonds in a file are ignored. Stability is that of EDM
(Hoogeboom et al. 2022), by its table of bond lengths; validity is that of perceived bonds, and EDM's beside it.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from sciencegen.data.statistics import evenly_spaced, finite_median
from sciencegen.domains.molecules.geometry import (
    BOND_TYPES,
    STABILITY_ELEMENTS,
    Geometry,
    distance_bond_orders,
    graph_smiles,
    molecule_of,
    stability,
    why_unusable,
)
from sciencegen.domains.molecules.structure_files import GIVEN_SMILES, atoms_of, parse_structure
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.metrics.sets import wasserstein_1d

# Comparison of generated with real geometries: bond lengths, angles and dihedrals, and strain in a force field.
#
# All measurements use the bonds of the given molecules; those of generated molecules should be perceived from their
# coordinates.

Values = Mapping[str, Float[np.ndarray, " occurrence"]]
"""Values by kind, such as "C-N", "H-C-C" or "C-C=C-O"."""

LEAST_OCCURRENCES = 30
"""Kinds with fewer occurrences in the reference are left out: they are too few for a distribution."""
_MARKS = dict(zip(BOND_TYPES[1:], "-=#:", strict=True))


def internal_coordinates(molecules: Iterable[Chem.Mol]) -> dict[str, Values]:
    """All lengths, angles and dihedrals of molecules with conformers, by their elements and bonds.

    Lengths of bonds in ångström; angles between two bonds at an atom in degrees; dihedrals about a bond between heavy
    atoms in degrees without sign (0 to 180), so that mirror images have equal values.
    """
    found: dict[str, dict[str, list]] = {name: defaultdict(list) for name in MEASURES}
    for molecule in molecules:
        positions = np.asarray(molecule.GetConformer().GetPositions())
        for (name, measure), chains in zip(MEASURES.items(), _chains(molecule), strict=True):
            if chains:
                for chain, value in zip(chains, measure(positions[np.array(chains)]), strict=True):
                    found[name][_kind(molecule, chain)].append(value)
    return {name: {kind: np.array(one) for kind, one in kinds.items()} for name, kinds in found.items()}


def _chains(molecule: Chem.Mol) -> tuple[Sequence[tuple[int, ...]], ...]:
    """Chains of two, three and four bonded atoms, each once."""
    around = [[other.GetIdx() for other in atom.GetNeighbors()] for atom in molecule.GetAtoms()]
    heavy = [atom.GetAtomicNum() > 1 for atom in molecule.GetAtoms()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    angles = [(a, b, c) for b, near in enumerate(around) for i, a in enumerate(near) for c in near[:i]]
    dihedrals = [
        (a, b, c, d)
        for b, c in bonds
        if heavy[b] and heavy[c]
        for a in around[b]
        for d in around[c]
        if a not in (c, d) and d != b
    ]
    return bonds, angles, dihedrals


def _kind(molecule: Chem.Mol, chain: Sequence[int]) -> str:
    """The chain as text, such as "C-C=O", in the direction that is first in alphabetical order."""
    elements = [molecule.GetAtomWithIdx(index).GetSymbol() for index in chain]
    bonds = [molecule.GetBondBetweenAtoms(a, b).GetBondType() for a, b in pairwise(chain)]
    marks = [_MARKS.get(bond, "~") for bond in bonds]
    written = [element + mark for element, mark in zip(elements, [*marks, ""], strict=True)]
    backward = [element + mark for element, mark in zip(elements[::-1], [*marks[::-1], ""], strict=True)]
    return min("".join(written), "".join(backward))


def bond_lengths(points: Float[np.ndarray, "bond 2 3"]) -> Float[np.ndarray, " bond"]:
    """|x_1 - x_2|."""
    return np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)


def bond_angles(points: Float[np.ndarray, "angle 3 3"]) -> Float[np.ndarray, " angle"]:
    """Angle between the bonds of the middle atom, degrees: atan2(|u x v|, u v), which is accurate near 0 and 180."""
    first, second = points[:, 0] - points[:, 1], points[:, 2] - points[:, 1]
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(cross, (first * second).sum(-1)))


def dihedral_angles(points: Float[np.ndarray, "dihedral 4 3"]) -> Float[np.ndarray, " dihedral"]:
    """Angle between the planes of atoms 1, 2, 3 and 2, 3, 4, degrees without sign; 0 for collinear atoms."""
    first, middle, last = (points[:, i + 1] - points[:, i] for i in range(3))
    one, other = np.cross(first, middle), np.cross(middle, last)
    sine = np.linalg.norm(middle, axis=-1) * (first * other).sum(-1)
    return np.degrees(np.abs(np.arctan2(sine, (one * other).sum(-1))))


MEASURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "lengths": bond_lengths,
    "angles": bond_angles,
    "dihedrals": dihedral_angles,
}


def geometry_distances(generated: Mapping[str, Values], reference: Mapping[str, Values]) -> dict[str, float]:
    """Distances between the generated distributions and the reference's.

    Returns
    -------
    dict
        `lengths` in ångström, `angles` and `dihedrals` in degrees: earth mover's distances, averaged over kinds and
        weighted by their counts in the reference; NaN without a common kind. `covered`: share of the reference's
        internal coordinates whose kind occurs among the generated ones.
    """
    if not reference["lengths"]:
        raise DataError("Expected a reference with bonds, got none.")
    counted = [(len(values), kind in generated[name]) for name in MEASURES for kind, values in reference[name].items()]
    total = sum(count for count, _ in counted)
    covered = sum(count for count, known in counted if known) / total if total else float("nan")
    return {**{name: _mean_distance(generated[name], reference[name]) for name in MEASURES}, "covered": covered}


def _mean_distance(generated: Values, reference: Values) -> float:
    common = [kind for kind, values in reference.items() if kind in generated and len(values) >= LEAST_OCCURRENCES]
    if not common:
        return float("nan")
    distances = [wasserstein_1d(generated[kind], reference[kind]) for kind in common]
    return float(np.average(distances, weights=[len(reference[kind]) for kind in common]))


def strain(molecule: Chem.Mol, steps: int = 500) -> float | Refusal:
    """Energy (kcal/mol) released by relaxing the conformer: MMFF94 if it has parameters for every atom, else UFF.

    Even the geometries of QM9 have a few kcal/mol, since they are minima of B3LYP and not of the force field.
    """
    relaxed = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        try:
            if rdForceFieldHelpers.MMFFHasAllMoleculeParams(relaxed):
                parameters = rdForceFieldHelpers.MMFFGetMoleculeProperties(relaxed)
                field = rdForceFieldHelpers.MMFFGetMoleculeForceField(relaxed, parameters)
            elif rdForceFieldHelpers.UFFHasAllMoleculeParams(relaxed):
                field = rdForceFieldHelpers.UFFGetMoleculeForceField(relaxed)
            else:
                return Refusal("no force field knows its atoms")
            field.Initialize()
            before = field.CalcEnergy()
            field.Minimize(maxIts=steps)
            return float(before - field.CalcEnergy())
        except (ValueError, RuntimeError) as error:
            return Refusal(f"the force field fails: {str(error).strip().splitlines()[0]}")


def strain_energies(molecules: Iterable[Chem.Mol]) -> Float[np.ndarray, " molecule"]:
    """Strain energy of each molecule in kcal/mol, NaN if it can't be computed."""
    found = [strain(molecule) for molecule in molecules]
    return np.array([np.nan if isinstance(one, Refusal) else one for one in found])


# PoseBusters' checks of single molecules. Buttenschoen, Morris & Deane, Chem. Sci. 2024, 15, 3130.
#
# They test bond lengths, angles and clashes by the bounds of distance geometry, planarity of rings and double bonds,
# radicals, and connectedness, with the library's thresholds of its configuration "mol_fast". The configuration "mol"
# also compares the energy with that of 50 embedded conformers, which takes a second for a small molecule and many
# minutes for a strained cage; here `strain` measures the energy.

CONFIGURATION = "mol_fast"
LEFT_OUT = ("loading", "rdkit_sanity", "inchi_convertible")
"""Checks of files and of sanitization, since all input is valid for RDKit. The check of the InChI redirects the log of
the process, and fails if the log's stream has been closed."""


def failed_checks(molecule: Chem.Mol) -> list[str]:
    """Names of the checks that a molecule with its hydrogens and a conformer fails; inapplicable checks count as
    passed (such as the angles of two atoms)."""
    checks, failed = _modules(), []
    with rdBase.BlockLogs():
        for check, names in checks:
            results = check(Chem.Mol(molecule))["results"]
            failed += [name for output, name in names.items() if not results.get(output, True)]  # NaN is true
    return failed


@cache
def _modules() -> list[tuple[Callable[..., dict[str, Any]], dict[str, str]]]:
    """Each check with its parameters, and the names of those results that are used."""
    from posebusters.posebusters import PoseBusters, module_dict

    rdBase.LogToCppStreams()  # importing it redirects RDKit's log
    logging.getLogger("posebusters").setLevel(logging.ERROR)
    modules = PoseBusters(config=CONFIGURATION).config["modules"]
    return [
        (partial(module_dict[one["function"]], **one.get("parameters", {})), _names(one))
        for one in modules
        if one["function"] not in LEFT_OUT
    ]


def _names(check: Mapping[str, Any]) -> dict[str, str]:
    """Result -> its name in the library's tables."""
    renamed = check.get("rename_outputs", {})
    return {one: renamed.get(one, one).lower().replace(" ", "_") for one in check["chosen_binary_test_output"]}


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
    edm_valid: share of samples that have an `edm_smiles`. edm_valid_unique: number of distinct ones, per sample. These
    four are left out if the table lacks an element. valid: share of samples with bonds that fit the distances.
    connected: share that is valid and connected. posebusters: share of `count_posebusters` connected samples that pass
    all checks of PoseBusters. unique: share of the connected. novelty: share of the unique. lengths (ångström),
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
        checked = [connected[row] for row in evenly_spaced(len(connected), MOST_CHECKED)]
        result |= {
            "count_posebusters": len(checked),
            "posebusters": float(np.mean([not failed_checks(one) for one in checked])),
        }
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
        return dict.fromkeys(("stable_atoms", "stable_molecules", "edm_valid", "edm_valid_unique"), 0.0)
    (atoms, molecules), usable = stability(sound), sum(map(len, sound)) / sum(map(len, geometries))
    texts = [text for one in sound if (text := edm_smiles(one)) is not None]
    return {
        "stable_atoms": atoms * usable, "stable_molecules": molecules * len(sound) / samples,
        "edm_valid": len(texts) / samples, "edm_valid_unique": len(set(texts)) / samples,
    }  # fmt: skip


def edm_smiles(geometry: Geometry) -> str | None:
    """SMILES of the largest fragment of a valid molecule by EDM's rule, else None.

    Each pair of atoms has the bond order of its distance (`distance_bond_orders`), charges are left out, and RDKit
    must sanitize the whole. An atom with a bond too many is an error; one with a bond too few gets a hydrogen.
    """
    molecule = Chem.RWMol()
    for number in geometry.numbers.tolist():
        molecule.AddAtom(Chem.Atom(number))
    orders = np.triu(distance_bond_orders(geometry.numbers, geometry.positions))
    for first, second in np.argwhere(orders).tolist():
        molecule.AddBond(first, second, BOND_TYPES[orders[first, second]])
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(molecule)
        except ValueError:
            return None
        return Chem.MolToSmiles(max(Chem.GetMolFrags(molecule, asMols=True), key=Chem.Mol.GetNumAtoms))


def _against(molecules: Sequence[Chem.Mol], reference: Sequence[str]) -> dict[str, float]:
    rows = evenly_spaced(len(reference), LARGEST_REFERENCE)
    known = [one for one in (parse_structure(reference[row]) for row in rows) if not isinstance(one, Refusal)]
    if not known:
        raise DataError("Expected structures to compare with, found none with coordinates.")
    distances = geometry_distances(internal_coordinates(molecules), internal_coordinates(known))
    compared = [known[row] for row in evenly_spaced(len(known), len(molecules))]  # files may be sorted, such as by size
    return {
        "count_reference": len(known), **distances, "strain": finite_median(strain_energies(molecules)),
        "reference_strain": finite_median(strain_energies(compared)),
    }  # fmt: skip


def _known_flat(text: str) -> str:
    """Identity of a known structure's molecule, from its given SMILES if there is one: perceiving bonds is slower."""
    given = text.partition("\n")[2].partition("\n")[0]
    if not given.startswith(GIVEN_SMILES):
        molecule = parse_structure(text)
        return "" if isinstance(molecule, Refusal) else graph_smiles(molecule)
    with rdBase.BlockLogs():
        known = Chem.MolFromSmiles(given.removeprefix(GIVEN_SMILES).strip())
    return "" if known is None else Chem.MolToSmiles(known, isomericSmiles=False)
