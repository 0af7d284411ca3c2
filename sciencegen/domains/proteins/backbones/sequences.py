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
from sciencegen.domains.proteins.backbones.files import parse, referred
from sciencegen.domains.proteins.backbones.given_atoms import OVERLAPS, overlap_oracle
from sciencegen.domains.proteins.backbones.items import Backbone, key
from sciencegen.domains.proteins.backbones.metrics import SMALL, core_hydrophobic, share_of
from sciencegen.domains.proteins.backbones.motifs import FREE, check_numbers, kept_letters, kept_names
from sciencegen.domains.proteins.backbones.published_weights import (
    LIGAND,
    PACKER,
    VANILLA,
    WEIGHTS,
    has_weights,
    weights_file,
)
from sciencegen.domains.proteins.backbones.similarity import Trace, can_align, trace_tm
from sciencegen.domains.proteins.backbones.surroundings import (
    assembly_scene,
    check_chains,
    find_around,
    scene_of,
    tied_names,
)
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.residues import ALPHA_DISTANCE, UNKNOWN, letter_of
from sciencegen.domains.proteins.structures import STRUCTURE_FORMATS, read_structure_file
from sciencegen.domains.superposition import squared_distances
from sciencegen.errors import ConfigError, DataError, SciencegenError, unknown_name
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


LONGEST_PATH = 4096
SIDE_CHAIN_CLASHES = "side_chain_clashes"
AT_ONCE = 16
"""Number of sequences that are drawn together, which bounds memory."""


def check(draws: SequenceDraws, by_program: bool, source: str) -> SequenceDraws:
    """The draws with `around` filled in; a ConfigError for settings that can't be read, and for absent weights unless a
    program draws."""
    check_numbers(draws.keep)
    if by_program and (draws.omit or draws.bias):
        raise ConfigError("Expected `omit` and `bias` without a program that draws, got one. Leave it or these out.")
    biases(draws.omit, draws.bias)
    around = draws.around
    if not around and (draws.tied or draws.weights == LIGAND):
        found = referred(source)
        around = found["path"] if found else source if Path(source[:LONGEST_PATH]).is_dir() else ""
    if around and not Path(around).exists():
        raise ConfigError(f"Expected a structure file or a folder as `around`, there is none at '{around}'.")
    if draws.tied:
        check_chains(draws.tied, around)
    if draws.weights and draws.weights not in WEIGHTS:
        raise unknown_name("`weights`", draws.weights, WEIGHTS)
    if draws.pack:
        weights_file(PACKER)
    if not by_program or draws.weights:
        weights_file(draws.weights or VANILLA)
    return replace(draws, around=around)


def biases(omit: str, bias: str) -> dict[str, float]:
    """What is added to the logit of each letter: `A=-1,K=0.5`, and -inf for those in `omit`.

    Examples
    --------
    >>> biases("C", "A=-1,K=0.5")
    {'A': -1.0, 'K': 0.5, 'C': -inf}
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in bias.split(","))):
        letter, _, text = part.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if (name := letter.strip().upper()) not in ALPHABET or not math.isfinite(value):
            raise ConfigError(f"Expected amino acids and numbers such as A=-1,K=0.5 for `bias`, got '{part[:40]}'.")
        found[name] = value
    never = [letter for letter in omit.upper() if letter not in ", "]
    if odd := [letter for letter in never if letter not in ALPHABET]:
        raise ConfigError(f"Expected letters of amino acids such as CM for `omit`, got '{odd[0]}'.")
    if len(set(never)) == len(ALPHABET):
        raise ConfigError("Expected `omit` to leave an amino acid, got all 20. Leave some out.")
    return found | dict.fromkeys(never, -math.inf)


def draw(item: Backbone, draws: SequenceDraws) -> list[tuple[str, float]] | Refusal:
    """Sequences with their perplexities, which are of the residues that aren't kept."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences, load_inverse_folding

    fixed = kept_letters(item, draws.keep)
    if isinstance(fixed, Refusal):
        return fixed
    scene = scene_of(item, draws.around, draws.tied)
    if isinstance(scene, Refusal):
        return scene
    network, bias = load_inverse_folding(draws.weights or VANILLA), biases(draws.omit, draws.bias)
    found: list[tuple[str, float]] = []
    for start in range(0, draws.count, AT_ONCE):
        seed = seed_of(item, draws.seed, start)  # always of whole blocks, so that more draws begin with the same ones
        drawn = design_sequences(scene, AT_ONCE, seed, draws.temperature, fixed, network, bias)
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
    from sciencegen.domains.proteins.backbones.inverse_folding import load_inverse_folding, sequence_perplexity

    fixed = kept_letters(item, draws.keep)
    given = None if isinstance(fixed, Refusal) else fixed
    scene = scene_of(item, draws.around, draws.tied)
    if isinstance(scene, Refusal):
        raise DataError(scene.reason)
    network = load_inverse_folding(draws.weights or VANILLA)
    return [sequence_perplexity(scene, one, network=network, given=given) for one in sequences]


