"""The domain's oracles by name: properties, structural alerts, similarity to a molecule, the PMO tasks, GFN2-xTB."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from rdkit import Chem, DataStructs
from rdkit.Chem import GraphDescriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from sciencegen.domains.molecules.admet import PREFIX as ADMET_PREFIX
from sciencegen.domains.molecules.admet import admet_oracle
from sciencegen.domains.molecules.alerts import (
    DEFAULT_CATALOGS,
    alert_catalog,
    large_rings,
    reactive_groups,
    ring_frequency,
    unknown_environments,
    unstable_groups,
)
from sciencegen.domains.molecules.docking import PREFIXES, docking_oracle
from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.geometry import Geometry, points
from sciencegen.domains.molecules.items import parse, text, undefined_stereocentres
from sciencegen.domains.molecules.properties import PROPERTIES, drug_likeness, log_p, measure
from sciencegen.domains.properties import SIMILARITY_PREFIX, property_oracle, similarity_oracle
from sciencegen.errors import ConfigError, named_extras, unknown_name
from sciencegen.items import Direction, Refusal
from sciencegen.scoring.oracles import FunctionOracle, Oracle

# The 20 tasks of the PMO benchmark that need only RDKit (Gao, Fu, Sun, Coley, NeurIPS 2022).
#
# The other three need a classifier (`CLASSIFIERS`). These are GuacaMol's goals (Brown, Fiscato, Segler,
# Vaucher, J. Chem. Inf. Model. 2019, 59, 1096) with the settings of the benchmark's own oracles. Scores are in 0..1.
# Several parts are combined by the geometric mean, except in the two hops, which use the arithmetic mean.

Task = Callable[[Chem.Mol], float]
Modifier = Callable[[float], float]

_MORGAN_FEATURES = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
_GENERATORS = {
    "ECFP4": rdFingerprintGenerator.GetMorganGenerator(radius=2),
    "ECFP6": rdFingerprintGenerator.GetMorganGenerator(radius=3),
    "FCFP4": rdFingerprintGenerator.GetMorganGenerator(radius=2, atomInvariantsGenerator=_MORGAN_FEATURES),
    "AP": rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=10),
}


def gaussian(mean: float, width: float) -> Modifier:
    """exp(−½ ((x − mean)/width)²)."""
    return lambda x: math.exp(-0.5 * ((x - mean) / width) ** 2)


def at_least(mean: float, width: float) -> Modifier:
    """1 above `mean`, a half Gaussian below it."""
    bell = gaussian(mean, width)
    return lambda x: bell(min(x, mean))


def at_most(mean: float, width: float) -> Modifier:
    """1 below `mean`, a half Gaussian above it."""
    bell = gaussian(mean, width)
    return lambda x: bell(max(x, mean))


def clipped(full: float) -> Modifier:
    """Linear from 0 to 1 at `full`, 1 beyond."""
    return lambda x: min(max(x / full, 0.0), 1.0)


def modified(function: Task, modifier: Modifier) -> Task:
    """The task's value, passed through the modifier."""
    return lambda molecule: modifier(function(molecule))


def geometric(*parts: Task) -> Task:
    """The geometric mean; 0 if any part is 0."""
    return lambda molecule: _geometric_mean([part(molecule) for part in parts])


def _geometric_mean(values: Sequence[float]) -> float:
    return 0.0 if min(values) <= 0.0 else math.exp(math.fsum(map(math.log, values)) / len(values))


def arithmetic(*parts: Task) -> Task:
    """The arithmetic mean."""
    return lambda molecule: math.fsum(part(molecule) for part in parts) / len(parts)


def similar_to(smiles: str, kind: str) -> Task:
    """Tanimoto similarity of count fingerprints."""
    generator = _GENERATORS[kind]
    target = generator.GetSparseCountFingerprint(Chem.MolFromSmiles(smiles))
    return lambda molecule: DataStructs.TanimotoSimilarity(target, generator.GetSparseCountFingerprint(molecule))


