"""`sciencegen score`, `predict`, `sequences`, `evaluate` and `properties`: what items are worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, show, steps, tell
from sciencegen.cli.output import STDOUT, Outlet, input_path, reasons, source_path
from sciencegen.cli.process import begin_loading, start_workers
from sciencegen.config import (
    EvaluateSettings,
    ScoreSettings,
    SequencesSettings,
    Settings,
    VariantScoringSettings,
    build_settings,
    flags_of_field,
    own_first,
)
from sciencegen.errors import ConfigError, DataError

# `sciencegen score`: properties of a file of items.


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
    outlet: Outlet = STDOUT,
) -> None:
    """Score every item of a file; or, with --variants, effects of mutations by a model of their family.

    Rows that can't be read are listed in `<output>.rejects.csv`.
    """
    if (source is None) == (variants is None):
        raise ConfigError("Expected a file of items or --variants, and not both.")
    given = {name for name, value in flags.items() if value not in (None, [], {})}
    if variants is None:
        if "structure" in given:
            raise ConfigError("Expected --variants with --structure: it adds to the scores of variants.")
        alone = _flags_beside(VariantScoringSettings, ScoreSettings)
        if given & alone.keys():
            *most, last = (flag for name, flag in alone.items() if name != "structure")
            raise ConfigError(f"Expected {', '.join(most)} and {last} with --variants only. Pass a file to --variants.")
        assert source is not None  # one of the two was given
        score_items(domain, source, format, outlet, options.record_of(ScoreSettings, flags))
        return
    useless = [flag for name, flag in _flags_beside(ScoreSettings, VariantScoringSettings).items() if name in given]
    if useless := [*useless, *["--format"] * (format is not None and variants != "-")]:
        raise ConfigError(
            f"Expected no {useless[0]} with --variants: only a family's model and predictors score variants."
        )
    _score_variants(domain, variants, format, outlet, options.record_of(VariantScoringSettings, flags))


def _flags_beside(record: type[Settings], other: type[Settings]) -> dict[str, str]:
    """Setting -> flag of those that a record has, and another one of the same command doesn't."""
    fields = [(name, field) for name, field in own_first(record) if name not in other.model_fields]
    return {name: flags[0] for name, field in fields if (flags := flags_of_field(name, field))}


def score_items(
    domain: str, source: str, format: str | None, outlet: Outlet, settings: ScoreSettings, verb: str = "score"
) -> None:
    """Score every item of a file, and copy the other columns of an input table to an output table."""
    outlet.claim(source)
    begin_loading()

    from sciencegen.api.score import resolve_score
    from sciencegen.api.writing.writer import writes_structures

    whole, called = writes_structures(outlet.output), "standard input" if source == "-" else ""
    with source_path(domain, source, format, settings.column) as given:
        request = resolve_score(domain, given, settings, verb=verb, whole=whole, called=called)
        scoring = request.scoring()
        writer = request.open(scoring, outlet.output, outlet.force)
        start_workers()
        outlet.stream(writer, scoring, "scoring")
    tell(scoring.notes)
    if not scoring.scored:
        raise outlet.empty(source, "could be used", scoring.first_refused)
    outlet.summarize(scoring.summary())
    if scoring.first_failure is not None and not scoring.valued:
        line, _, reason = scoring.first_failure
        raise outlet.empty(source, f"has a score, the first, line {line}: {reason}")


def _score_variants(
    domain: str, variants: str, format: str | None, outlet: Outlet, settings: VariantScoringSettings
) -> None:
    """Columns: score, higher is fitter and 0 the wild type; score_sd, the spread between the models of the ensemble;
    column_score, by the frequencies of letters in the alignment's columns alone; with `structure` also contacts,
    structure_log_odds and family_structure_score."""
    from sciencegen.api.writing.writer import check_table

    check_table(outlet.output, "scores of variants")
    outlet.claim(variants)

    from sciencegen.api.score_variants import resolve_score_variants
    from sciencegen.api.writing.writer import input_ending

    ending = partial(input_ending, domain, format or ".csv")
    with input_path(variants, ending) if variants == "-" else nullcontext(variants) as path:
        request = resolve_score_variants(domain, path, settings, say)
        scoring = request.scoring()
        tell(scoring.notes)
        outlet.stream(request.open(scoring, outlet.output), scoring, "scoring variants", scoring.total)
        tell(scoring.last_notes)
        if not scoring.scored:
            raise DataError(f"No variant of {path} could be scored; {reasons(outlet.output, scoring.first_refused)}.")
        outlet.summarize(scoring.summary())
        if scoring.scorer is None and not scoring.predicted:
            reason = scoring.first_failure or "a deletion has none"
            raise DataError(f"No variant of {path} has a prediction, the first: {reason}.")


# `sciencegen predict`: values with intervals from a trained predictor.


