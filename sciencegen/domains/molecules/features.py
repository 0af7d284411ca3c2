"""Features for property regressors: Morgan counts, cheap descriptors, stereochemistry; groups for scaffold splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

from sciencegen.domains.molecules.drug_likeness import rotatable_bonds
from sciencegen.domains.molecules.properties import log_p
from sciencegen.domains.molecules.scaffold_classes import murcko_scaffold
from sciencegen.domains.molecules.stereo import stereo_counts

COUNT_BITS = 2048
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNT_BITS)


_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")


@lru_cache(8192)
def _composition(formula: str) -> Mapping[str, int]:
    """Number of atoms of each element: C2H6O -> {"C": 2, "H": 6, "O": 1}."""
    return {element: int(number or 1) for element, number in _ELEMENT.findall(formula)}


def _count(*elements: str) -> Callable[[Chem.Mol], int]:
    """Function that counts atoms of these elements by RDKit's formula: eight times as fast as a loop over atoms."""

    def count(molecule: Chem.Mol) -> int:
        composition = _composition(rdMolDescriptors.CalcMolFormula(molecule))
        return sum(composition.get(element, 0) for element in elements)

    return count


DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = {
    "logp": log_p,
    "molar_refractivity": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[1],
    "tpsa": rdMolDescriptors.CalcTPSA,
    "labute_surface": rdMolDescriptors.CalcLabuteASA,
    "molecular_weight": rdMolDescriptors._CalcMolWt,
    "heavy_atoms": lambda molecule: molecule.GetNumHeavyAtoms(),
    "heteroatoms": rdMolDescriptors.CalcNumHeteroatoms,
    "nitrogens": _count("N"),
    "oxygens": _count("O"),
    "sulfurs": _count("S"),
    "halogens": _count("F", "Cl", "Br", "I"),
    "donors": rdMolDescriptors.CalcNumHBD,
    "acceptors": rdMolDescriptors.CalcNumHBA,
    "rotatable_bonds": rotatable_bonds,
    "amide_bonds": rdMolDescriptors.CalcNumAmideBonds,
    "rings": rdMolDescriptors.CalcNumRings,
    "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings,
    "aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "aromatic_heterocycles": rdMolDescriptors.CalcNumAromaticHeterocycles,
    "spiro_atoms": rdMolDescriptors.CalcNumSpiroAtoms,
    "bridgehead_atoms": rdMolDescriptors.CalcNumBridgeheadAtoms,
    "sp3_carbon_fraction": rdMolDescriptors.CalcFractionCSP3,
    "kappa_1": rdMolDescriptors.CalcKappa1,
    "kappa_2": rdMolDescriptors.CalcKappa2,
    "chi_1": rdMolDescriptors.CalcChi1v,
    "chi_4": rdMolDescriptors.CalcChi4v,
    "hall_kier_alpha": rdMolDescriptors.CalcHallKierAlpha,
}


def features(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule feature] float32, always finite: the columns of `flat_features`, then 512 counts of defined
    stereocentres and double bonds."""
    return np.hstack([flat_features(molecules), stereo_counts(molecules)])


def flat_features(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule feature] float32, always finite: 2,048 Morgan counts (radius 2), then the descriptors.

    Stereoisomers have equal rows. Computed column by column: one function on many molecules is faster than many
    functions on each molecule.
    """
    table = np.zeros((len(molecules), COUNT_BITS + len(DESCRIPTORS)), np.float32)
    for row, molecule in enumerate(molecules):
        table[row, :COUNT_BITS] = _MORGAN.GetCountFingerprintAsNumPy(molecule)
    for column, describe in enumerate(DESCRIPTORS.values(), COUNT_BITS):
        table[:, column] = [describe(molecule) for molecule in molecules]
    return np.nan_to_num(table, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


EARLIER = {COUNT_BITS + len(DESCRIPTORS): flat_features}
"""Features of version 0.1.0, which saw no stereochemistry, by their number of columns."""


def groups(molecules: Sequence[Chem.Mol]) -> list[str]:
    """SMILES of each molecule's Bemis-Murcko scaffold, "" for a molecule without rings."""
    return [Chem.MolToSmiles(murcko_scaffold(molecule)) for molecule in molecules]
