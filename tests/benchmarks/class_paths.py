"""Paths between drugs of one class: are the steps of the class, and how even is the way?

    python tests/benchmarks/class_paths.py -n 100
    python tests/benchmarks/class_paths.py -n 100 --way swaps
    python tests/benchmarks/class_paths.py -n 30 --way arc
    python tests/benchmarks/class_paths.py -n 30 --way line

The drugs and the pattern of each class are in `drug_classes.tsv`. Pairs are neighbours in a class. Ways: `core`, the
default of `interpolate`; `made`, the same without draws of the model; `swaps`, the same from whole groups of the two
alone; `arc`, `interpolate --no-shared-core`; `line`, the decoded points of the straight line of the latents. A step
counts as kept if it has the core that `interpolate` names, and as of the class if it matches the pattern of the class,
which was written by hand. The common substructure is that of whole rings, by RDKit's default settings. A stereocentre
counts as kept if a step that has the surroundings (radius 2) of a defined centre of an end defines it too.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator, rdFMCS

import sciencegen as sg
from sciencegen.api.models.folder import load_model
from sciencegen.domains.molecules import paths
from sciencegen.domains.molecules.alerts import is_plausible
from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.items import parse, text
from sciencegen.items import Refusal
from sciencegen.latent.geometry import even_path

STEPS, SLACK = 9, 0.02
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=2, includeRedundantEnvironments=True)


def pairs(count: int) -> list[tuple[str, Chem.Mol, pd.Series, pd.Series]]:
    """Class, its pattern, and two of its drugs: each with the next, then the last with the first."""
    table = pd.read_csv(Path(__file__).with_name("drug_classes.tsv"), sep="\t")
    following, closing = [], []
    for name, group in table.groupby("class", sort=False):
        drugs, pattern = [row for _, row in group.iterrows()], Chem.MolFromSmarts(group["pattern"].iloc[0])
        following += [(str(name), pattern, one, other) for one, other in pairwise(drugs)]
        closing += [(str(name), pattern, drugs[-1], drugs[0])] if len(drugs) > 3 else []
    every = (following + closing)[:100]
    return every[:: max(1, len(every) // count)][:count]


def between(way: str, start: str, end: str) -> list[str]:
    """The items of all steps, "" where there is none."""
    if way == "made":
        ends = [parse(start), parse(end)]
        core = paths.shared_core(*ends)
        if isinstance(core, Refusal):
            return [text(ends[0]), *[""] * (STEPS - 2), text(ends[1])]
        found = core.between(np.random.default_rng(0))
        alike = similarity([*[one for one, _ in found], ends[0]], ends)
        path = even_path(alike[:-1], float(alike[-1, 1]), np.array([against for _, against in found]), STEPS - 2)
        return [text(ends[0]), *["" if at is None else text(found[at][0]) for at in path], text(ends[1])]
    if way == "line":
        space = load_model("molecules", None, "cpu").space
        first, last = space.encode([start, end])
        return space.decode(np.linspace(first, last, STEPS))
    return sg.interpolate("molecules", start, end, STEPS, shared_core=way != "arc", threads=1).table["item"].tolist()


def centres(molecule: Chem.Mol) -> dict[int, bool]:
    """Surroundings of carbon centres -> whether one with these is defined."""
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateBitInfoMap()
    _SURROUNDINGS.GetSparseCountFingerprint(molecule, additionalOutput=output)
    around = {atom: bit for bit, places in output.GetBitInfoMap().items() for atom, radius in places if radius == 2}
    found: dict[int, bool] = {}
    for one in Chem.FindPotentialStereo(molecule):
        if one.type == Chem.StereoType.Atom_Tetrahedral and one.centeredOn in around:
            bit, defined = around[one.centeredOn], one.specified == Chem.StereoSpecified.Specified
            found[bit] = found.get(bit, True) and defined
    return found


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=100, help="number of pairs, evenly spaced in the list")
    parser.add_argument("--way", choices=("core", "made", "swaps", "arc", "line"), default="core")
    parser.add_argument("-o", help="write the steps to this table")
    chosen = parser.parse_args()
    if chosen.way == "swaps":
        paths.HYBRIDS = paths.MIXED = paths.EDITED = 0
    counts: dict[str, list[float]] = {name: [] for name in (
        "filled", "of the class", "with the core", "with the common substructure", "distinct", "plausible",
        "even moves", "nearly even moves", "even steps", "centres kept",
    )}  # fmt: skip
    seconds, rows = list[float](), list[dict[str, object]]()
    between(chosen.way, "CCO", "CCN")  # loads what is needed
    for name, pattern, one, other in pairs(chosen.n):
        ends = [Chem.MolFromSmiles(text) for text in (one["item"], other["item"])]
        began = time.process_time()
        items = between(chosen.way, one["item"], other["item"])
        seconds.append(time.process_time() - began)
        shared = paths.shared_core(*ends)
        mcs = rdFMCS.FindMCS(ends, ringMatchesRingOnly=True, completeRingsOnly=True, timeout=5)
        common = Chem.MolFromSmarts(mcs.smartsString)
        inner = [Chem.MolFromSmiles(text) if text else None for text in items[1:-1]]
        known = [molecule for molecule in inner if molecule is not None]
        counts["filled"] += [molecule is not None for molecule in inner]
        counts["of the class"] += [m is not None and m.HasSubstructMatch(pattern) for m in inner]
        counts["with the common substructure"] += [m is not None and m.HasSubstructMatch(common) for m in inner]
        if not isinstance(shared, Refusal):
            counts["with the core"] += [m is not None and m.HasSubstructMatch(shared.query) for m in inner]
        counts["distinct"].append(len({*items[1:-1]} - {"", *items[::8]}) / max(1, len(known)))
        flagged = not all(map(is_plausible, ends))  # then the group may be the class' own
        counts["plausible"] += [] if flagged else [is_plausible(molecule) for molecule in known]
        alike = similarity([ends[0], *known, ends[1]], ends)
        change = np.diff(alike, axis=0) * [-1, 1]
        counts["even moves"] += (change >= 0).all(1).tolist()
        counts["nearly even moves"] += (change >= -SLACK).all(1).tolist()
        progress = (1 - alike[:, 0]) / np.maximum(2 - alike.sum(1), 1e-9)
        counts["even steps"] += (np.diff(progress) > 0).tolist()
        defined = {bit for end in ends for bit, is_defined in centres(end).items() if is_defined}
        counts["centres kept"] += [ok for m in known for bit, ok in centres(m).items() if bit in defined]
        rows += [{"class": name, "step": step, "item": text} for step, text in enumerate(items)]
        print(f"{name}: {one['name']} to {other['name']}: {seconds[-1]:.1f} s", flush=True)
    for name, values in counts.items():
        print(f"{name}: {np.mean(values):.1%} of {len(values)}")
    print(f"CPU seconds of a pair: mean {np.mean(seconds):.1f}, greatest {max(seconds):.1f}")
    if chosen.o:
        pd.DataFrame(rows).to_csv(chosen.o, index=False)


if __name__ == "__main__":
    main()
