"""Sequences for backbones: drawn by ProteinMPNN's weights or given by a program, and structures predicted from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.data.damage import reading
from sciencegen.domains.base import Oracles
from sciencegen.domains.capabilities import Predictions, SequenceDraws, Sequences
from sciencegen.domains.proteins.backbones.given_atoms import OVERLAPS, overlap_oracle
from sciencegen.domains.proteins.backbones.items import Backbone, key
from sciencegen.domains.proteins.backbones.metrics import SMALL, core_hydrophobic, share_of
from sciencegen.domains.proteins.backbones.motifs import FREE, check_numbers, kept_letters, kept_names
from sciencegen.domains.proteins.backbones.published_weights import has_weights, weights_file
from sciencegen.domains.proteins.backbones.similarity import Trace, can_align, trace_tm
from sciencegen.domains.proteins.residues import ALPHA_DISTANCE, UNKNOWN, letter_of
from sciencegen.domains.proteins.structures import STRUCTURE_FORMATS, read_structure_file
from sciencegen.domains.superposition import squared_distances
from sciencegen.errors import DataError, SciencegenError
from sciencegen.files import files_below
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import FunctionOracle, Oracle

if TYPE_CHECKING:
    from sciencegen.domains.proteins.backbones.inverse_folding import Designed

# Self-consistency of backbones: how near the structure that a folding program predicts for a sequence comes to the
# backbone that the sequence was drawn for (Trippe et al. 2023, Watson et al. 2023).
#
#     sc_rmsd = min over motions of sqrt(mean over residues |x_i - y_i|²),  x, y: alpha carbons
#
# The program writes a PDB or mmCIF file, or a folder of them, with pLDDT in the column of B-factors. A structure
# belongs to the sequence that its residues have, whatever its file is called.

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
    files = [path]
    if path.is_dir():
        files = sorted(one for one in files_below(path) if one.name.lower().endswith(STRUCTURE_FORMATS))
    for file in files:
        try:
            for one in _chains(file):
                if one.sequence not in wanted:
                    continue
                # TM-align takes hours for alpha carbons farther from the first than a chain of their number can reach.
                reach = ALPHA_DISTANCE * len(one.trace)
                if np.isfinite(one.trace).all() and (np.linalg.norm(one.trace - one.trace[0], axis=1) <= reach).all():
                    found.setdefault(one.sequence, one)
                else:
                    problem = problem or f"; {file.name} has alpha carbons that aren't finite or too far apart"
        except SciencegenError as error:
            problem = problem or f"; {error}".replace(str(path), path.name)
    missing = Refusal(f"no structure with this sequence in the output{problem}")
    return [found.get(sequence, missing) for sequence in sequences]


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


AT_ONCE = 16
"""Number of sequences that are drawn together, which bounds memory."""


def check(draws: SequenceDraws, by_program: bool) -> None:
    """Raise a ConfigError for wrong numbers of kept residues, and for absent weights unless a program draws."""
    check_numbers(draws.keep)
    if not by_program:
        weights_file()


def draw(item: Backbone, draws: SequenceDraws) -> list[tuple[str, float]] | Refusal:
    """Sequences with their perplexities, which are of the residues that aren't kept."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences

    fixed = kept_letters(item, draws.keep)
    if isinstance(fixed, Refusal):
        return fixed
    found: list[tuple[str, float]] = []
    for start in range(0, draws.count, AT_ONCE):
        seed = seed_of(item, draws.seed, start)  # always of whole blocks, so that more draws begin with the same ones
        drawn = design_sequences(item.coordinates, AT_ONCE, seed, draws.temperature, fixed)
        found += zip(drawn.sequences, drawn.perplexity.tolist(), strict=True)
    return found[: draws.count]


