"""Metrics of generated crystals against held-out ones, and of predicted structures against known ones.

Validity, coverage and the distances of density and of the number of elements are those of CDVAE (Xie et al. 2022). Its
fingerprints (CrystalNN, Magpie) are not: coverage is by average minimum distances and ElMD here, and its values don't
compare with published ones.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import MetricNote
from sciencegen.domains.crystals.elements import is_charge_balanced, reduced_formula, unit
from sciencegen.domains.crystals.features import SIMILARITY, distances
from sciencegen.domains.crystals.files import key, parse
from sciencegen.domains.crystals.formats import CLOSEST
from sciencegen.domains.crystals.geometry import require, shortest_distance, space_group
from sciencegen.domains.crystals.items import Crystal, parse_text, text
from sciencegen.domains.crystals.properties import density
from sciencegen.domains.properties import MOST_COMPARED, parsed
from sciencegen.errors import DataError
from sciencegen.metrics.sets import unique_fraction, wasserstein_1d

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure

STRUCTURE_CUT, COMPOSITION_CUT = 0.1, 4.0
"""Distances of structures (average minimum distances as multiples of the edge of an atom's cube) and of compositions
(ElMD) within which a crystal covers another."""
LENGTH, SITE, ANGLE = 0.3, 0.5, 10.0
"""Tolerances of the matcher that CDVAE and later work use for predicted structures: of lengths as a share, of sites as
a share of the edge of an atom's cube, of angles in degrees."""
MOST_MATCHED = 1000
"""Maximum number of items that are matched with training items."""
MATCHER = "to match structures"

NOTES = {
    "valid": MetricNote("share of items that can be read", "maximize"),
    "unique": MetricNote("share of items with different keys (formula, volume, mean distances)", "maximize"),
    "novelty": MetricNote("share of items whose key no training item has"),
    "structurally_valid": MetricNote("share of items without two atoms closer than 0.5 Å", "maximize"),
    "charge_balanced": MetricNote("share of items that are balanced by SMACT's rule, or metals", "maximize"),
    "both_valid": MetricNote("share of items that are both", "maximize"),
    "reference_charge_balanced": MetricNote("share of the reference that is balanced"),
    "unique_matched": MetricNote("share of valid items left after the matcher merged equal ones", "maximize"),
    "novel_matched": MetricNote("share of valid items that the matcher finds in no training item"),
    "coverage_recall": MetricNote("share of the reference near a valid item (fingerprints of ours)", "maximize"),
    "coverage_precision": MetricNote("share of valid items near one of the reference (the same)", "maximize"),
    "wasserstein_density": MetricNote("distance of the distributions of density, of valid items", "minimize"),
    "wasserstein_elements": MetricNote("the same of the number of elements", "minimize"),
    "wasserstein_volume_per_atom": MetricNote("the same of the volume of an atom", "minimize"),
    "symmetric": MetricNote("share of valid items with a space group other than P 1, within 0.1 Å"),
    "reference_symmetric": MetricNote("the same of the reference"),
    "nearest_reference": MetricNote("mean similarity to the nearest reference"),
}
UNITS = {"wasserstein_density": "g/cm³", "wasserstein_elements": "", "wasserstein_volume_per_atom": "Å³"}


def evaluate(
    samples: Sequence[str] | str, reference: Sequence[str] | str, training: Sequence[str] | str | None = None
) -> dict[str, float]:
    """All metrics by name (`NOTES`) and the sizes of the sets (`count_...`); those with a matcher need pymatgen, those
    of symmetry spglib. More than 1,000 items are compared with others by an evenly spaced subset."""
    found, known = parsed(parse, samples), parsed(parse, reference)
    if not samples or not known:
        raise DataError(f"Expected samples and a reference, got {len(samples)} and {len(known)} crystals.")
    trained = None if training is None else parsed(parse, training)
    sound = [item for item in found if is_sound(item)]
    balanced = [is_charge_balanced(item) for item in found]
    both = [item for item, right in zip(found, balanced, strict=True) if right and is_sound(item)]
    keys = [key(item) for item in found]
    result: dict[str, float] = {
        "count": len(samples), "count_valid": len(found), "count_unique": len(set(keys)),
        "count_reference": len(known), "valid": len(found) / len(samples), "unique": unique_fraction(keys),
        "structurally_valid": len(sound) / len(samples), "charge_balanced": sum(balanced) / len(samples),
        "both_valid": len(both) / len(samples),
        "reference_charge_balanced": float(np.mean([is_charge_balanced(item) for item in known])),
    }  # fmt: skip
    if trained is not None and found:
        old = {key(item) for item in trained}
        result["novelty"] = float(np.mean([one not in old for one in keys]))
    if both:
        result |= compared(both, known)
        if find_spec("pymatgen"):
            result |= matched(both, trained)
        if find_spec("spglib"):
            result |= {"symmetric": symmetric(both), "reference_symmetric": symmetric(known)}
    return {name: float(value) for name, value in result.items() if math.isfinite(value)}


def is_sound(item: Crystal) -> bool:
    """Whether no two atoms are closer than 0.5 Å; that a cell holds 0.1 Å³ for each atom is part of being an item."""
    return shortest_distance(item) >= CLOSEST


def symmetric(items: Sequence[Crystal]) -> float:
    """Share of items with more symmetry than P 1."""
    some = [items[row] for row in evenly_spaced(len(items), MOST_COMPARED)]
    return float(np.mean([_group(item) > 1 for item in some]))


def _group(item: Crystal) -> int:
    try:
        return space_group(item)
    except ValueError:
        return 1


def compared(items: Sequence[Crystal], reference: Sequence[Crystal]) -> dict[str, float]:
    """Coverage and distances of distributions."""
    some, known = (
        [full[row] for row in evenly_spaced(len(full), limit)]
        for full, limit in ((items, MOST_COMPARED), (reference, 10 * MOST_COMPARED))
    )
    chemical, structural = distances(some, known)
    near = (chemical <= COMPOSITION_CUT) & (structural <= STRUCTURE_CUT)
    measured: Mapping[str, list[list[float]]] = {
        "density": [[density(item) for item in one] for one in (items, reference)],
        "elements": [[float(len(set(item.symbols))) for item in one] for one in (items, reference)],
        "volume_per_atom": [[item.volume / len(item) for item in one] for one in (items, reference)],
    }
    return {
        "coverage_recall": float(near.any(0).mean()),
        "coverage_precision": float(near.any(1).mean()),
        "nearest_reference": float(SIMILARITY.nearest(some, known).mean()),
        **{f"wasserstein_{name}": wasserstein_1d(np.array(a), np.array(b)) for name, (a, b) in measured.items()},
    }


# Matches by pymatgen's StructureMatcher (Ong et al. 2013), which lays one structure on another.


def matcher(length: float = 0.2, site: float = 0.3, angle: float = 5.0) -> StructureMatcher:
    """With pymatgen's own tolerances by default."""
    require("pymatgen", MATCHER)
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(ltol=length, stol=site, angle_tol=angle)


def structure_of(item: Crystal) -> Structure:
    """The item as a Structure of pymatgen."""
    require("pymatgen", MATCHER)
    from pymatgen.core import Structure

    return Structure(item.lattice, item.symbols, item.places)


def matched(items: Sequence[Crystal], training: Sequence[Crystal] | None) -> dict[str, float]:
    """Shares of items that are unlike each other, and unlike all training items of their formula."""
    some, fit = [items[row] for row in evenly_spaced(len(items), MOST_MATCHED)], matcher()
    groups: dict[str, list[Structure]] = {}
    different = 0
    for item in some:
        group = groups.setdefault(reduced_formula(item), [])
        one = structure_of(item)
        if not any(_fits(fit, one, other) for other in group):
            group.append(one)
            different += 1
    result = {"unique_matched": different / len(some)}
    if training is not None:
        known = among(map(text, training))
        result["novel_matched"] = float(np.mean([not known(item) for item in some]))
    return result


def among(known: Iterable[str]) -> Callable[[Crystal], bool]:
    """Whether the matcher lays a crystal on one of the known texts of its formula, as on one that only a relaxation
    parts from it. Without pymatgen none is."""
    if not find_spec("pymatgen"):
        return lambda item: False
    fit, groups = matcher(), dict[frozenset[tuple[str, int]], list[str]]()
    for one in known:
        groups.setdefault(unit(atom.split(" ", 1)[0] for atom in one.split("|")[1:]), []).append(one)

    def found(item: Crystal) -> bool:
        others = map(parse_text, groups.get(unit(item.symbols), ()))
        return any(isinstance(one, Crystal) and _fits(fit, structure_of(item), structure_of(one)) for one in others)

    return found


def _fits(fit: StructureMatcher, first: Structure, second: Structure) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(fit.fit(first, second))


def structure_prediction(
    targets: Sequence[Crystal], tries: Sequence[Sequence[Crystal]], *, length: float = LENGTH, site: float = SITE,
    angle: float = ANGLE,
) -> dict[str, float]:  # fmt: skip
    """How well structures were predicted from compositions.

    Parameters
    ----------
    targets : sequence of Crystal
        The known structures.
    tries : sequence of sequence of Crystal
        For each target what was predicted for its composition.
    length, site, angle : float
        Tolerances of the matcher.

    Returns
    -------
    mapping
        `match_rate`: share of targets that one of their own tries matches, and `rmse`: mean of the least deviation of
        these, as a multiple of the edge of an atom's cube. The match rate counts a polymorph of the same composition as
        wrong. `metre` and `metre_rmse`: the same with the tries of all targets, so that each target is matched to
        everyone (METRe; Martirossyan et al. 2025). `crmse`: mean over all targets, those without a match counting with
        the tolerance of sites.

    Examples
    --------
    >>> from sciencegen.domains.crystals.items import parse_text
    >>> salt = parse_text("crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5")
    >>> structure_prediction([salt], [[salt]])["metre"]
    1.0
    """
    if not targets or len(targets) != len(tries):
        raise DataError(f"Expected tries for each target, got {len(targets)} targets and tries for {len(tries)}.")
    fit = matcher(length, site, angle)
    everyone: dict[str, list[tuple[int, Structure]]] = {}
    for row, several in enumerate(tries):
        for predicted in several:
            everyone.setdefault(reduced_formula(predicted), []).append((row, structure_of(predicted)))
    own, best = np.full((2, len(targets)), np.inf)
    for row, target in enumerate(targets):
        known = structure_of(target)
        for of, one in everyone.get(reduced_formula(target), []):
            deviation = _deviation(fit, one, known)
            best[row] = min(best[row], deviation)
            own[row] = min(own[row], deviation) if of == row else own[row]
    mean = lambda values: float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else math.nan  # noqa: E731
    return {
        "match_rate": float(np.isfinite(own).mean()), "rmse": mean(own), "metre": float(np.isfinite(best).mean()),
        "metre_rmse": mean(best), "crmse": float(np.minimum(best, site).mean()),
    }  # fmt: skip


def _deviation(fit: StructureMatcher, first: Structure, second: Structure) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit.get_rms_dist(first, second)
    return math.inf if found is None else float(found[0])
