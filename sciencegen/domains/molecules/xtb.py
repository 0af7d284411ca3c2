"""Quantum-chemical values by GFN2-xTB, as oracles: `xtb:gap`.

GFN2-xTB (Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 2019, 15, 1652) is a semi-empirical method of tight
binding; tblite computes it. A molecule with coordinates keeps them; others get a structure by distance geometry and a
force field (geometry.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from rdkit import Chem

from sciencegen.domains.molecules.geometry import Geometry, points
from sciencegen.errors import named_extras, unknown_name
from sciencegen.items import Direction, Refusal
from sciencegen.scoring.oracles import FunctionOracle

PREFIX = "xtb:"
BOHR, HARTREE, DEBYE, KCAL = 0.529177210903, 27.211386245988, 2.541746473, 627.509474
"""Å, eV and kcal/mol of the atomic units of length and energy; debye of that of the dipole moment (CODATA 2018)."""
DECIMALS = 4
"""Further ones differ with the number of threads."""
STEPS, FORCE = 500, 2e-4
"""Of a relaxation: most steps, and the largest component of the gradient at its end (hartree / Bohr)."""


@dataclass(frozen=True)
class Calculation:
    """One molecule as tblite takes it: neutral or charged, with the unpaired electrons of its drawn formula."""

    geometry: Geometry
    unpaired: int

    def at(self, positions: Float[np.ndarray, "atom 3"]) -> Any:
        """The result at these positions (Å). RuntimeError if the charges don't converge."""
        from tblite.interface import Calculator

        charge = float(self.geometry.charges.sum())
        calculator = Calculator("GFN2-xTB", self.geometry.numbers, positions / BOHR, charge, self.unpaired)
        calculator.set("verbosity", 0)
        return calculator.singlepoint()

    @property
    def result(self) -> Any:
        return self.at(self.geometry.positions)


def gap(calculation: Calculation) -> float:
    """Energy (eV) between the highest occupied orbital and the next."""
    found = calculation.result
    energies, occupied = found.get("orbital-energies"), int((found.get("orbital-occupations") > 0.5).sum())
    if occupied >= len(energies):
        raise ValueError("no empty orbital in the basis of GFN2-xTB")
    return float(energies[occupied] - energies[occupied - 1]) * HARTREE


def dipole(calculation: Calculation) -> float:
    """Length of the dipole moment (D)."""
    if calculation.geometry.charges.sum():
        raise ValueError("the dipole moment of a charged molecule depends on the origin")
    return float(np.linalg.norm(calculation.result.get("dipole"))) * DEBYE


def energy(calculation: Calculation) -> float:
    """Total energy (eV)."""
    return float(calculation.result.get("energy")) * HARTREE


def strain(calculation: Calculation) -> float:
    """Energy above that of the nearest minimum (kcal/mol), which L-BFGS finds."""
    from scipy.optimize import minimize

    start = calculation.geometry.positions

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        found = calculation.at(flat.reshape(start.shape))
        return float(found.get("energy")), found.get("gradient").ravel() / BOHR

    limits = {"maxiter": STEPS, "gtol": FORCE / BOHR, "ftol": 0.0}
    found = minimize(value_and_gradient, start.ravel(), jac=True, method="L-BFGS-B", options=limits)
    if found.nit >= STEPS:
        raise ValueError(f"not relaxed after {STEPS} steps")
    return (float(calculation.result.get("energy")) - float(found.fun)) * KCAL


QUANTITIES: dict[str, tuple[Callable[[Calculation], float], str, Direction | None]] = {
    "gap": (gap, "eV", None),
    "dipole": (dipole, "D", None),
    "energy": (energy, "eV", None),
    "strain": (strain, "kcal/mol", "minimize"),
}
"""Name -> what computes it, unit, and direction."""


def xtb_oracle(name: str) -> FunctionOracle | None:
    """The oracle of a name such as "xtb:gap", or None for a name of another kind.

    Raises
    ------
    ConfigError
        For another quantity, or without tblite.
    """
    if not name.startswith(PREFIX):
        return None
    quantity = name.removeprefix(PREFIX)
    if quantity not in QUANTITIES:
        raise unknown_name("quantity of GFN2-xTB", quantity, QUANTITIES)
    with named_extras(f"for `{name}`"):
        import tblite.interface  # noqa: F401
    compute, unit, direction = QUANTITIES[quantity]

    def value(molecule: Chem.Mol) -> float:
        (geometry,) = points([molecule])
        if isinstance(geometry, Refusal):
            raise ValueError(geometry.reason)
        unpaired = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
        return round(compute(Calculation(geometry, unpaired)), DECIMALS)

    return FunctionOracle(name, value, unit, direction)
