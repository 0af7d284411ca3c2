"""`sciencegen score`: properties of a file of items."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output, input_items, input_path, reasons
from sciencegen.cli.workers import begin_loading, start_workers
from sciencegen.config import ScoreSettings, VariantScoringSettings
from sciencegen.errors import ConfigError, DataError


@options.flags_of(ScoreSettings, VariantScoringSettings, without=("seed", "batch_size"), text=False)
def score(
    domain: options.Domain,
    source: Annotated[
        str | None,
        typer.Argument(
            help="The file of items; - is stdin. Of backbones also one item, designs.pdb[3]. Not with --variants.",
            show_default=False,
        ),
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="Score variants instead of items: all-singles, or a file (column mutant, such as A42G:K43R; - is "
            "stdin). A family's model scores them, or with --wild-type predictors alone."
        ),
    ] = None,
    *,
    flags: Mapping[str, Any],
    format: options.Format = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Score every item of a file; or, with --variants, effects of mutations by a model of their family.

    Rows that can't be read are listed in `<output>.rejects.csv`.
    """
    if (source is None) == (variants is None):
        raise ConfigError("Expected a file of items or --variants, and not both.")
    place = Destination(output, force, as_json)
    if variants is None:
        _check_for_items(flags)
        assert source is not None  # one of the two was given
        score_items(domain, source, format, place, options.record_of(ScoreSettings, flags))
        return
    for flag, value in (
        ("--with", flags["names"]), ("--cache", flags["cache"]), ("--format", None if variants == "-" else format)
    ):  # fmt: skip
        if value:
            raise ConfigError(
                f"Expected no {flag} with --variants: only a family's model and predictors score variants."
            )
    _score_variants(domain, variants, format, place, options.record_of(VariantScoringSettings, flags))


def _check_for_items(flags: Mapping[str, Any]) -> None:
    """Raise an error for a flag that only variants have."""
    if flags["structure"] is not None:
        raise ConfigError("Expected --variants with --structure: it adds to the scores of variants.")
    if flags["alignment"] is not None or flags["settings"] or flags["training"]:
        raise ConfigError("Expected --alignment, --set and --training with --variants only. Pass a file to --variants.")


@dataclass(frozen=True)
class Destination:
    """Where to write results and how to print their summary."""

    output: str
    force: bool
    as_json: bool


def score_items(
    domain: str, source: str, format: str | None, place: Destination, settings: ScoreSettings, verb: str = "score"
) -> None:
    """Score every item of a file, and copy the other columns of an input table to an output table."""
    claim_output(place.output, place.force, inputs=[source])
    begin_loading()

    from sciencegen.api.science import reads_folders
    from sciencegen.api.score import resolve_score
    from sciencegen.api.writing.results import write_chunks
    from sciencegen.api.writing.writer import input_ending, writes_structures

    whole, called = writes_structures(place.output), "standard input" if source == "-" else ""
    ending = partial(input_ending, domain, format, column=settings.column)
    with input_items(domain, source, ending, reads_folders(domain)) as given:
        request = resolve_score(domain, given, settings, verb=verb, whole=whole, called=called)
        scoring = request.scoring()
        writer = request.open(scoring, place.output, place.force)
        start_workers()
        with progress("scoring") as advance:
            write_chunks(writer, scoring, advance)
    for note in scoring.notes:
        say(f"note: {note}")
    if not scoring.scored:
        raise DataError(f"No row of {source} could be used; {reasons(place.output, scoring.first_refused)}.")
    summarize(scoring.summary(), place.output, place.as_json)
    if scoring.first_failure is not None and not scoring.valued:
        line, _, reason = scoring.first_failure
        where = reasons(place.output)
        raise DataError(f"No row of {source} has a score, the first, line {line}: {reason}; {where}.")


def _score_variants(
    domain: str, variants: str, format: str | None, place: Destination, settings: VariantScoringSettings
) -> None:
    """Columns: score, higher is fitter and 0 the wild type; score_sd, the spread between the models of the ensemble;
    with `structure` also contacts, structure_log_odds and family_structure_score."""
    from sciencegen.api.writing.writer import check_table

    check_table(place.output, "scores of variants")
    claim_output(place.output, place.force, inputs=[variants])

    from sciencegen.api.score_variants import resolve_score_variants
    from sciencegen.api.writing.results import write_chunks
    from sciencegen.api.writing.writer import input_ending

    ending = partial(input_ending, domain, format or ".csv")
    with input_path(variants, ending) if variants == "-" else nullcontext(variants) as path:
        request = resolve_score_variants(domain, path, settings, say)
        scoring = request.scoring()
        for note in scoring.notes:
            say(f"note: {note}")
        writer = request.open(scoring, place.output)
        with progress("scoring variants", scoring.total) as advance:
            write_chunks(writer, scoring, advance)
        for note in scoring.numbering.notes:
            say(f"note: {note}")
        if not scoring.scored:
            raise DataError(f"No variant of {path} could be scored; {reasons(place.output, scoring.first_refused)}.")
        summarize(scoring.summary(), place.output, place.as_json)
        if scoring.scorer is None and not scoring.predicted:
            reason = scoring.first_failure or "a deletion has none"
            raise DataError(f"No variant of {path} has a prediction, the first: {reason}.")
