"""Docking with AutoDock Vina by the package dockstring, as a function and as a program.

dockstring (García-Ortegón et al., J. Chem. Inf. Model. 2022, 62, 3486; Apache-2.0) brings Vina 1.1.2 (Trott and Olson,
J. Comput. Chem. 2010, 31, 455; Apache-2.0) and 58 prepared receptors. Molecules are protonated at pH 7.4 and written by
Open Babel. `QuickDocking` uses the library of Vina 1.2 (Eberhardt et al., J. Chem. Inf. Model. 2021, 61, 3891;
Apache-2.0), which keeps the receptor's grids. The file is also run as a program, `vina.py TARGET EXHAUSTIVENESS INPUT
OUTPUT` or `vina.py TARGET quick INPUT OUTPUT`; for that it imports nothing of sciencegen.
"""

from __future__ import annotations

import csv
import math
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockstring.target import Target
    from rdkit import Chem

EXHAUSTIVENESS = 8
"""Vina's default, with which the scores of DOCKSTRING were made."""
QUICK = "quick"
"""In place of an exhaustiveness: `QuickDocking`."""
SEED = 974528263
"""The seed of DOCKSTRING."""
RECEPTOR, BOX = "_target.pdbqt", "_conf.txt"
"""Endings of a target's two files: the receptor, and the centre and size of the search box in Å."""
UNSAFE = re.compile(r"[^A-Za-z0-9@+\-\[\]()=#:./\\%]")
"""What isn't part of an ordinary SMILES: dockstring passes the text to Open Babel through a shell."""

BOX_LINE = re.compile(r"^\s*((?:center|size)_[xyz])\s*=\s*(.*?)\s*$", re.MULTILINE)
"""A line of a box; other settings of a user's file are left out."""


SIDES = tuple(f"{what}_{axis}" for what in ("center", "size") for axis in "xyz")
"""Names of a box's numbers."""
LARGEST_SIDE = 126.0
"""Å of a box, as in AutoDock's tools; the grids of larger ones take gigabytes."""
FARTHEST = 9999.999
"""Å from the origin that the columns of a PDB file hold."""
REACH = 8.0
"""Å within which Vina counts the atoms of a receptor and a ligand."""
OVERLAP = 0.5
"""Å between atoms that can't both be there; the closest in the receptors of dockstring are 0.86 Å apart."""


@dataclass(frozen=True)
class Pose:
    """The best pose of a docked molecule. score: kcal/mol, lower is better. molecule: with one conformer in the
    receptor's frame, in Å."""

    score: float
    molecule: Chem.Mol


def targets_folder() -> Path | None:
    """The folder of the receptors that dockstring brings, or None if it isn't installed. It is not imported."""
    spec = find_spec("dockstring")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    folders = (Path(place) / "resources" / "targets" for place in places)
    return next((folder for folder in folders if folder.is_dir()), None)


def target_names(folder: Path) -> list[str]:
    """Names of the targets in a folder that have both files."""
    names = (path.name.removesuffix(RECEPTOR) for path in folder.glob(f"*{RECEPTOR}"))
    return sorted(name for name in names if (folder / f"{name}{BOX}").is_file())


def read_box(path: Path) -> dict[str, float]:
    """The centre and size of a search box in Å.

    Raises
    ------
    ValueError
        If a number is missing or out of bounds.
    """
    box = dict.fromkeys(SIDES, math.nan)
    lines = BOX_LINE.findall(path.read_text(encoding="utf-8-sig", errors="replace"))
    if len(lines) > len(dict(lines)):
        raise ValueError(f"Expected one line for each of {', '.join(SIDES)} in the box {path}, got {len(lines)} lines.")
    for key, text in lines:
        with suppress(ValueError):
            box[key] = float(text)
    for key, value in box.items():
        is_size = key.startswith("size")
        if not (0 < value <= LARGEST_SIDE if is_size else abs(value) <= FARTHEST):
            bounds = f"above 0 to {LARGEST_SIDE:g}" if is_size else f"within {-FARTHEST:g} to {FARTHEST:g}"
            raise ValueError(f"Expected `{key} = ` a number {bounds} (Å) in the box {path}, got {value:g}.")
    return box


