"""The properties of molecules, with units, ranges and tolerances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from rdkit import Chem
from rdkit.Chem import QED, rdFingerprintGenerator, rdMolDescriptors

from sciencegen.domains.molecules.patterns import PatternScreen
from sciencegen.errors import unknown_name
from sciencegen.items import Property

# QED, the quantitative estimate of drug-likeness, with the same values as RDKit but faster.
#
#     QED = exp( Σᵢ wᵢ ln dᵢ(xᵢ) / Σᵢ wᵢ )      over 8 properties x with desirability functions d
# Bickerton, Paolini, Besnard, Muresan, Hopkins, Nature Chemistry 2012, 4, 90. The functions, weights, acceptor and
# alert patterns are RDKit's. It is faster because properties are reused, and because only those of the 116 alerts are
# searched whose bonds occur in the molecule.

_ROTATABLE_BONDS = "_rotatableBonds"


@cache
def _alert_screen() -> PatternScreen:
    return PatternScreen(QED.StructuralAlerts)


def rotatable_bonds(molecule: Chem.Mol) -> int:
    """RDKit's strict count; cached on the molecule, since QED, the property and the features all use it."""
    if molecule.HasProp(_ROTATABLE_BONDS):
        return molecule.GetIntProp(_ROTATABLE_BONDS)
    strict = rdMolDescriptors.NumRotatableBondsOptions.Strict
    count = rdMolDescriptors.CalcNumRotatableBonds(molecule, strict)
    molecule.SetIntProp(_ROTATABLE_BONDS, count, computed=True)
    return count


def drug_likeness(molecule: Chem.Mol) -> float:
    """QED in 0..1."""
    if any(atom.GetAtomicNum() == 1 for atom in molecule.GetAtoms()):
        return QED.qed(molecule)  # RDKit first removes the explicit hydrogens that it can
    alerts = QED.StructuralAlerts
    properties = QED.QEDproperties(
        MW=rdMolDescriptors._CalcMolWt(molecule),
        ALOGP=rdMolDescriptors.CalcCrippenDescriptors(molecule)[0],
        HBA=sum(
            len(molecule.GetSubstructMatches(pattern))
            for pattern in QED.Acceptors
            if molecule.HasSubstructMatch(pattern)
        ),
        HBD=rdMolDescriptors.CalcNumHBD(molecule),
        PSA=rdMolDescriptors.CalcTPSA(molecule),
        ROTB=rotatable_bonds(molecule),
        AROM=len(Chem.GetSSSR(Chem.DeleteSubstructs(Chem.Mol(molecule), QED.AliphaticRings))),
        ALERTS=sum(molecule.HasSubstructMatch(alerts[index]) for index in _alert_screen().candidates(molecule)),
    )
    return QED.qed(molecule, qedProperties=properties)


# Synthetic accessibility: 1 (easy to make) to 10 (hard).
#
#     score = fragment score − complexity penalties + symmetry correction, mapped to 1..10
# Ertl & Schuffenhauer, J. Cheminformatics 2009, 1:8, with the changes of RDKit's implementation (macrocycle penalty,
# fingerprint density); the values equal RDKit's. `sa_fragments.npz` holds RDKit's fragment contributions (Novartis,
# 3-clause BSD licence): `fragment_step` (differences of the sorted Morgan identifiers), `level` (index of each one's
# contribution) and `contribution` (the distinct values).

UNKNOWN_FRAGMENT = -4.0
_LOWEST, _HIGHEST = -4.0, 2.5
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2)
"""Makes the identifiers of fragments: atoms with all within two bonds."""


@cache
def fragment_table() -> tuple[np.ndarray, np.ndarray]:
    """Sorted fragment identifiers (uint32) and the contribution of each."""
    source = files("sciencegen.domains.molecules").joinpath("sa_fragments.npz")
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as table:
        fragments = np.cumsum(table["fragment_step"], dtype=np.uint64).astype(np.uint32)
        return fragments, table["contribution"][table["level"]]


def synthetic_accessibilities(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule] SA scores; the fragments of all molecules are looked up at once."""
    if not molecules:
        return np.empty(0)
    environments = [MORGAN.GetSparseCountFingerprint(molecule).GetNonzeroElements() for molecule in molecules]
    distinct = np.array([len(environment) for environment in environments])
    total = int(distinct.sum())
    identifiers = np.fromiter((key for each in environments for key in each), dtype=np.int64, count=total)
    counts = np.fromiter((count for each in environments for count in each.values()), dtype=np.float64, count=total)
    owner = np.repeat(np.arange(len(molecules)), distinct)
    row, found = find_fragments(identifiers.astype(np.uint32))
    weights = np.where(found, fragment_table()[1][row], UNKNOWN_FRAGMENT) * counts
    fragment_sum = np.bincount(owner, weights, len(molecules))
    fragment_count = np.bincount(owner, counts, len(molecules))
    scores = fragment_sum / np.maximum(fragment_count, 1)
    pairs = zip(molecules, scores.tolist(), distinct.tolist(), strict=True)
    return np.array([_to_scale(score + _corrections(molecule, bits)) for molecule, score, bits in pairs])


def find_fragments(identifiers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of identifiers (uint32) in the table, and whether the table holds them."""
    fragments, _ = fragment_table()
    row = np.minimum(np.searchsorted(fragments, identifiers), len(fragments) - 1)
    return row, fragments[row] == identifiers


def _corrections(molecule: Chem.Mol, distinct_fragments: int) -> float:
    """Symmetry correction minus the penalties for size, stereocentres, spiro and bridgehead atoms, and macrocycles."""
    atoms = molecule.GetNumAtoms()
    macrocycle = any(len(ring) > 8 for ring in molecule.GetRingInfo().AtomRings())
    penalty = (
        atoms**1.005
        - atoms
        + math.log10(_stereocentres(molecule) + 1)
        + math.log10(rdMolDescriptors.CalcNumSpiroAtoms(molecule) + 1)
        + math.log10(rdMolDescriptors.CalcNumBridgeheadAtoms(molecule) + 1)
        + (math.log10(2) if macrocycle else 0.0)
    )
    symmetry = 0.5 * math.log(atoms / distinct_fragments) if atoms > distinct_fragments > 0 else 0.0
    return symmetry - penalty


def _stereocentres(molecule: Chem.Mol) -> int:
    """Number of assigned and possible stereocentres by RDKit's default perception."""
    if not Chem.GetUseLegacyStereoPerception():
        return len(Chem.FindMolChiralCenters(molecule, includeUnassigned=True, includeCIP=False))
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True, flagPossibleStereoCenters=True)
    return rdMolDescriptors.CalcNumAtomStereoCenters(molecule)


def _to_scale(raw: float) -> float:
    """Map a raw score to 1..10, smoothed above 8."""
    score = 11.0 - (raw - _LOWEST + 1.0) / (_HIGHEST - _LOWEST) * 9.0
    if score > 8.0:
        score = 8.0 + math.log(score - 8.0)
    return min(max(score, 1.0), 10.0)


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
