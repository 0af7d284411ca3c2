"""Checks whether the generated coordinates of a molecule agree with its bonds."""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from sciencegen.domains.molecules.geometry import geometry_of, graph_smiles, perceive_bonds, with_implicit_hydrogens
from sciencegen.domains.molecules.known_distances import KnownDistances
from sciencegen.domains.molecules.structures import ASKED, METHOD
from sciencegen.items import Refusal


def confirmed(asked: Chem.Mol, made: Chem.Mol, distances: KnownDistances | None) -> Chem.Mol | Refusal:
    """Return `made`, or its mirror image, if it has the bonds (perceived from its distances) and the configuration of
    `asked`, and if known structures have such distances. Its atoms are those of `asked`, then the hydrogens."""
    positions = made.GetConformer().GetPositions()
    for places in (positions, positions * (1, 1, -1)):
        found = _perceived(made, places)
        if isinstance(found, Refusal):
            return found
        _label(found, asked)
        flat = with_implicit_hydrogens(found)
        if Chem.MolToSmiles(flat, isomericSmiles=False) != Chem.MolToSmiles(asked, isomericSmiles=False):
            return Refusal("other bonds in its coordinates than the molecule has")
        strange = _strange(found, distances)
        if strange is not None:
            return strange
        if flat.HasSubstructMatch(asked, useChirality=True):
            found.SetProp(METHOD, "diffusion over coordinates, bonds confirmed by their lengths")
            found.SetProp(ASKED, Chem.MolToSmiles(asked))
            return found
    return Refusal("another configuration than the molecule has")


def speaks(molecule: Chem.Mol, distances: KnownDistances | None) -> bool:
    """Whether a molecule is connected, its coordinates imply its bonds, and known structures have such distances."""
    found = _perceived(molecule, molecule.GetConformer().GetPositions())
    if isinstance(found, Refusal) or len(Chem.GetMolFrags(found)) != 1:
        return False
    return graph_smiles(found) == graph_smiles(molecule) and _strange(molecule, distances) is None


def _perceived(molecule: Chem.Mol, positions: np.ndarray) -> Chem.Mol | Refusal:
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    return perceive_bonds(numbers, positions, Chem.GetFormalCharge(molecule))


def _strange(molecule: Chem.Mol, distances: KnownDistances | None) -> Refusal | None:
    """A Refusal if known structures don't have one of its distances."""
    if distances is None:
        return None
    geometry = geometry_of(molecule)
    return geometry if isinstance(geometry, Refusal) else distances.refusal(geometry)


def _label(found: Chem.Mol, asked: Chem.Mol) -> None:
    """Copy the isotopes of `asked`, which can't be perceived from distances; they may make a stereocentre."""
    isotopes = [atom.GetIsotope() for atom in Chem.AddHs(asked).GetAtoms()]
    if any(isotopes):
        for atom, isotope in zip(found.GetAtoms(), isotopes, strict=True):
            atom.SetIsotope(isotope)
        Chem.AssignStereochemistryFrom3D(found)
