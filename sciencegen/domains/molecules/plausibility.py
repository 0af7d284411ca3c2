"""PoseBusters' checks of single molecules. Buttenschoen, Morris & Deane, Chem. Sci. 2024, 15, 3130.

They test bond lengths, angles and clashes by the bounds of distance geometry, planarity of rings and double bonds,
radicals, and connectedness, with the library's thresholds of its configuration "mol_fast". The configuration "mol" also
compares the energy with that of 50 embedded conformers, which takes a second for a small molecule and many minutes for
a strained cage; here `geometry_metrics.strain` measures the energy.
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
"""Checks of files and of sanitization, since all input is valid for RDKit. The check of the InChI redirects the log of
the process, and fails if the log's stream has been closed."""


def failed_checks(molecule: Chem.Mol) -> list[str]:
    """Names of the checks that a molecule with its hydrogens and a conformer fails; inapplicable checks count as
    passed (such as the angles of two atoms)."""
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
