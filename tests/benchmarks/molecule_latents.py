"""What a latent space of molecules is worth: how many come back, how smooth it is, whether draws use it.

    python tests/benchmarks/molecule_latents.py restored test.csv zinc-held-out.smi
    python tests/benchmarks/molecule_latents.py restored test.csv --refinements 0
    python tests/benchmarks/molecule_latents.py redrawn -n 64
    python tests/benchmarks/molecule_latents.py neighbours test.csv -n 200 --radius 0.3
    python tests/benchmarks/molecule_latents.py interpolated test.csv -n 200
    python tests/benchmarks/molecule_latents.py directions test.csv -n 250
    python tests/benchmarks/molecule_latents.py restored chembl_drugs.csv --heavy-atoms 26 35 --without work/rows.csv

Only the latent's semantic part counts: the decoder's noise, if a model has any, is at its median. A molecule counts as
plausible if it is valid, its rings have at most 8 atoms, its aromatic rings 5 or 6, and its synthetic accessibility is
at most 6.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, RDLogger
from scipy.stats import spearmanr

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.properties import measure
from sciencegen.items import Refusal
from sciencegen.latent.geometry import arc, axes_of_values

LARGEST_RING, LARGEST_SA, STEPS = 8, 6.0, 9
SEED = 2020
PROPERTIES = ("logp", "qed", "tpsa", "sa", "mw")


def decoded(model: LoadedModel, latents: np.ndarray) -> list[Chem.Mol | None]:
    """The molecules of latents, None where there is none."""
    latents = latents.copy()
    latents[:, model.model.semantic_size :] = 0
    items = model.space.decode_items(latents)
    return [item if isinstance(item, Chem.Mol) else None for item in items]


def plausible(molecule: Chem.Mol | None) -> bool:
    if molecule is None:
        return False
    for ring in molecule.GetRingInfo().AtomRings():
        aromatic = all(molecule.GetAtomWithIdx(index).GetIsAromatic() for index in ring)
        if len(ring) > (6 if aromatic else LARGEST_RING):
            return False
    return bool(measure([molecule], ["sa"])[0, 0] <= LARGEST_SA)


Wanted = Callable[[Chem.Mol], bool]


def read(model: LoadedModel, path: Path, count: int | None, wanted: Wanted) -> list[Chem.Mol]:
    """The molecules of a file that are wanted, each once; `count` of them evenly spaced."""
    found = [model.domain.items.parse(row.text) for row in model.domain.items.read(path, None)]
    distinct = {model.domain.items.key(item): item for item in found if not isinstance(item, Refusal)}
    items = [item for item in distinct.values() if wanted(item)]
    return items if count is None else items[:: max(1, len(items) // count)][:count]


def encoded(model: LoadedModel, molecules: list[Chem.Mol]) -> tuple[list[Chem.Mol], np.ndarray]:
    """The molecules that the model reads, and their latents."""
    arrays = model.representation.encode(molecules)
    kept = [(m, a) for m, a in zip(molecules, arrays, strict=True) if not isinstance(a, Refusal)]
    return [m for m, _ in kept], model.space.encode_arrays([a for _, a in kept])


def restored(model: LoadedModel, paths: list[Path], count: int | None, wanted: Wanted) -> None:
    key = model.domain.items.key
    for path in paths:
        molecules = read(model, path, count, wanted)
        kept, latents = encoded(model, molecules)
        pairs = list(zip(decoded(model, latents), kept, strict=True))
        same = [back is not None and key(back) == key(m) for back, m in pairs]
        others = [(b, m) for (b, m), is_same in zip(pairs, same, strict=True) if b is not None and not is_same]
        alike = [float(similarity([back], [molecule])[0, 0]) for back, molecule in others]
        print(
            f"{path.name}: {sum(same) / len(molecules):.1%} of {len(molecules)} come back from the latent alone; ",
            end="",
        )
        print(
            f"{len(molecules) - len(kept)} are not read, {sum(back is None for back, _ in pairs)} give no molecule",
            end="",
        )
        print(f"; similarity of {len(others)} others, median {np.median(alike):.2f}" if others else "")


def directions(model: LoadedModel, molecules: list[Chem.Mol]) -> None:
    kept, latents = encoded(model, molecules)
    for name, values in zip(PROPERTIES, measure(kept, PROPERTIES).T, strict=True):
        print(
            f"{name}: R2 of each of {len(kept)} left out, along a direction: {axes_of_values(latents, values)[1]:.2f}"
        )


def redrawn(model: LoadedModel, count: int) -> None:
    rng = np.random.default_rng(SEED)
    first, second = rng.standard_normal((2, count, model.space.size), dtype=np.float32)
    semantic = model.model.semantic_size
    mixed = np.concatenate([second[:, :semantic], first[:, semantic:]], 1)
    pairs = zip(model.space.generate_items(first), model.space.generate_items(mixed), strict=True)
    texts = [[model.domain.items.text(item) if isinstance(item, Chem.Mol) else None for item in pair] for pair in pairs]
    print(f"{sum(one != other for one, other in texts)} of {count} draws change when z is drawn again")


def neighbours(model: LoadedModel, molecules: list[Chem.Mol], radius: float, each: int = 10) -> None:
    molecules, _ = encoded(model, molecules)
    parse = model.domain.items.parse
    alike, distinct, good = list[float](), list[float](), list[bool]()
    for molecule in molecules:
        found = [parse(text) for text in model.space.neighbours(molecule, each, radius, SEED)]
        good += [plausible(one) for one in found]
        distinct.append(len(found) / each)
        alike += similarity(found, [molecule])[:, 0].tolist() if found else []
    quartiles = ", ".join(f"{value:.2f}" for value in np.quantile(alike, (0.25, 0.5, 0.75)))
    print(f"radius {radius}: {each} neighbours of each of {len(molecules)}: plausible {np.mean(good):.1%}, ", end="")
    print(f"distinct others {np.mean(distinct):.1%}, their similarity (quartiles) {quartiles}")


def interpolated(model: LoadedModel, molecules: list[Chem.Mol]) -> None:
    half, good, monotone = len(molecules) // 2, list[bool](), list[float]()
    kept, latents = encoded(model, molecules[: 2 * half])
    for first in range(0, len(kept) - 1, 2):
        found = decoded(model, arc(latents[first], latents[first + 1], STEPS))
        good += [plausible(one) for one in found]
        steps = [(k, one) for k, one in enumerate(found) if one is not None]
        likeness = similarity([one for _, one in steps], [kept[first], kept[first + 1]])
        change = spearmanr([k for k, _ in steps], likeness[:, 1] - likeness[:, 0]).statistic
        monotone.append(change)
    print(f"{len(monotone)} pairs, {STEPS} steps: plausible {np.mean(good):.1%}; Spearman of step and ", end="")
    print(f"(similarity to the end - to the start) {np.nanmean(monotone):.3f}, median {np.nanmedian(monotone):.3f}")


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("restored", "redrawn", "neighbours", "interpolated", "directions"))
    parser.add_argument("files", nargs="*", type=Path, help="molecules that the model was not trained on")
    parser.add_argument("--model", help="a run folder [default: the shipped weights]")
    parser.add_argument("-n", type=int, help="number of molecules, or of pairs")
    parser.add_argument("--radius", type=float, default=0.3)
    parser.add_argument("--refinements", type=int, help="gradient steps of encode [default: the model's]")
    parser.add_argument("--heavy-atoms", type=int, nargs=2, default=(1, 1000), metavar=("LEAST", "MOST"))
    parser.add_argument("--without", type=Path, help="a table of molecules, of a column `smiles`, that are left out")
    chosen = parser.parse_args()
    model = load_model("molecules", chosen.model, "cpu")
    if chosen.refinements is not None:
        model.model.settings = replace(model.model.settings, refinements=chosen.refinements)
    known = frozenset() if chosen.without is None else frozenset(pd.read_csv(chosen.without)["smiles"])
    least, most = chosen.heavy_atoms

    def wanted(molecule: Chem.Mol) -> bool:
        return least <= molecule.GetNumHeavyAtoms() <= most and model.domain.items.text(molecule) not in known

    if chosen.what == "restored":
        restored(model, chosen.files, chosen.n, wanted)
    elif chosen.what == "redrawn":
        redrawn(model, chosen.n or 64)
    elif chosen.what == "neighbours":
        neighbours(model, read(model, chosen.files[0], chosen.n or 200, wanted), chosen.radius)
    elif chosen.what == "directions":
        directions(model, read(model, chosen.files[0], chosen.n or 250, wanted))
    else:
        interpolated(model, read(model, chosen.files[0], 2 * (chosen.n or 200), wanted))


if __name__ == "__main__":
    main()
