"""Sequences of Biopython as items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciencegen.domains.capabilities import Objects

if TYPE_CHECKING:
    from Bio.Seq import Seq


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
