"""Reads references and variants from a user's tables and files."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sciencegen.domains.capabilities import Variants
from sciencegen.domains.proteins.alignments import read_focus
from sciencegen.domains.proteins.files import chain_reference, split_chain
from sciencegen.domains.proteins.items import GAP_LETTER, parse
from sciencegen.domains.proteins.motifs import exempt_motifs
from sciencegen.domains.proteins.structure_scores import structure_scores
from sciencegen.domains.proteins.variants import (
    ProteinVariantNames,
    Reference,
    apply_variant,
    numbered,
    split_range,
    variant_name,
    written_out,
)
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

_SITES = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*")


def read_reference(source: str, first: int = 1) -> Reference:
    """Read a wild type: a sequence, the first record of a FASTA file or an alignment, or a chain of a structure file
    (`1abc.pdb:A`) with its numbering. A sequence or the name of a record may end with its range (`MKV.../24-286`);
    otherwise a sequence is numbered from `first`. Behind all this may stand the open positions of a library, whose
    variants are then read from their letters there: `gb1.fasta@39,40,41,54` or `@39-41,54`."""
    whole, mark, numbers = source.rpartition("@")
    if not mark or not _SITES.fullmatch(numbers) or _is_file(source):
        return _without_sites(source, first)
    reference = _without_sites(whole, first)
    spans = [(int(start), int(end or start)) for start, _, end in (one.partition("-") for one in numbers.split(","))]
    inside = all(reference.first <= start <= end <= reference.last for start, end in spans)
    sites = tuple(site for start, end in spans for site in range(start, end + 1)) if inside else ()
    if not inside or len(set(sites)) < len(sites):
        raise ConfigError(
            f"Expected different open positions from {reference.first} to {reference.last}, the numbers of the wild "
            f"type, behind its @, got '{numbers}'. If its numbers are others, give its range: SEQUENCE/2-56@39,40."
        )
    return replace(reference, sites=sites)


def _is_file(source: str) -> bool:
    with suppress(OSError):  # a long sequence isn't a valid file name
        return Path(source).is_file()
    return False


def _without_sites(source: str, first: int) -> Reference:
    with suppress(OSError):
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
    """The sequence of a variant, given by name (`A42G:K43R`), by its letters at the reference's open positions, or as a
    sequence of any length."""
    written = written_out(reference, text)
    sequence = apply_variant(reference, text) if written is None else written
    if isinstance(sequence, str) and GAP_LETTER in sequence:
        return Refusal(f"'{text[:60]}' deletes a residue: only substitutions have a place here")
    return sequence


VARIANTS = Variants(
    read_reference=read_reference,
    text_of=variant_text,
    name_of=variant_name,
    names=ProteinVariantNames,
    exempt_motifs=exempt_motifs,
    structure=structure_scores,
    unit="nats",
)
