"""The properties of molecules, with units, ranges and tolerances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from sciencegen.domains.molecules.drug_likeness import drug_likeness, rotatable_bonds
from sciencegen.domains.molecules.synthetic_accessibility import synthetic_accessibilities
from sciencegen.errors import unknown_name
from sciencegen.items import Property

_COUNT = 0.5
_POSITIVE = (0.0, math.inf)

PROPERTIES: dict[str, Property] = {
    prop.name: prop
    for prop in (
        Property("logp", "", -2.0, 6.0, None, 0.4, "octanol-water partition coefficient, log10 (Crippen)"),
        Property("qed", "", 0.0, 1.0, "maximize", 0.05, "quantitative estimate of drug-likeness", possible=(0, 1)),
        Property("sa", "", 1.0, 6.0, "minimize", 0.3, "synthetic accessibility, 1 easy to 10 hard (Ertl)",
                 possible=(1, 10)),
        Property("tpsa", "Å²", 0.0, 150.0, None, 8.0, "topological polar surface area", possible=_POSITIVE),
        Property("mw", "g/mol", 150.0, 550.0, None, 20.0, "molecular weight", possible=_POSITIVE),
        Property("hbd", "", 0.0, 6.0, None, _COUNT, "hydrogen-bond donors", integer=True, possible=_POSITIVE),
        Property("hba", "", 0.0, 12.0, None, _COUNT, "hydrogen-bond acceptors", integer=True, possible=_POSITIVE),
        Property("rotatable_bonds", "", 0.0, 12.0, None, _COUNT, "rotatable bonds", integer=True, possible=_POSITIVE),
        Property("rings", "", 0.0, 6.0, None, _COUNT, "rings", integer=True, possible=_POSITIVE),
    )
}  # fmt: skip


def log_p(molecule: Chem.Mol) -> float:
    """Wildman & Crippen, J. Chem. Inf. Comput. Sci. 1999, 39, 868; RDKit stores it with the molecule."""
    return rdMolDescriptors.CalcCrippenDescriptors(molecule)[0]


_ONE_BY_ONE: dict[str, Callable[[Chem.Mol], float]] = {
    "logp": log_p,
    "qed": drug_likeness,
    "tpsa": rdMolDescriptors.CalcTPSA,
    "mw": rdMolDescriptors._CalcMolWt,
    "hbd": rdMolDescriptors.CalcNumHBD,
    "hba": rdMolDescriptors.CalcNumHBA,
    "rotatable_bonds": rotatable_bonds,
    "rings": rdMolDescriptors.CalcNumRings,
}

_BATCHED: dict[str, Callable[[Sequence[Chem.Mol]], np.ndarray]] = {"sa": synthetic_accessibilities}


def measure(molecules: Sequence[Chem.Mol], names: Sequence[str]) -> np.ndarray:
    """[molecule property] values, NaN where the computation fails."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("molecule property", name, PROPERTIES)
    values = np.full((len(molecules), len(names)), np.nan)
    for column, name in enumerate(names):
        values[:, column] = _column(molecules, name)
    return values


def _column(molecules: Sequence[Chem.Mol], name: str) -> np.ndarray:
    """One property of all molecules; after a failure, of each molecule separately, so that only failures are NaN."""
    try:
        if name in _BATCHED:
            return _BATCHED[name](molecules)
        function = _ONE_BY_ONE[name]
        return np.array([function(molecule) for molecule in molecules], dtype=float)
    except (ValueError, RuntimeError, ArithmeticError):
        if len(molecules) == 1:
            return np.array([np.nan])
        return np.concatenate([_column([molecule], name) for molecule in molecules])
