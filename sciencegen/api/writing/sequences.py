"""Outputs of items with sequences: the items in tables and files of their form, or the sequences alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sciencegen.api.science.forms import domain_of, plain_name
from sciencegen.api.writing.formats import check_ending
from sciencegen.api.writing.sidecar import SidecarFile
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.data.writers import WRITTEN_TABLES

SEQUENCE = "sequence"
"""The column of sequences that were drawn for items."""


def claim_sequences(domain: str, output: str, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise an error for an output of `open_sequences` that can't be written. inputs: files that must not be
    replaced."""
    science = domain_of(domain)
    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        formats = domain_of(plain_name(domain)).items.formats
        if _of_plain_domain(domain, output):
            check_ending(plain_name(domain), "`output`", output)
        else:
            check_ending(domain, "`output`", output, (*WRITTEN_TABLES[:3], formats[0]))
    elif science.sidecar is not None:
        SidecarFile(science, science.sidecar, output, overwrite).claim(inputs)


def open_sequences(domain: str, output: str, columns: Sequence[str], options: OutputOptions) -> OutputWriter:
    """The writer of items of a form in tables and files of the form, or of their column `sequence` in files of the
    plain domain."""
    if not _of_plain_domain(domain, output):
        return open_output(domain, output, columns, options)
    others = [one for one in columns if one != SEQUENCE]
    return open_output(plain_name(domain), output, others, options).with_items_of(SEQUENCE)


def _of_plain_domain(domain: str, output: str) -> bool:
    """Whether a file has an ending of the plain domain's and not of the form's."""
    formats, plain = domain_of(domain).items.formats, domain_of(plain_name(domain)).items.formats
    return output.lower().endswith(tuple({*plain} - {*formats} - {*WRITTEN_TABLES}))
