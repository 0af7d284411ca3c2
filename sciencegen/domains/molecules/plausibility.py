"""PoseBusters' checks of a molecule on its own. Buttenschoen, Morris & Deane, Chem. Sci. 2024, 15, 3130.

Bond lengths, angles and clashes within the bounds of distance geometry, rings and double bonds that are flat or must
not be, no radicals, and one piece: the library's own thresholds, of its configuration "mol_fast". That of
"mol" computes the energy too, beside those of 50 embedded conformers, which take a second for a small molecule and many
minutes for a strained cage; `geometry_metrics.strain` says what is to be said of the energy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

CONFIGURATION = "mol_fast"
LEFT_OUT = ("loading", "rdkit_sanity", "inchi_convertible")
"""Of files, and of what RDKit refuses: whatever comes here is a molecule of RDKit's already. The one of the InChI takes
hold of the process's log, and fails where the log's stream has been closed."""


def failed_checks(molecule: Chem.Mol) -> list[str]:
    """The names of the checks that a molecule with its hydrogens and a conformer fails; one that can't be made counts
    as passed (an angle of two atoms)."""
    checks, failed = _checks(), []
    with rdBase.BlockLogs():
        for check, names in checks:
            results = check(Chem.Mol(molecule))["results"]
            failed += [name for output, name in names.items() if not results.get(output, True)]  # NaN is true
    return failed


def plausible_share(molecules: Sequence[Chem.Mol]) -> float:
    """The share of molecules that pass every check."""
    return float(np.mean([not failed_checks(molecule) for molecule in molecules]))


@cache
def _checks() -> list[tuple[Callable[..., dict[str, Any]], dict[str, str]]]:
    """Each check with its parameters, and the results of it that count, with their names."""
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
    """Result -> the name that the library's tables have for it."""
    renamed = check.get("rename_outputs", {})
    return {one: renamed.get(one, one).lower().replace(" ", "_") for one in check["chosen_binary_test_output"]}
