"""What property regressors see of a molecule: Morgan counts and cheap descriptors; and groups for scaffold splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

from sciencegen.domains.molecules.properties import log_p

COUNT_BITS = 2048
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNT_BITS)


def _count(*elements: int) -> Callable[[Chem.Mol], int]:
    return lambda molecule: sum(atom.GetAtomicNum() in elements for atom in molecule.GetAtoms())


DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = {
    "logp": log_p,
    "molar_refractivity": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[1],
    "tpsa": rdMolDescriptors.CalcTPSA,
    "labute_surface": rdMolDescriptors.CalcLabuteASA,
    "molecular_weight": rdMolDescriptors._CalcMolWt,
    "heavy_atoms": lambda molecule: molecule.GetNumHeavyAtoms(),
    "heteroatoms": rdMolDescriptors.CalcNumHeteroatoms,
    "nitrogens": _count(7),
    "oxygens": _count(8),
    "sulfurs": _count(16),
    "halogens": _count(9, 17, 35, 53),
    "donors": rdMolDescriptors.CalcNumHBD,
    "acceptors": rdMolDescriptors.CalcNumHBA,
    "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds,
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
    """[molecule feature] float32, always finite: 2,048 Morgan counts (radius 2), then the descriptors."""
    table = np.zeros((len(molecules), COUNT_BITS + len(DESCRIPTORS)), np.float32)
    for row, molecule in enumerate(molecules):
        table[row, :COUNT_BITS] = _MORGAN.GetCountFingerprintAsNumPy(molecule)
        table[row, COUNT_BITS:] = [describe(molecule) for describe in DESCRIPTORS.values()]
    return np.nan_to_num(table, nan=0.0, posinf=0.0, neginf=0.0)


def groups(molecules: Sequence[Chem.Mol]) -> list[str]:
    """SMILES of each molecule's Bemis-Murcko scaffold, "" for one without rings."""
    return [Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(molecule)) for molecule in molecules]