def receptor_atoms(path: Path, box: Mapping[str, float]) -> int:
    """The number of atoms of a receptor in PDBQT that are within reach of a box.

    Raises
    ------
    ValueError
        If an atom has no coordinates, charge or type, on which Vina crashes; if atoms overlap, which Vina would count
        several times; or if none is within reach, so that every ligand would get a score of nothing.
    """
    placed: list[tuple[int, tuple[float, ...], bool]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.startswith(("ATOM", "HETATM")):
            continue
        numbers, kind = [line[at : at + 8] for at in (30, 38, 46, 68)], line[77:79].strip()
        try:
            values = tuple(map(float, numbers))
        except ValueError:
            values = (math.nan,)
        if not (kind and all(abs(value) <= FARTHEST for value in values)):
            raise ValueError(
                f"Expected coordinates and a charge in columns 31 to 54 and 69 to 76 of line {number} of the receptor "
                f"{path}, and an atom's type in 78 to 79, got '{' '.join([*numbers, kind])}'. Prepare it again."
            )
        placed.append((number, values[:3], kind.startswith("H")))
    if not placed:
        raise ValueError(f"Expected atoms in the receptor {path}, found none. Prepare it again.")
    if pair := _overlap({number: place for number, place, hydrogen in placed if not hydrogen}):
        raise ValueError(
            f"Expected one atom at each place of the receptor {path}, got those of lines {pair[0]} and {pair[1]} less "
            f"than {OVERLAP:g} Å apart, as alternative locations or copies are. Keep one of them, and prepare it again."
        )
    centre, sides = ([box[f"{what}_{axis}"] for axis in "xyz"] for what in ("center", "size"))
    far = [side / 2 + REACH for side in sides]
    near = sum(all(abs(at - c) <= r for at, c, r in zip(place, centre, far, strict=True)) for _, place, _ in placed)
    if not near:
        raise ValueError(
            f"Expected atoms of the receptor {path} in the box or within {REACH:g} Å of it, found none. Move the box: "
            f"its centre is {' '.join(f'{at:g}' for at in centre)}."
        )
    return near


def _overlap(atoms: Mapping[int, tuple[float, ...]]) -> tuple[int, int] | None:
    """The numbers of two atoms that are less than `OVERLAP` apart."""
    from scipy.spatial import cKDTree  # on use: a job of docking doesn't need it

    numbers = [*atoms]
    pairs = cKDTree([*atoms.values()]).query_pairs(OVERLAP) if atoms else ()
    return min(((numbers[one], numbers[other]) for one, other in pairs), default=None)


def dock(smiles: str, target: str | Path, exhaustiveness: int = EXHAUSTIVENESS) -> Pose:
    """Dock a molecule on one core; the same call gives the same pose.

    Parameters
    ----------
    smiles : str
        Stereocentres that it doesn't define get one of their configurations.
    target : str or path
        A name such as "EGFR"; or `folder/name` of your own receptor: the files `name_target.pdbqt` and `name_conf.txt`.
    exhaustiveness : int
        Of Vina's search, in place of one in the receptor's file. The time is proportional to it.

    Returns
    -------
    Pose

    Raises
    ------
    ValueError
        If the text isn't a SMILES.
    dockstring.errors.DockstringError
        If the molecule can't be prepared or no pose is found.

    Examples
    --------
    >>> from sciencegen.domains.molecules.vina import dock
    >>> dock("c1ccccc1O", "EGFR", exhaustiveness=1).score < 0  # doctest: +SKIP
    True
    """
    _check(smiles)
    from dockstring.target import Target

    with _prepared(target, f"exhaustiveness = {exhaustiveness}") as (name, folder):
        return _pose(Target(name, working_dir=folder, targets_dir=folder), smiles)


class QuickDocking:
    """Docking on one core with little search: the receptor's grids are computed once, and one search is made for each
    molecule. The same molecule gets the same pose, whatever was docked before.

    Parameters
    ----------
    target : str or path
        As of `dock`.

    Examples
    --------
    >>> from sciencegen.domains.molecules.vina import QuickDocking
    >>> QuickDocking("EGFR").dock("c1ccccc1O").score < 0  # doctest: +SKIP
    True
    """

    def __init__(self, target: str | Path) -> None:
        from vina import Vina

        self.target = target
        with _prepared(target) as (name, folder):
            box = read_box(folder / f"{name}{BOX}")
            self._vina = Vina(sf_name="vina", cpu=1, seed=SEED, verbosity=0)
            self._vina.set_receptor(str(folder / f"{name}{RECEPTOR}"))
            centre, size = ([box[f"{what}_{axis}"] for axis in "xyz"] for what in ("center", "size"))
            self._vina.compute_vina_maps(center=centre, box_size=size)

    def dock(self, smiles: str) -> Pose:
        """Dock a molecule; see `dock` for errors.

        Parameters
        ----------
        smiles : str
            Stereocentres that it doesn't define get one of their configurations.

        Returns
        -------
        Pose
        """
        _check(smiles)
        from dockstring.target import Target

        search = self._search

        class WithGrids(Target):
            def _dock_pdbqt(self, pdbqt_path: Path, log_path: Path, out_path: Path, *_: object, **__: object) -> None:
                search(pdbqt_path, out_path)

        with _prepared(self.target) as (name, folder):
            return _pose(WithGrids(name, working_dir=folder, targets_dir=folder), smiles)

    def _search(self, ligand: Path, output: Path) -> None:
        self._vina.set_ligand_from_file(str(ligand))
        self._vina.dock(exhaustiveness=1)
        self._vina.write_poses(str(output), n_poses=1)


@contextmanager
def _prepared(target: str | Path, *lines: str) -> Iterator[tuple[str, Path]]:
    """The name of a target and a temporary folder with its two files; `lines` are added to the box."""
    name, source = Path(target).name, Path(target).parent if "/" in str(target) else _shipped()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{name}{RECEPTOR}").symlink_to((source / f"{name}{RECEPTOR}").resolve())
        box = read_box(source / f"{name}{BOX}").items()
        written = "\n".join([*(f"{key} = {value}" for key, value in box), *lines, ""])
        (Path(folder) / f"{name}{BOX}").write_text(written, encoding="utf-8")
        yield name, Path(folder)


def _check(smiles: str) -> None:
    if UNSAFE.search(smiles):
        raise ValueError(f"expected a SMILES, got '{smiles[:60]}'")


def _pose(target: Target, smiles: str) -> Pose:
    from rdkit import Chem

    with _scripts_on_path():
        score, found = target.dock(smiles, num_cpus=1, seed=SEED)
    if score is None:
        raise ValueError("Vina found no pose in the box")
    poses = found["ligand"]  # the first conformer is the best pose
    return Pose(score, Chem.Mol(poses, confId=poses.GetConformers()[0].GetId()))


@contextmanager
def _scripts_on_path() -> Iterator[None]:
    """The folder of obabel on PATH: dockstring runs it by its name, and pip puts it where PATH need not lead."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _shipped() -> Path:
    folder = targets_folder()
    assert folder is not None, "dockstring is installed without receptors"
    return folder


def main(target: str, exhaustiveness: str, source: str, output: str) -> None:
    """Dock each line `SMILES number` of a file, and write `index,score,failure`. Temporary files lie beside the output,
    since who ends this program removes that folder."""
    tempfile.tempdir = str(Path(output).parent.resolve())
    try:
        if exhaustiveness == QUICK:
            docked = QuickDocking(target).dock
        else:
            docked = partial(dock, target=target, exhaustiveness=int(exhaustiveness))
    except Exception as error:  # of a receptor that the library can't use
        sys.exit(f"the receptor {target} can't be used: {' '.join(str(error).split())}")
    rows: list[tuple[str, str, str]] = []
    inner = re.compile(rf"{re.escape(tempfile.tempdir)}/(\S*/)?")  # gone when the reason is read
    for line in Path(source).read_text(encoding="utf-8").splitlines():
        smiles, number = line.split()[:2]
        try:
            rows.append((number, str(docked(smiles).score), ""))
        except Exception as error:  # of four packages: the reason is the item's
            rows.append((number, "", inner.sub("", f"{error}")))
    with open(output, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("index", "score", "failure"), *rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
