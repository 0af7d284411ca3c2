"""The domain's oracles by name: every property, structural alerts, similarity to a molecule, the PMO tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rdkit import Chem

from sciencegen.domains.molecules import pmo
from sciencegen.domains.molecules.alerts import DEFAULT_CATALOGS, alert_catalog
from sciencegen.domains.molecules.docking import PREFIXES, docking_oracle
from sciencegen.domains.molecules.environments import unknown_environments
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.large_rings import large_rings
from sciencegen.domains.molecules.properties import PROPERTIES, measure
from sciencegen.domains.molecules.reactive import reactive_groups
from sciencegen.domains.molecules.similarity import similarity
from sciencegen.domains.molecules.stereo import undefined_stereocentres
from sciencegen.domains.molecules.unstable import unstable_groups
from sciencegen.domains.oracles import SIMILARITY_PREFIX, property_oracle, similarity_oracle
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.scoring.oracles import FunctionOracle, Oracle

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
OPEN_NAMES = (f"{ALERTS_PREFIX}CATALOG", *(f"{prefix}TARGET" for prefix in PREFIXES))
"""Names with a part that the user chooses."""


def alerts_oracle(catalogs: Sequence[str] = DEFAULT_CATALOGS, name: str = "alerts") -> FunctionOracle:
    """The oracle that counts structural alerts of the catalogs in a molecule."""
    return FunctionOracle(name, alert_catalog(tuple(catalogs)).count, direction="minimize")


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; also "similarity to <SMILES>", "alerts:PAINS,NIH" and "dock:EGFR"."""
    if name in PROPERTIES:
        return property_oracle(PROPERTIES[name], measure)
    if name == "alerts":
        return alerts_oracle()
    if name in COUNTS:
        return FunctionOracle(name, COUNTS[name], direction="minimize")
    if name.startswith(ALERTS_PREFIX):
        return alerts_oracle(name.removeprefix(ALERTS_PREFIX).split(","), name)
    if name in CLASSIFIERS:
        raise no_classifier(name)
    if name.startswith(PMO_PREFIX):
        return FunctionOracle(name, pmo.task(name.removeprefix(PMO_PREFIX)), direction="maximize")
    if docking := docking_oracle(name):
        return docking
    if name.startswith(SIMILARITY_PREFIX):
        return similarity_oracle("molecule", name.removeprefix(SIMILARITY_PREFIX).strip(), parse, text, similarity)
    raise unknown_name("property of molecules", name, [*oracle_names(), *OPEN_NAMES])


def oracle_names() -> list[str]:
    """Names of properties, counts and PMO tasks; `similarity to ...`, chosen catalogs and docking are not listed."""
    tasks = (f"{PMO_PREFIX}{name}" for name in pmo.TASKS)
    return [*PROPERTIES, "alerts", *COUNTS, *tasks, *CLASSIFIERS]


def no_classifier(name: str) -> ConfigError:
    """The error for a task of `CLASSIFIERS` without a predictor."""
    short = name.removeprefix(PMO_PREFIX)
    return ConfigError(
        f"Expected a classifier for {name}, got none. The task is the probability of {CLASSIFIERS[name]}, whose file "
        "is a pickle and is never loaded. Train one from a table of molecules with a column `active` of labels, 1 or "
        f'0: `sciencegen train predictor molecules {short}.csv --target active --set "families=[forest]" '
        f"-o runs/{short}`; then pass `predictors` {name}=runs/{short}."
    )
