"""Self-consistency of backbones: how near the structure that a folding program predicts for a sequence comes to the
backbone that the sequence was drawn for (Trippe et al. 2023, Watson et al. 2023).

    sc_rmsd = min over motions of sqrt(mean over residues |x_i - y_i|²),  x, y: alpha carbons

The program writes a PDB or mmCIF file, or a folder of them, with pLDDT in the column of B-factors. A structure belongs
to the sequence that its residues have, whatever its file is called.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.tm_score import Trace, can_align, trace_tm
from sciencegen.domains.proteins.residue_atoms import letter_of
from sciencegen.domains.proteins.residues import ALPHA_DISTANCE
from sciencegen.domains.proteins.structure_files import read_structure_file
from sciencegen.domains.proteins.structure_sequences import STRUCTURE_FORMATS
from sciencegen.domains.superposition import squared_distances
from sciencegen.errors import SciencegenError
from sciencegen.files import files_below
from sciencegen.items import Refusal

DESIGNABLE_RMSD = 2.0
"""Greatest `sc_rmsd` of a backbone that counts as designable, in ångström."""
PERCENT = 100.0
NO_TM = (
    "sc_tm is left out: it needs the package tmtools, which is not installed. "
    "Install it: pip install 'sciencegen[design]'"
)


@dataclass(frozen=True)
class Predicted:
    """A predicted chain. trace: alpha carbons in ångström. plddt: mean over residues, 0 to 100, or NaN."""

    sequence: str
    trace: Trace
    plddt: float


def read_predicted(path: Path, sequences: Sequence[str]) -> list[Predicted | Refusal]:
    """The predicted structure of each sequence. Of several the first in the order of file names counts; files that
    can't be read, or that are no chains, are named in the reason of sequences that have none."""
    wanted, found, problem = set(sequences), dict[str, Predicted](), ""
    for file in _structure_files(path):
        try:
            for one in _chains(file):
                if one.sequence in wanted and _is_chain(one.trace):
                    found.setdefault(one.sequence, one)
                elif one.sequence in wanted:
                    problem = problem or f"; {file.name} has alpha carbons that aren't finite or too far apart"
        except SciencegenError as error:
            problem = problem or f"; {error}".replace(str(path), path.name)
    missing = Refusal(f"no structure with this sequence in the output{problem}")
    return [found.get(sequence, missing) for sequence in sequences]


def _is_chain(trace: Trace) -> bool:
    """Whether all alpha carbons are finite, and none is farther from the first one than a chain of their number can
    reach: TM-align takes hours for such."""
    if not np.isfinite(trace).all():
        return False
    return bool((np.linalg.norm(trace - trace[0], axis=1) <= ALPHA_DISTANCE * len(trace)).all())


def _structure_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in files_below(path) if one.name.lower().endswith(STRUCTURE_FORMATS))


def _chains(path: Path) -> Iterator[Predicted]:
    """The chains of all models of a file."""
    structure = read_structure_file(path).structure
    with reading("a structure of proteins", path):
        for chain in structure.get_chains():
            atoms = [residue["CA"] for residue in chain if "CA" in residue]
            letters = "".join(letter_of(atom.get_parent().get_resname()) for atom in atoms)
            if atoms:
                trace = np.array([atom.get_coord() for atom in atoms], np.float64)
                yield Predicted(letters, trace, mean_plddt(np.array([atom.get_bfactor() for atom in atoms], float)))


def mean_plddt(factors: Float[np.ndarray, " residue"]) -> float:
    """The mean of a column of B-factors as pLDDT; values up to 1 are shares of 1. Zeros alone are no values, nor are
    columns with values that aren't from 0 to 100."""
    if not ((factors >= 0) & (factors <= PERCENT)).all() or not factors.any():
        return math.nan
    return float(factors.mean() * (PERCENT if factors.max() <= 1 else 1.0))


def ca_rmsd(first: Trace, second: Trace) -> float:
    """Root mean square distance of alpha carbons after superposition, in ångström."""
    return float(np.sqrt(squared_distances(first, second).mean()))


def columns() -> tuple[str, ...]:
    """The names of `compare`'s values."""
    return ("sc_rmsd", *(("sc_tm",) if can_align() else ()), "plddt")


def notes() -> list[str]:
    """What is left out on this computer."""
    return [] if can_align() else [NO_TM]


def compare(item: Backbone, predicted: Predicted) -> Mapping[str, float]:
    """sc_rmsd in ångström, sc_tm (TM-score) and plddt."""
    trace = np.asarray(item.trace, np.float64)
    values = {"sc_rmsd": ca_rmsd(trace, predicted.trace), "plddt": predicted.plddt}
    return values | ({"sc_tm": trace_tm(trace, predicted.trace)} if can_align() else {})