@options.flags_of(
    ScoreSettings,
    only=("predictors", "wild_type", "column", "device", "threads"),
    required=("predictors",),
    text=False,
)
def predict(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)],
    settings: ScoreSettings,
    format: options.Format = None,
    outlet: Outlet = STDOUT,
) -> None:
    """Predict properties of every item of a file: value, lower and upper bound, and whether the item is in domain.

    The other columns of an input table are copied to the output.
    """
    score_items(domain, source, format, outlet, settings, "predict")


# `sciencegen sequences`: sequences for items with coordinates.


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
    outlet: Outlet = STDOUT,
) -> None:
    """Draw sequences for protein backbones, with perplexities, and compare structures predicted from them.

    A table has a row for each sequence, and the backbones with their sequences in a file beside it. A FASTA file holds
    the sequences alone, a PDB or mmCIF file the backbones with them. Rows that can't be used are listed in
    `<output>.rejects.csv`.
    """
    record = _with_programs(settings, command, fold)
    outlet.claim(source)  # before a family's model is trained

    from sciencegen.api.sequences import form_with_sequences, resolve_sequences
    from sciencegen.api.writing.results import claim_sequences

    form, called = form_with_sequences(domain), "standard input" if source == "-" else ""
    claim_sequences(form, outlet.output, outlet.force, [Path(source)])
    with source_path(form, source, format, record.column) as given:
        request = resolve_sequences(domain, given, record, say, called)
        scoring = request.scoring()
        outlet.stream(request.open(scoring, outlet.output, outlet.force), scoring, "sequences")
    tell(scoring.notes)
    summary = scoring.summary()
    if not summary["sequences"]:
        raise outlet.empty(source, "got a sequence", scoring.first_refused)
    outlet.summarize(summary)
    if summary.get("folded") == 0:
        why = f", the first: {scoring.first_failure}; {reasons(outlet.output)}"
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


# `sciencegen evaluate`: compare a file of generated items with held-out ones.


@options.flags_of(EvaluateSettings, without=("offline", "batch_size"))
def evaluate(
    domain: options.Domain,
    samples: Annotated[str, typer.Argument(help="The file of generated items; - is stdin.", show_default=False)],
    settings: EvaluateSettings,
    model: str | None = None,
    draws: int | None = None,
    column: options.Column = None,
    format: options.Format = None,
    outlet: Outlet = STDOUT,
) -> None:
    """Compare generated items with held-out ones, and write the metrics as JSON."""
    if not settings.calibrate and draws is not None:
        raise ConfigError("Expected --draws with --calibrate only: no other metric draws from a model.")
    outlet.claim(samples, settings.against, settings.training)

    from sciencegen.api.evaluate import explained, resolve_evaluate
    from sciencegen.api.science import in_form
    from sciencegen.api.writing.writer import write_json

    form = in_form(domain, settings.form)
    with source_path(form, samples, format, column, one=False) as path:
        request = resolve_evaluate(domain, Path(path), settings, column)
        with steps() as report:
            metrics = request.compare(report)
    if model is not None and not settings.calibrate and "bits_per_item" not in metrics:
        say("note: the model has no likelihood of these items, so that --model adds nothing")
    write_json(outlet.output, metrics)
    if outlet.as_json:
        outlet.summarize(metrics)
    else:
        show(("metric", "value", "unit", "what it is"), explained(request.domain, metrics))
        for name, rows in metrics.get("conditions", {}).items():
            values = [tuple(row.values()) for row in rows]
            show(tuple(rows[0]), values, f"draws of the model for requested values of {name}")
        outlet.summarize({name: metrics[name] for name in ("ledger",) if name in metrics})


# `sciencegen properties`: names for goals and conditions.


def properties(domain: options.Domain, model: options.Model = None, as_json: options.Json = False) -> None:
    """List the names for --where, --goal and --with: properties with unit, range in the data and meaning.

    The column tolerance is that of `name = x`. The column conditioned marks properties that the model is conditioned
    on; the others only filter its draws.
    """
    from sciencegen.api.properties import properties_of, range_text

    found = properties_of(domain, model)
    if as_json:
        print(json.dumps(found.to_json()))
        return
    header = ("name", "unit", "data", "tolerance", "conditioned", "meaning")
    cells = []
    for one in found.properties:
        condition = "yes" if one.name in found.conditions else ""
        cells.append(
            (one.name, one.unit, range_text(one.low, one.high), f"{one.tolerance:g}", condition, one.description)
        )
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for row in (header, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    listed = {one.name for one in found.properties}
    lists = {
        "further conditions of the model": found.conditions,
        "also computed": found.further,
        "computed by the model": found.knows,
        "shipped predictors": [f"--predictor {name}={folder}" for name, folder in found.predicted.items()],
    }
    for title, names in lists.items():
        if more := [name for name in names if name not in listed]:
            print(fill(f"{title}: {', '.join(more)}", 100, subsequent_indent="  ", break_on_hyphens=False))
    chosen = ", ".join(f"`{name}`" for name in (*found.open_names, "module:function"))
    print(fill(f"and {chosen}, predictors and programs of your own", 100, subsequent_indent="  "))
