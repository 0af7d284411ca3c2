"""What lies around a backbone when sequences are drawn for it: other chains, copies with the same sequence, ligands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.backbones.files import backbone_atoms, split_label
from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.proteins.backbones.items import Backbone, assembly
from sciencegen.domains.proteins.residues import BACKBONE, Residue, select_chains
from sciencegen.domains.proteins.structures import STRUCTURE_FORMATS, read_structure_file, stem_of
from sciencegen.errors import ConfigError
from sciencegen.files import files_below, version_of
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from sciencegen.domains.proteins.backbones.inverse_folding import Scene

ELEMENTS = (
    "H", "HE", "LI", "BE", "B", "C", "N", "O", "F", "NE", "NA", "MG", "AL", "SI", "P", "S", "CL", "AR", "K", "CA",
    "SC", "TI", "V", "CR", "MN", "FE", "CO", "NI", "CU", "ZN", "GA", "GE", "AS", "SE", "BR", "KR", "RB", "SR", "Y",
    "ZR", "NB", "MO", "TC", "RU", "RH", "PD", "AG", "CD", "IN", "SN", "SB", "TE", "I", "XE", "CS", "BA", "LA", "CE",
    "PR", "ND", "PM", "SM", "EU", "GD", "TB", "DY", "HO", "ER", "TM", "YB", "LU", "HF", "TA", "W", "RE", "OS", "IR",
    "PT", "AU", "HG", "TL", "PB", "BI", "PO", "AT", "RN", "FR", "RA", "AC", "TH", "PA", "U", "NP", "PU", "AM", "CM",
    "BK", "CF", "ES", "FM", "MD", "NO", "LR", "RF", "DB", "SG", "BH", "HS", "MT", "DS", "RG", "CN", "NH", "FL",
    "MC", "LV", "TS", "OG",
)  # fmt: skip
DUMMY = "DUM"
"""Name of points that mark a membrane, which are no atoms, in files of the database OPM."""
SAME, ON_TOP = 0.05, 1.0
"""Ångström: alpha carbons within the first are those of the backbone itself; others within the second overlap it."""
REACH = 30.0
"""Ångström from the nearest alpha carbon of the backbone within which residues and atoms are seen."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model of a structure file. residues: those with N, CA, C and O, of each chain; others: groups that are no amino
    acids of a chain."""

    residues: Sequence[tuple[str, Residue]]
    others: Sequence[Residue]

    @property
    def traces(self) -> Float[np.ndarray, "residue 3"]:
        return np.array([one.atoms["CA"] for _, one in self.residues]).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What a file holds around a backbone. chain: the backbone's own one in the file, "" if it isn't there."""

    chain: str
    residues: Sequence[tuple[str, Residue]] = ()
    others: Sequence[Residue] = ()

    def __str__(self) -> str:
        chains = Counter(chain for chain, _ in self.residues)
        groups = Counter(one.name for one in self.others)
        told = [f"{count} residues of chain {chain}" for chain, count in chains.items()]
        return ", ".join(told + [f"{count} {name}" for name, count in groups.items()]) or "nothing"


def check_chains(tied: str, around: str) -> None:
    """Raise a ConfigError unless `tied` names two or more chains, all of them in the file, if it is one."""
    names = tied_names(tied)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(f"Expected two or more different chains for `tied`, such as A,B,C, got '{tied}'.")
    if not around:
        raise ConfigError(
            "Expected structure files as the input for `tied`, whose chains are told by their names. Give such a file, "
            "or name it by `around`."
        )
    if not Path(around).is_dir():
        there = {chain: None for model in _models_of(Path(around)) for chain, _ in model.residues}
        if absent := [name for name in names if name not in there]:
            raise ConfigError(f"Expected `tied` chains of {around} ({', '.join(there)}), got {', '.join(absent)}.")


def tied_names(tied: str) -> list[str]:
    """The names of chains in a list of them."""
    return [name for name in (part.strip() for part in tied.split(",")) if name]


