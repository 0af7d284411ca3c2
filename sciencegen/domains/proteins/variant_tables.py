"""Variants by name in a user's table, and how a set of them is split."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sciencegen.domains.proteins.alignments import read_focus
from sciencegen.domains.proteins.items import GAP_LETTER, parse
from sciencegen.domains.proteins.variant_features import VariantFeatures
from sciencegen.domains.proteins.variants import Reference, apply_variant, numbered, split_range, written_out
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.prediction.splits import Split


def read_reference(source: str, first: int = 1) -> Reference:
    """A wild type: its sequence, or the first record of a FASTA file or an alignment. Either may say its numbers
    (`MKV.../24-286`, the record at the end of its name); a sequence that doesn't is numbered from `first`."""
    with suppress(OSError):  # a long sequence is no name of a file
        if Path(source).is_file():
            return read_focus(Path(source))[0]
    text, span = split_range(source.strip())
    found = parse(text)
    if isinstance(found, Refusal):
        raise ConfigError(
            f"Expected a wild type (a sequence, or a file of FASTA or an alignment), got '{source[:60]}', which is no "
            f"file and, as a sequence, {found.reason}."
        )
    reference = Reference(found, first) if span is None else numbered(found, span)
    if isinstance(reference, Refusal):
        raise ConfigError(f"Expected the range of the wild type '{source[:20]}...' to {reference.reason}. Correct it.")
    return reference


def variant_text(reference: Reference, text: str) -> str | Refusal:
    """The sequence of a variant by its name (`A42G:K43R`), or one that is written out, of any length."""
    written = written_out(text)
    sequence = apply_variant(reference, text) if written is None else written
    if isinstance(sequence, str) and GAP_LETTER in sequence:
        return Refusal(f"'{text[:60]}' deletes a residue: only substitutions have a place here")
    return sequence


def by_positions(items: Sequence[str], features: VariantFeatures) -> Split:
    """The positions at which each differs from the reference, as its alignment numbers them."""
    changed = features.changed(items)
    first = features.reference.first
    return Split("positions", "parts", [tuple((row.nonzero()[0] + first).tolist()) for row in changed])


def by_mutations(items: Sequence[str], features: VariantFeatures) -> Split:
    """The number of positions at which each differs from the reference."""
    counts = features.changed(items).sum(axis=1)
    if len(found := set(counts[counts > 0].tolist())) < 2:
        changes = " and ".join(f"{count:g} mutation{'s' * (count != 1)}" for count in found) or "none"
        raise DataError(
            "Expected variants with different numbers of mutations for --split mutations, which learns from those with "
            f"fewer and judges by those with more; found {changes} in every one. Pass --split positions (what new "
            "variants change was never changed before) or --split random."
        )
    return Split("mutations", "order", counts)


SPLITS = {"positions": by_positions, "mutations": by_mutations}
