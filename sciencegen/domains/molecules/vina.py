"""Docking with AutoDock Vina by the package dockstring, as a function and as a program.

dockstring (García-Ortegón et al., J. Chem. Inf. Model. 2022, 62, 3486; Apache-2.0) brings Vina 1.1.2 (Trott and Olson,
J. Comput. Chem. 2010, 31, 455; Apache-2.0) and 58 prepared receptors. Molecules are protonated at pH 7.4 and written by
Open Babel. The file is also run as a program, `vina.py TARGET EXHAUSTIVENESS INPUT OUTPUT`; for that it imports nothing
of sciencegen.
"""

from __future__ import annotations

import csv
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rdkit import Chem

EXHAUSTIVENESS = 8
"""Vina's default, with which the scores of DOCKSTRING were made."""
RECEPTOR, BOX = "_target.pdbqt", "_conf.txt"
"""Endings of a target's two files: the receptor, and the centre and size of the search box in Å."""
UNSAFE = re.compile(r"[^A-Za-z0-9@+\-\[\]()=#:./\\%]")
"""What isn't part of an ordinary SMILES: dockstring passes the text to Open Babel through a shell."""

BOX_LINE = re.compile(r"^\s*(?:center|size)_[xyz]\s*=.*$", re.MULTILINE)
"""A line of a box; other settings of a user's file are left out."""


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
    if UNSAFE.search(smiles):
        raise ValueError(f"expected a SMILES, got '{smiles[:60]}'")
    from dockstring import load_target

    name, source = Path(target).name, Path(target).parent if "/" in str(target) else _shipped()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{name}{RECEPTOR}").symlink_to((source / f"{name}{RECEPTOR}").resolve())
        lines = BOX_LINE.findall((source / f"{name}{BOX}").read_text(encoding="utf-8"))
        lines.append(f"exhaustiveness = {exhaustiveness}\n")
        (Path(folder) / f"{name}{BOX}").write_text("\n".join(lines), encoding="utf-8")
        with _scripts_on_path():
            score, found = load_target(name, working_dir=folder, targets_dir=folder).dock(smiles, num_cpus=1)
    if score is None:
        raise ValueError("Vina found no pose in the box")
    return Pose(score, _best_only(found["ligand"]))


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


def _best_only(poses: Chem.Mol) -> Chem.Mol:
    """The molecule with its first conformer alone."""
    from rdkit import Chem

    return Chem.Mol(poses, confId=poses.GetConformers()[0].GetId())


def main(target: str, exhaustiveness: str, source: str, output: str) -> None:
    """Dock each line `SMILES number` of a file, and write `index,score,failure`. Temporary files lie beside the output,
    since who ends this program removes that folder."""
    tempfile.tempdir = str(Path(output).parent)
    rows: list[tuple[str, str, str]] = []
    for line in Path(source).read_text(encoding="utf-8").splitlines():
        smiles, number = line.split()[:2]
        try:
            rows.append((number, str(dock(smiles, target, int(exhaustiveness)).score), ""))
        except Exception as error:  # of four packages: the reason is the item's
            rows.append((number, "", f"{error}"))
    with open(output, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("index", "score", "failure"), *rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
