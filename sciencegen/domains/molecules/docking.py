"""Docking scores as oracles: `dock:EGFR`, and `quick-dock:EGFR` with less search."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from rdkit import Chem

from sciencegen.data.threads import worker_count
from sciencegen.domains.molecules import files, vina
from sciencegen.domains.molecules.items import text
from sciencegen.errors import ConfigError, MissingLibrary, converted, nearest_names
from sciencegen.files import sha256_of
from sciencegen.scoring.oracles import Score
from sciencegen.scoring.programs import CommandOracle


@dataclass(frozen=True)
class Search:
    """How long Vina looks, and for how many molecules one process does. packages: those that decide about the score."""

    word: str
    batch_size: int
    packages: tuple[str, ...] = ("dockstring", "openbabel-wheel", "rdkit")


PREFIXES = ("dock:", "quick-dock:")
WHOLE, QUICK = Search(f"{vina.EXHAUSTIVENESS}", 1), Search(vina.QUICK, 8, (*Search.packages, "vina"))
"""Quick ones of a process share the receptor's grids."""
WITHOUT_LIBRARY = Search("1", 1)
"""Quick docking without the library of Vina 1.2, which has wheels for Linux and Python 3.11 and 3.12 only."""
TIMEOUT_S = 1800.0
"""Of a process: molecules of 30 rotatable bonds take minutes."""


@dataclass(frozen=True, kw_only=True)
class DockingOracle(CommandOracle):
    """Vina in processes on all cores or `on_threads`. receptor: hash of the receptor and its box."""

    receptor: str
    packages: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Wherever Python and the receptor lie, equal scores share a cache."""
        versions = ", ".join(f"{name} {version(name)}" for name in self.packages)
        return f"{self.name.partition(':')[0]}: receptor {self.receptor}, {versions}"

    def score(self, items: Sequence[Chem.Mol]) -> list[Score]:
        """Few items are spread over all processes. Those of a process that failed as a whole, such as by a crash, are
        docked again one by one, so that a failure is that molecule's alone."""
        size = min(self.batch_size, max(1, math.ceil(len(items) / self.parallel)))
        scores = CommandOracle.score(replace(self, batch_size=size), items)
        batches = [range(first, min(first + size, len(items))) for first in range(0, len(items), size)]
        lost = [at for batch in batches if len(batch) > 1 and all(scores[at].failed for at in batch) for at in batch]
        if lost:
            again = CommandOracle.score(replace(self, batch_size=1), [items[at] for at in lost])
            for at, score in zip(lost, again, strict=True):
                scores[at] = score
        return scores

    def on_threads(self, threads: int) -> DockingOracle:
        """The same scores by this number of processes at once."""
        return replace(self, parallel=worker_count(threads))


def docking_oracle(name: str) -> DockingOracle | None:
    """The oracle of a name such as "dock:EGFR", or None for a name of another kind."""
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
    if prefix is None:
        return None
    folder, target = found_target(name.removeprefix(prefix))
    search = WHOLE if prefix == "dock:" else QUICK if find_spec("vina") else WITHOUT_LIBRARY
    words = [sys.executable, "-P", vina.__file__, str(folder / target), search.word]
    receptor = "".join(sha256_of(folder / f"{target}{ending}")[:16] for ending in (vina.RECEPTOR, vina.BOX))
    return DockingOracle(
        name, f"{shlex.join(words)} {{input}} {{output}}", write=_write, text=text, input_ending=".smi",
        value_column="score", unit="kcal/mol", direction="minimize", batch_size=search.batch_size,
        parallel=worker_count(0), timeout_s=TIMEOUT_S, retries=0, ours=True, receptor=receptor,
        packages=search.packages,
    )  # fmt: skip


def _write(path: Path, items: Sequence[Chem.Mol], names: Sequence[str]) -> None:
    files.write(path, items, names, {})


def found_target(target: str) -> tuple[Path, str]:
    """Folder and name of a target of dockstring's, or of a user's `FOLDER/NAME`; an error if there is none."""
    shipped = vina.targets_folder()
    if shipped is None or find_spec("openbabel") is None:
        raise MissingLibrary("dockstring" if shipped is None else "openbabel", "for docking")
    folder = Path(target).parent.resolve() if "/" in target else shipped
    name, known = Path(target).name, vina.target_names(folder)
    if name not in known:
        raise ConfigError(_unknown(name, folder, known, is_shipped=folder == shipped))
    with converted(lambda error: ConfigError(str(error))):
        vina.receptor_atoms(folder / f"{name}{vina.RECEPTOR}", vina.read_box(folder / f"{name}{vina.BOX}"))
    return folder, name


def _unknown(name: str, folder: Path, known: Sequence[str], *, is_shipped: bool) -> str:
    near = nearest_names(name, known)
    meant = f" Did you mean {' or '.join(near)}?" if near else f" There are: {', '.join(known) or 'none'}."
    if is_shipped:
        return (
            f"Expected a receptor of dockstring, got '{name}'.{meant} Your own: dock:FOLDER/NAME with the files "
            f"NAME{vina.RECEPTOR} and NAME{vina.BOX} in the folder."
        )
    return f"Expected the files {name}{vina.RECEPTOR} and {name}{vina.BOX} in {folder}.{meant}"