def note(item: Backbone, draws: SequenceDraws) -> str:
    """What the network sees around a backbone; that it sees no ligand."""
    found = find_around(item, draws.around, draws.tied) if draws.around else None
    if isinstance(found, Refusal):
        return ""
    seen = "" if found is None else f"seen around backbones: {found}"
    if draws.weights == LIGAND:
        return seen if found is not None and found.others else "the weights 'ligand' found no ligand around backbones"
    return "" if found is None else f"seen around backbones: {replace(found, others=())}"


def pack(item: Backbone, draws: SequenceDraws) -> tuple[str, dict[str, float]]:
    """A PDB file with packed side chains, with all chains that have the sequence, and the number of their clashes."""
    from sciencegen.domains.proteins.backbones.side_chains import packed_file

    scene = scene_of(item, draws.around, draws.tied)
    if isinstance(scene, Refusal):
        raise DataError(scene.reason)
    text, clashes = packed_file(item, scene, seed_of(item, draws.seed, 0))
    return text, {SIDE_CHAIN_CLASHES: float(clashes)}


def chosen(text: str, draws: SequenceDraws) -> bool:
    """Whether a backbone is the first of the tied chains, which gets the sequence of all."""
    item = parse(text) if draws.tied else None
    return not isinstance(item, Backbone) or item.chain == tied_names(draws.tied)[0]


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
    chosen=chosen,
    pack=pack,
    packed=(SIDE_CHAIN_CLASHES,),
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
def _drawn(coordinates: bytes, symmetry: str) -> Designed:
    """Eight sequences for a backbone, as `evaluate` draws them, for all oracles that are asked for together."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences

    places = np.frombuffer(bytearray(coordinates), np.float32).reshape(-1, 4, 3)
    return design_sequences(assembly_scene(places, symmetry))


def drawn_perplexity(item: Backbone) -> float:
    """Mean perplexity of the drawn sequences."""
    return float(_drawn(item.coordinates.tobytes(), item.symmetry).perplexity.mean())


def drawn_share(item: Backbone, core: bool = False) -> float:
    """Share of A, G, S, T and V in the drawn sequences; core: of hydrophobic letters in their buried half."""
    sequences = _drawn(item.coordinates.tobytes(), item.symmetry).sequences
    return core_hydrophobic(item.coordinates, sequences) if core else share_of("".join(sequences), SMALL)


def own_perplexity(item: Backbone) -> float:
    """Perplexity of the backbone's own sequence."""
    from sciencegen.domains.proteins.backbones.inverse_folding import sequence_perplexity

    if UNKNOWN in item.sequence:
        raise DataError("residues without a known amino acid")
    return sequence_perplexity(assembly_scene(item.coordinates, item.symmetry), item.sequence)


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