def seed_of(item: Backbone, seed: int, start: int) -> int:
    """The seed of an item's draws from number `start` on, which depends on no other item and not on its place."""
    digest = hashlib.sha256(f"{seed} {start} {key(item)}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def assign(item: Backbone, sequence: str, keep: str) -> Backbone | Refusal:
    """The item with this sequence; a Refusal if its length or a kept letter differs."""
    if len(sequence) != len(item):
        return Refusal(f"a sequence of {len(sequence)} letters for a backbone of {len(item)} residues")
    fixed = kept_letters(item, keep)
    if isinstance(fixed, Refusal):
        return fixed
    changed = [row for row, letter in enumerate(fixed) if letter not in (FREE, sequence[row])]
    if changed:
        row = changed[0]
        return Refusal(f"{sequence[row]} at residue {item.numbers[row]}, where {fixed[row]} was to be kept")
    return replace(item, sequence=sequence)


def score(item: Backbone, sequences: Sequence[str], draws: SequenceDraws) -> list[float]:
    """The perplexity of each sequence, over the residues that aren't kept."""
    from sciencegen.domains.proteins.backbones.inverse_folding import sequence_perplexity

    fixed = kept_letters(item, draws.keep)
    given = None if isinstance(fixed, Refusal) else fixed
    return [sequence_perplexity(item.coordinates, one, given=given) for one in sequences]


def note(item: Backbone) -> str:
    """A note for an assembly, of which one chain gets a sequence."""
    if not item.symmetry:
        return ""
    return "sequences of assemblies are drawn for one chain by itself: contacts to the other chains are not seen"


SEQUENCES = Sequences(
    check=check,
    draw=draw,
    assign=assign,
    kept=kept_names,
    score=score,
    scores=has_weights,
    column="perplexity",
    name=lambda item: item.name,
    note=note,
    predictions=Predictions(
        read=read_predicted,
        compare=compare,
        columns=columns,
        notes=notes,
        best="sc_rmsd",
        good=("designable", DESIGNABLE_RMSD),
    ),
)


# Perplexities of backbones as oracles. They need the weights of ProteinMPNN, see `published_weights`.


@lru_cache(maxsize=1024)
def _drawn(coordinates: bytes) -> Designed:
    """Eight sequences for a backbone, as `evaluate` draws them, for all oracles that are asked for together."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences

    return design_sequences(np.frombuffer(bytearray(coordinates), np.float32).reshape(-1, 4, 3))


def drawn_perplexity(item: Backbone) -> float:
    """Mean perplexity of the drawn sequences."""
    return float(_drawn(item.coordinates.tobytes()).perplexity.mean())


def drawn_share(item: Backbone, core: bool = False) -> float:
    """Share of A, G, S, T and V in the drawn sequences; core: of hydrophobic letters in their buried half."""
    sequences = _drawn(item.coordinates.tobytes()).sequences
    return core_hydrophobic(item.coordinates, sequences) if core else share_of("".join(sequences), SMALL)


def own_perplexity(item: Backbone) -> float:
    """Perplexity of the backbone's own sequence."""
    from sciencegen.domains.proteins.backbones.inverse_folding import sequence_perplexity

    if UNKNOWN in item.sequence:
        raise DataError("residues without a known amino acid")
    return sequence_perplexity(item.coordinates, item.sequence)


FUNCTIONS: Mapping[str, Callable[[Backbone], float]] = {
    "perplexity": drawn_perplexity,
    "sequence_perplexity": own_perplexity,
}
PERPLEXITIES: Mapping[str, Oracle] = {
    **{name: FunctionOracle(name, function, direction="minimize") for name, function in FUNCTIONS.items()},
    "small": FunctionOracle("small", drawn_share, direction="minimize"),
    "core_hydrophobic": FunctionOracle("core_hydrophobic", partial(drawn_share, core=True), direction="maximize"),
}


def with_weights_checked(oracles: Oracles) -> Oracles:
    """The same oracles, and `OVERLAPS`; perplexities are slow, and `find` raises a ConfigError for them if the weights
    are absent."""

    def find(name: str) -> Oracle:
        if name in PERPLEXITIES:
            weights_file()
        return overlap_oracle(name) or oracles.find(name)

    return replace(oracles, find=find, slow=frozenset(PERPLEXITIES), open_names=(*oracles.open_names, OVERLAPS))
