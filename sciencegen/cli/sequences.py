"""`sciencegen sequences`: sequences for items with coordinates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output, input_items, reasons
from sciencegen.cli.score import Destination
from sciencegen.config import SequencesSettings, build_settings
from sciencegen.errors import DataError


@options.flags_of(SequencesSettings, without=("batch_size",))
def sequences(
    domain: options.Domain,
    source: Annotated[
        str,
        typer.Argument(
            help="The file or folder of backbones, or one of a file, designs.pdb[3]; - is stdin.", show_default=False
        ),
    ],
    settings: SequencesSettings,
    command: Annotated[
        str | None,
        typer.Option(
            help='A program that draws the sequences: "./design.sh {input} {output}" reads a PDB file, writes FASTA. '
            "It may also use {n}, {temperature}, {seed} and {keep}."
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            help='A program that predicts structures: "./fold.sh {input} {output}" reads FASTA, writes a PDB or mmCIF '
            "file or a folder of them, with pLDDT as B-factors."
        ),
    ] = None,
    format: options.Format = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Draw sequences for protein backbones, with perplexities, and compare structures predicted from them.

    A table has a row for each sequence, and the backbones with their sequences in a file beside it. A FASTA file holds
    the sequences alone, a PDB or mmCIF file the backbones with them. Rows that can't be used are listed in
    `<output>.rejects.csv`.
    """
    place = Destination(output, force, as_json)
    _draw(domain, source, format, place, _with_programs(settings, command, fold))


def _draw(domain: str, source: str, format: str | None, place: Destination, record: SequencesSettings) -> None:
    """Draw the sequences and write them; the output is checked before a family's model is trained."""
    claim_output(place.output, place.force, inputs=[source])

    from sciencegen.api.science import reads_folders
    from sciencegen.api.sequences import form_with_sequences, resolve_sequences
    from sciencegen.api.writing.results import claim_sequences, write_chunks
    from sciencegen.api.writing.writer import input_ending

    form, called = form_with_sequences(domain), "standard input" if source == "-" else ""
    claim_sequences(form, place.output, place.force, [Path(source)])
    ending = partial(input_ending, form, format, column=record.column)
    with input_items(domain, source, ending, reads_folders(form)) as given:
        request = resolve_sequences(domain, given, record, say, called)
        scoring = request.scoring()
        writer = request.open(scoring, place.output, place.force)
        with progress("sequences") as advance:
            write_chunks(writer, scoring, advance)
    for note in scoring.notes:
        say(f"note: {note}")
    summary = scoring.summary()
    if not summary["sequences"]:
        raise DataError(f"No row of {source} got a sequence; {reasons(place.output, scoring.first_refused)}.")
    summarize(summary, place.output, place.as_json)
    if summary.get("folded") == 0:
        why = f", the first: {scoring.first_failure}; {reasons(place.output)}"
        raise DataError(f"No sequence has a predicted structure{why}.")


def _with_programs(record: SequencesSettings, design: str | None, fold: str | None) -> SequencesSettings:
    """The settings with the programs that flags name; their limits in the settings stay."""
    known: dict[str, dict[str, Any]] = {
        name: one.model_dump(exclude_unset=True) for name, one in record.oracles.items()
    }
    for name, command in (("design", design), ("fold", fold)):
        if command is not None:
            known[name] = {**known.get(name, {}), "command": command}
    return build_settings(type(record), {**record.model_dump(exclude_unset=True), "oracles": known})
