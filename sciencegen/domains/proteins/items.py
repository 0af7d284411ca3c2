"""Parses and checks sequences in one-letter code, and converts them to arrays of residue numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int, UInt8

from sciencegen.data.writers import printable
from sciencegen.domains.capabilities import Objects
from sciencegen.errors import ShapeError
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from Bio.Seq import Seq

ALPHABET = "ACDEFGHIKLMNPQRSTVWY"
GAP_LETTER = "-"
GAP = len(ALPHABET)
"""Number of a gap in an aligned row; residues are 0 to 19."""
MAX_RESIDUES = 10_000
SHORTEST_DNA = 20
"""Minimum length of a text of nucleotides alone that is taken for DNA: such a protein is improbable."""

COORDINATES = "backbone:"
"""Start of the text of a chain with coordinates."""

NUCLEOTIDES = frozenset("ACGTUN")
_RESIDUES = frozenset(ALPHABET)
_NAMED = {
    "X": "an unknown residue 'X'",
    "B": "'B', asparagine or aspartate",
    "Z": "'Z', glutamine or glutamate",
    "J": "'J', leucine or isoleucine",
    "U": "selenocysteine 'U'",
    "O": "pyrrolysine 'O'",
    "*": "a stop '*'",
}

NUMBER_OF_LETTER = np.full(256, 255, np.uint8)
"""Residue number by byte, upper or lower case; '-' and '.' are gaps, all others are 255."""
for _number, _letter in enumerate(ALPHABET):
    NUMBER_OF_LETTER[[ord(_letter), ord(_letter.lower())]] = _number
NUMBER_OF_LETTER[[ord("-"), ord(".")]] = GAP
_LETTER_OF_NUMBER = np.frombuffer((ALPHABET + GAP_LETTER).encode(), np.uint8)


def parse(text: str) -> str | Refusal:
    """Parse a text to a sequence: in upper case, without surrounding blanks and without a final stop."""
    if not isinstance(text, str):
        return Refusal(f"expected a sequence, got {type(text).__name__}")
    sequence = text.strip().removesuffix("*")
    if not sequence:
        return Refusal("empty")
    if sequence.startswith(COORDINATES):
        return Refusal("holds the coordinates of a chain; read it with `form` structures")
    if len(sequence) > MAX_RESIDUES:
        return Refusal(f"{len(sequence)} letters; at most {MAX_RESIDUES} residues are accepted")
    if not sequence.isascii():
        bad = next(place for place, letter in enumerate(sequence) if not letter.isascii())
        return Refusal(f"character {sequence[bad]!a} at position {bad + 1} is not a letter of a protein")
    sequence = sequence.upper()
    letters = set(sequence)
    if letters & {"-", "."}:
        return Refusal("holds gaps: an aligned sequence; read it with `form` aligned")
    if looks_like_dna(letters, len(sequence)):
        return Refusal("looks like DNA, translate it first")
    return sequence if letters <= _RESIDUES else Refusal(why_not_residues(sequence))


def looks_like_dna(letters: set[str], length: int) -> bool:
    """Whether a text has at least `SHORTEST_DNA` letters, all of them nucleotides."""
    return length >= SHORTEST_DNA and letters <= NUCLEOTIDES


def why_not_residues(sequence: str, allowed: frozenset[str] = _RESIDUES) -> str:
    """A message with the first letter that isn't allowed, and its position."""
    if set(sequence) == {"X"}:
        return (
            "has no amino acids, as backbones that a model drew: ask for properties of structures, such as "
            "`with` helix,strand, or draw sequences first (`sciencegen sequences`)"
        )
    place = next(place for place, letter in enumerate(sequence) if letter not in allowed)
    named = _NAMED.get(sequence[place], f"'{printable(sequence[place])}', no amino acid")
    return f"holds {named}, at position {place + 1}; only the 20 amino acids {ALPHABET} are accepted"


def text(sequence: str) -> str:
    """A protein as text: the sequence itself."""
    return sequence


def key(sequence: str) -> str:
    """Identity of a protein: its sequence."""
    return sequence


def encode_rows(sequences: Sequence[str]) -> UInt8[np.ndarray, "sequence column"]:
    """Residue numbers of sequences of one length; gaps are `GAP`."""
    lengths = set(map(len, sequences))
    if len(lengths) > 1:
        raise ShapeError(f"Expected sequences of one length, got {min(lengths)} to {max(lengths)}.")
    letters = np.frombuffer("".join(sequences).encode("ascii"), np.uint8)
    return NUMBER_OF_LETTER[letters].reshape(len(sequences), next(iter(lengths), 0))


def decode_rows(rows: UInt8[np.ndarray, "sequence column"]) -> list[str]:
    """Sequences from residue numbers, gaps as '-'."""
    letters, width = _LETTER_OF_NUMBER[rows].tobytes().decode("ascii"), rows.shape[1]
    return [letters[start : start + width] for start in range(0, len(rows) * width, width)]


def encode_joined(sequences: Sequence[str]) -> tuple[UInt8[np.ndarray, " residue"], Int[np.ndarray, " sequence"]]:
    """Concatenated residue numbers of sequences of any lengths, and these lengths."""
    letters = np.frombuffer("".join(sequences).encode("ascii"), np.uint8)
    return NUMBER_OF_LETTER[letters], np.array([len(sequence) for sequence in sequences], np.int64)


# Sequences of Biopython as items.


def sequence_of(given: object) -> str | None:
    """The letters of a Seq, a MutableSeq or a SeqRecord; "" if it has none."""
    from Bio.Seq import MutableSeq, Seq, UndefinedSequenceError
    from Bio.SeqRecord import SeqRecord

    found = given.seq if isinstance(given, SeqRecord) else given
    if found is None:
        return "" if isinstance(given, SeqRecord) else None
    if not isinstance(found, Seq | MutableSeq):
        return None
    try:
        return str(found)
    except UndefinedSequenceError:  # of a known length without letters
        return ""


def seq_of(sequence: str) -> Seq:
    """The sequence as a Seq."""
    from Bio.Seq import Seq

    return Seq(sequence)


OBJECTS = Objects(kinds="Seq and SeqRecord of Biopython", text=sequence_of, of=seq_of)


# Reads the taxon from the name of a record.

_ENTRY = re.compile(r"(?:.*\|)?[A-Z0-9]{1,10}_([A-Z0-9]{3,5})(?:/.*)?")


def taxon(name: str) -> str:
    """UniProt's code of the species from an entry's name: ECOLX for `BLAT_ECOLX/24-286`; "" for any other name."""
    found = _ENTRY.fullmatch(name)
    return found[1] if found else ""


# Classes of residues by the chemistry of their side chains, and their colours in pictures.

LETTER_CLASSES = {
    "aliphatic, sulfur": "AVLIMC",
    "aromatic": "FWY",
    "basic": "KRH",
    "acidic": "DE",
    "polar": "STNQ",
    "glycine": "G",
    "proline": "P",
}
_COLOURS = ("#7fa650", "#c99b2e", "#4a7fc1", "#c8504c", "#58a5a3", "#b0b0b0", "#9a76b8")
COLOUR = {
    letter: colour
    for letters, colour in zip(LETTER_CLASSES.values(), _COLOURS, strict=True)
    for letter in letters
} | {GAP_LETTER: "none"}  # fmt: skip
"""Letter -> colour of its class."""