def isomer_of(formula: str) -> Task:
    """Geometric mean of a Gaussian of each element's count (width 1) and one of the number of atoms (width 2)."""
    wanted = {element: int(count or 1) for element, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    bells = {element: gaussian(count, 1.0) for element, count in wanted.items()}
    total = gaussian(sum(wanted.values()), 2.0)

    def score(molecule: Chem.Mol) -> float:
        found = element_counts(molecule)
        parts = [bell(found.get(element, 0)) for element, bell in bells.items()]
        return _geometric_mean([*parts, total(sum(found.values()))])

    return score


def element_counts(molecule: Chem.Mol) -> dict[str, int]:
    """Number of atoms of each element, with hydrogens."""
    counts = {"H": 0}
    for atom in molecule.GetAtoms():
        counts[atom.GetSymbol()] = counts.get(atom.GetSymbol(), 0) + 1
        counts["H"] += atom.GetTotalNumHs()
    return counts


def holds(smarts: str, *, wanted: bool = True) -> Task:
    """1 if the molecule has the substructure (or lacks it, if `wanted` is False), else 0."""
    query = Chem.MolFromSmarts(smarts)
    return lambda molecule: float(molecule.HasSubstructMatch(query) == wanted)


def pharmacophore_similar_to(smiles: str) -> Task:
    """Tanimoto similarity of Gobbi's two-dimensional pharmacophore fingerprints."""
    target = Generate.Gen2DFingerprint(Chem.MolFromSmiles(smiles), Gobbi_Pharm2D.factory)
    return lambda molecule: DataStructs.TanimotoSimilarity(
        target, Generate.Gen2DFingerprint(molecule, Gobbi_Pharm2D.factory)
    )


def fluorines(molecule: Chem.Mol) -> int:
    """Number of fluorine atoms."""
    return sum(atom.GetAtomicNum() == 9 for atom in molecule.GetAtoms())


_TPSA, _RINGS = rdMolDescriptors.CalcTPSA, rdMolDescriptors.CalcNumRings
_AROMATIC_RINGS, _COMPLEXITY = rdMolDescriptors.CalcNumAromaticRings, GraphDescriptors.BertzCT

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
HOPPED = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
HOPPED_SCAFFOLD = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
MENTHOL = "CC(C)C1CCC(C)CC1O"
MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"


def _near_value_of(smiles: str, function: Task, width: float) -> Task:
    return modified(function, gaussian(function(Chem.MolFromSmiles(smiles)), width))


def _osimertinib() -> Task:
    return geometric(
        modified(similar_to(OSIMERTINIB, "FCFP4"), clipped(0.8)),
        modified(similar_to(OSIMERTINIB, "ECFP6"), at_most(0.85, 0.1)),
        modified(_TPSA, at_least(100, 10)),
        modified(log_p, at_most(1, 1)),
    )


def _fexofenadine() -> Task:
    return geometric(
        modified(similar_to(FEXOFENADINE, "AP"), clipped(0.8)),
        modified(_TPSA, at_least(90, 10)),
        modified(log_p, at_most(4, 1)),
    )


def _ranolazine() -> Task:
    return geometric(
        modified(similar_to(RANOLAZINE, "AP"), clipped(0.7)),
        modified(_TPSA, at_least(95, 20)),
        modified(log_p, at_least(7, 1)),
        modified(fluorines, gaussian(1, 1)),
    )


def _sitagliptin() -> Task:
    return geometric(
        modified(similar_to(SITAGLIPTIN, "ECFP4"), gaussian(0, 0.1)),
        _near_value_of(SITAGLIPTIN, log_p, 0.2),
        _near_value_of(SITAGLIPTIN, _TPSA, 5),
        isomer_of("C16H15F6N5O"),
    )


def _valsartan() -> Task:
    return geometric(
        holds("CN(C=O)Cc1ccc(c2ccccc2)cc1"),
        _near_value_of(SITAGLIPTIN, log_p, 0.2),
        _near_value_of(SITAGLIPTIN, _TPSA, 5),
        _near_value_of(SITAGLIPTIN, _COMPLEXITY, 30),
    )


def _deco_hop() -> Task:
    return arithmetic(
        modified(pharmacophore_similar_to(HOPPED), clipped(0.85)),
        holds("CS([#6])(=O)=O", wanted=False),
        holds("[#7]-c1ccc2ncsc2c1", wanted=False),
        holds(HOPPED_SCAFFOLD),
    )


def _scaffold_hop() -> Task:
    return arithmetic(
        modified(pharmacophore_similar_to(HOPPED), clipped(0.75)),
        holds("[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"),
        holds(HOPPED_SCAFFOLD, wanted=False),
    )


TASKS: dict[str, Callable[[], Task]] = {
    "albuterol_similarity": lambda: modified(similar_to(ALBUTEROL, "FCFP4"), clipped(0.75)),
    "amlodipine_mpo": lambda: geometric(similar_to(AMLODIPINE, "ECFP4"), modified(_RINGS, gaussian(3, 0.5))),
    "celecoxib_rediscovery": lambda: similar_to(CELECOXIB, "ECFP4"),
    "deco_hop": _deco_hop,
    "fexofenadine_mpo": _fexofenadine,
    "isomers_c7h8n2o2": lambda: isomer_of("C7H8N2O2"),
    "isomers_c9h10n2o2pf2cl": lambda: isomer_of("C9H10N2O2PF2Cl"),
    "median1": lambda: geometric(similar_to(CAMPHOR, "ECFP4"), similar_to(MENTHOL, "ECFP4")),
    "median2": lambda: geometric(similar_to(TADALAFIL, "ECFP6"), similar_to(SILDENAFIL, "ECFP6")),
    "mestranol_similarity": lambda: modified(similar_to(MESTRANOL, "AP"), clipped(0.75)),
    "osimertinib_mpo": _osimertinib,
    "perindopril_mpo": lambda: geometric(similar_to(PERINDOPRIL, "ECFP4"), modified(_AROMATIC_RINGS, gaussian(2, 0.5))),
    "qed": lambda: drug_likeness,
    "ranolazine_mpo": _ranolazine,
    "scaffold_hop": _scaffold_hop,
    "sitagliptin_mpo": _sitagliptin,
    "thiothixene_rediscovery": lambda: similar_to(THIOTHIXENE, "ECFP4"),
    "troglitazone_rediscovery": lambda: similar_to(TROGLITAZONE, "ECFP4"),
    "valsartan_smarts": _valsartan,
    "zaleplon_mpo": lambda: geometric(similar_to(ZALEPLON, "ECFP4"), isomer_of("C19H17N3O2")),
}


@cache
def task(name: str) -> Task:
    """The scoring function of a task by name."""
    if name not in TASKS:
        raise unknown_name("PMO task", name, TASKS)
    return TASKS[name]()


# Quantum-chemical values by GFN2-xTB (Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 2019, 15, 1652), which tblite
# computes. A molecule with coordinates keeps them; others get a structure by distance geometry and a force field.

XTB_PREFIX = "xtb:"
BOHR, HARTREE, DEBYE, KCAL = 0.529177210903, 27.211386245988, 2.541746473, 627.509474
"""Å, eV and kcal/mol of the atomic units of length and energy; debye of that of the dipole moment (CODATA 2018)."""
DECIMALS = 4
"""Further ones differ with the number of threads."""
STEPS, FORCE = 500, 2e-4
"""Of a relaxation: most steps, and the largest component of the gradient at its end (hartree / Bohr)."""


def xtb_result(molecule: Geometry, unpaired: int = 0, positions: Float[np.ndarray, "atom 3"] | None = None) -> Any:
    """Tblite's result for a structure, or for other positions (Å) of its atoms. unpaired: number of such electrons.
    RuntimeError if the charges don't converge."""
    from tblite.interface import Calculator

    places = molecule.positions if positions is None else positions
    charge = float(molecule.charges.sum())
    calculator = Calculator("GFN2-xTB", molecule.numbers, places / BOHR, charge, unpaired)
    calculator.set("verbosity", 0)
    return calculator.singlepoint()


def xtb_value(quantity: str, molecule: Geometry, unpaired: int = 0) -> float:
    """A quantity of `QUANTITIES`, in its unit. ValueError where a molecule has none."""
    if quantity == "strain":
        return xtb_strain(molecule, unpaired)
    if quantity == "dipole" and molecule.charges.sum():
        raise ValueError("the dipole moment of a charged molecule depends on the origin")
    found = xtb_result(molecule, unpaired)
    if quantity == "energy":
        return float(found.get("energy")) * HARTREE
    if quantity == "dipole":
        return float(np.linalg.norm(found.get("dipole"))) * DEBYE
    energies, occupied = found.get("orbital-energies"), int((found.get("orbital-occupations") > 0.5).sum())
    if occupied >= len(energies):
        raise ValueError("no empty orbital in the basis of GFN2-xTB")
    return float(energies[occupied] - energies[occupied - 1]) * HARTREE


def xtb_strain(molecule: Geometry, unpaired: int = 0) -> float:
    """Energy above that of the nearest minimum (kcal/mol), which L-BFGS finds."""
    from scipy.optimize import minimize

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found = xtb_result(molecule, unpaired, flat.reshape(-1, 3))
        return float(found.get("energy")), found.get("gradient").ravel() / BOHR

    limits = {"maxiter": STEPS, "gtol": FORCE / BOHR, "ftol": 0.0}
    start = molecule.positions.ravel()
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=limits)
    if found.nit >= STEPS:
        raise ValueError(f"not relaxed after {STEPS} steps")
    return (value_and_gradient(start)[0] - float(found.fun)) * KCAL