def assembly_scene(coordinates: Coordinates, symmetry: str) -> Scene:
    """A chain with its copies, which have the same sequence; by itself without symmetry."""
    from sciencegen.domains.proteins.backbones.inverse_folding import Scene

    copies = assembly(coordinates, symmetry)
    count, size = copies.shape[:2]
    rows = np.arange(count * size)
    groups = rows.reshape(count, size).T
    return Scene(copies.reshape(-1, 4, 3).astype(np.float32), rows // size, rows % size, groups)


def scene_of(item: Backbone, around: str = "", tied: str = "") -> Scene | Refusal:
    """The item with the copies of its assembly, which have the same sequence, and with what a file holds around it.

    around: a structure file, or a folder of them; "" for nothing. tied: chains of the file with the same sequence.
    """
    scene = assembly_scene(item.coordinates, item.symmetry)
    found = find_around(item, around, tied) if around else None
    if found is None or isinstance(found, Refusal):
        return scene if found is None else found
    groups, chains, places, letters = scene.groups.tolist(), scene.chains.tolist(), scene.places.tolist(), ""
    numbers, first = {found.chain: 0}, split_label(item.numbers[0])[0]
    names = tied_names(tied)[1:] if found.chain in tied_names(tied)[:1] else []
    rows, matched = {label: row for row, label in enumerate(item.numbers)}, Counter[str]()
    for chain, residue in found.residues:
        if chain in names and residue.label in rows:
            groups[rows[residue.label]].append(len(chains))
            matched[chain] += 1
        else:
            groups.append([len(chains)])
            letters += residue.letter
        chains.append(numbers.setdefault(chain, len(item.copies) + len(numbers)))
        places.append(residue.number - first)
    if lacking := [name for name in names if matched[name] < len(item) / 2]:
        return Refusal(
            f"chain {lacking[0]} is tied, and has {matched[lacking[0]]} of the {len(item)} residue numbers of this "
            "backbone"
        )
    most, beside = max(map(len, groups)), [residue for _, residue in found.residues]
    atoms = [
        (place, ELEMENTS.index(element) + 1) for one in found.others
        for place, element in zip(one.atoms.values(), one.elements, strict=True) if element in ELEMENTS
    ]  # fmt: skip
    more = [backbone_atoms(beside).astype(np.float32)] if beside else []
    return replace(
        scene,
        coordinates=np.concatenate([scene.coordinates, *more]),
        chains=np.array(chains),
        places=np.array(places),
        groups=np.array([group + [-1] * (most - len(group)) for group in groups]),
        letters=letters,
        atoms=np.array([place for place, _ in atoms]).reshape(-1, 3),
        elements=np.array([number for _, number in atoms], int),
    )


def find_around(item: Backbone, around: str, tied: str = "") -> Surroundings | Refusal:
    """What lies around the item in a file, in the model that holds it or else in the first; or in a file of a folder
    that holds it. tied: chains of which everything counts, however far."""
    path = Path(around)
    trace = item.copies[:, :, 1].reshape(-1, 3)
    models = [model for file in _candidates(path, item) for model in _models_of(file)]
    for model in models:
        own = _nearest(model.traces, trace) < SAME
        if own.sum() >= len(item):
            return _seen(model, own, trace, tied_names(tied))
    if path.is_dir():
        return Refusal(f"no file in {around} holds this backbone, so that nothing around it is known")
    return _seen(models[0], np.zeros(len(models[0].residues), bool), trace, tied_names(tied))


def _candidates(path: Path, item: Backbone) -> list[Path]:
    """The file, or those of a folder after which the item may be named."""
    if not path.is_dir():
        return [path]
    files = sorted(one for one in files_below(path) if one.name.lower().endswith(STRUCTURE_FORMATS))
    return [one for one in files if item.name.startswith(stem_of(one))]


def _seen(
    model: Model, own: Bool[np.ndarray, " residue"], trace: Float[np.ndarray, "residue 3"], whole: Sequence[str]
) -> Surroundings | Refusal:
    """The part of a model within `REACH` of a trace, and whole chains, without the trace's own residues."""
    apart = _nearest(model.traces, trace)
    if (on_top := np.flatnonzero(~own & (apart < ON_TOP))).size:
        chain, residue = model.residues[on_top[0]]
        return Refusal(
            f"residue {residue.label} of chain {chain} around lies on this backbone, {apart[on_top[0]]:.2f} Å from it"
        )
    chain = next((name for (name, _), mine in zip(model.residues, own, strict=True) if mine), "")
    near = [
        one for one, mine, distance in zip(model.residues, own, apart, strict=True)
        if not mine and (distance < REACH or one[0] in whole)
    ]  # fmt: skip
    places = [np.stack(list(one.atoms.values())) for one in model.others]
    others = [one for one, at in zip(model.others, places, strict=True) if _nearest(at, trace).min() < REACH]
    return Surroundings(chain, near, others)


def _nearest(
    places: Float[np.ndarray, "place 3"], trace: Float[np.ndarray, "residue 3"]
) -> Float[np.ndarray, " place"]:
    """The distance of each place from the nearest alpha carbon."""
    from scipy.spatial import KDTree

    return KDTree(trace).query(places)[0] if len(places) else np.empty(0)


def _models_of(path: Path) -> tuple[Model, ...]:
    return _models(path, version_of(path))


@lru_cache(maxsize=4)
def _models(path: Path, changed: tuple[int, ...]) -> tuple[Model, ...]:
    parsed = read_structure_file(path)
    with reading("a structure", path):
        chains = [select_chains(model) for model in parsed.structure]
    found = []
    for each in chains:
        residues = [(name, one) for name, chain in each.items() for one in chain.residues]
        whole = [(name, one) for name, one in residues if one.atoms.keys() >= set(BACKBONE)]
        others = [one for chain in each.values() for one in chain.others if one.atoms and one.name != DUMMY]
        found.append(Model(whole, others))
    return tuple(found)
