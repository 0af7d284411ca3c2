"""Reads references and variants from a user's tables and files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from sciencegen.domains.capabilities import Variants
from sciencegen.domains.proteins.alignments import read_focus
from sciencegen.domains.proteins.items import GAP_LETTER, parse
from sciencegen.domains.proteins.motifs import exempt_motifs
from sciencegen.domains.proteins.pathogenicity import variant_classes
from sciencegen.domains.proteins.structure_scores import structure_scores
from sciencegen.domains.proteins.structure_sequences import chain_reference, split_chain
from sciencegen.domains.proteins.variant_names import VariantNames
from sciencegen.domains.proteins.variants import (
    Reference,
    apply_variant,
    numbered,
    split_range,
    variant_name,
    written_out,
)
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal


def read_reference(source: str, first: int = 1) -> Reference:
    """Read a wild type: a sequence, the first record of a FASTA file or an alignment, or a chain of a structure file
    (`1abc.pdb:A`) with its numbering. A sequence or the name of a record may end with its range (`MKV.../24-286`);
    otherwise a sequence is numbered from `first`."""
    with suppress(OSError):  # a long sequence isn't a valid file name
        if (found_chain := split_chain(source)) is not None:
            return chain_reference(*found_chain)
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
    """The sequence of a variant, given by name (`A42G:K43R`) or as a sequence of any length."""
    written = written_out(text)
    sequence = apply_variant(reference, text) if written is None else written
    if isinstance(sequence, str) and GAP_LETTER in sequence:
        return Refusal(f"'{text[:60]}' deletes a residue: only substitutions have a place here")
    return sequence


VARIANTS = Variants(
    read_reference=read_reference,
    text_of=variant_text,
    name_of=variant_name,
    names=VariantNames,
    exempt_motifs=exempt_motifs,
    classes=variant_classes,
    structure=structure_scores,
    unit="nats",
)