QUANTITIES: dict[str, tuple[str, Direction | None]] = {
    "gap": ("eV", None), "dipole": ("D", None), "energy": ("eV", None), "strain": ("kcal/mol", "minimize"),
}  # fmt: skip
"""Quantity of GFN2-xTB -> unit and direction: the gap between the highest occupied orbital and the next, the length of
the dipole moment, the total energy, and the energy above that of the nearest minimum."""


def xtb_oracle(name: str) -> FunctionOracle | None:
    """The oracle of a name such as "xtb:gap", or None for a name of another kind.

    Raises
    ------
    ConfigError
        For another quantity, or without tblite.
    """
    if not name.startswith(XTB_PREFIX):
        return None
    quantity = name.removeprefix(XTB_PREFIX)
    if quantity not in QUANTITIES:
        raise unknown_name("quantity of GFN2-xTB", quantity, QUANTITIES)
    with named_extras(f"for `{name}`"):
        import tblite.interface  # noqa: F401

    def value(molecule: Chem.Mol) -> float:
        (geometry,) = points([molecule])
        if isinstance(geometry, Refusal):
            raise ValueError(geometry.reason)
        unpaired = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
        return round(xtb_value(quantity, geometry, unpaired), DECIMALS)

    return FunctionOracle(name, value, *QUANTITIES[quantity])


# The domain's oracles by name.

ALERTS_PREFIX = "alerts:"
PMO_PREFIX = "pmo:"
UNDEFINED = "undefined_stereocentres"
CLASSIFIERS = {
    "pmo:drd2": "activity at the dopamine receptor D2, in PMO by a support vector machine of Olivecrona et al. 2017",
    "pmo:gsk3b": "inhibition of the kinase GSK-3 beta, in PMO by a random forest of Li, Zhang and Liu 2018",
    "pmo:jnk3": "inhibition of the kinase JNK3, in PMO by a random forest of Li, Zhang and Liu 2018",
}
"""Tasks whose score is a classifier's probability, and of what."""
LEFT_OPEN = {UNDEFINED: "leave stereocentres or double bonds undefined, so that each is several stereoisomers"}
"""As in `domains.base.Oracles`."""
COUNTS: dict[str, Callable[[Chem.Mol], int]] = {
    "unstable": lambda molecule: len(unstable_groups(molecule)),
    "reactive": lambda molecule: len(reactive_groups(molecule)),
    "unknown_environments": unknown_environments,
    "large_rings": large_rings,
    UNDEFINED: undefined_stereocentres,
}
"""Names -> functions that count what a molecule has."""
RING_FREQUENCY = "ring_frequency"
OPEN_NAMES = (
    f"{ALERTS_PREFIX}CATALOG", *(f"{prefix}TARGET" for prefix in PREFIXES), f"{ADMET_PREFIX}ENDPOINT",
    *(f"{XTB_PREFIX}{name}" for name in QUANTITIES),
)  # fmt: skip
"""Names with a part that the user chooses."""


def alerts_oracle(catalogs: Sequence[str] = DEFAULT_CATALOGS, name: str = "alerts") -> FunctionOracle:
    """The oracle that counts structural alerts of the catalogs in a molecule."""
    return FunctionOracle(name, alert_catalog(tuple(catalogs)).count, direction="minimize")


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; also "similarity to <SMILES>", "alerts:PAINS,NIH", "dock:EGFR", "admet:hERG" and
    "xtb:gap"."""
    if name in PROPERTIES:
        return property_oracle(PROPERTIES[name], measure)
    if name == "alerts":
        return alerts_oracle()
    if name in COUNTS:
        return FunctionOracle(name, COUNTS[name], direction="minimize")
    if name == RING_FREQUENCY:
        return FunctionOracle(name, ring_frequency, direction="maximize")
    if name.startswith(ALERTS_PREFIX):
        return alerts_oracle(name.removeprefix(ALERTS_PREFIX).split(","), name)
    if name in CLASSIFIERS:
        raise no_classifier(name)
    if name.startswith(PMO_PREFIX):
        return FunctionOracle(name, task(name.removeprefix(PMO_PREFIX)), direction="maximize")
    if program := docking_oracle(name) or admet_oracle(name) or xtb_oracle(name):
        return program
    if name.startswith(SIMILARITY_PREFIX):
        return similarity_oracle("molecule", name.removeprefix(SIMILARITY_PREFIX).strip(), parse, text, similarity)
    raise unknown_name("property of molecules", name, [*oracle_names(), *OPEN_NAMES])


def oracle_names() -> list[str]:
    """Names of properties, counts and PMO tasks; `similarity to ...`, chosen catalogs and docking are not listed."""
    tasks = (f"{PMO_PREFIX}{name}" for name in TASKS)
    return [*PROPERTIES, "alerts", *COUNTS, RING_FREQUENCY, *tasks, *CLASSIFIERS]


def no_classifier(name: str) -> ConfigError:
    """The error for a task of `CLASSIFIERS` without a predictor."""
    short = name.removeprefix(PMO_PREFIX)
    return ConfigError(
        f"Expected a classifier for {name}, got none. The task is the probability of {CLASSIFIERS[name]}, whose file "
        "is a pickle and is never loaded. Train one from a table of molecules with a column `active` of labels, 1 or "
        f'0: `sciencegen train predictor molecules {short}.csv --target active --set "families=[forest]" '
        f"-o runs/{short}`; then pass `predictors` {name}=runs/{short}."
    )
