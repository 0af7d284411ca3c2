"""`sciencegen score`: properties of a file of items."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import input_path, reasons
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import claim_output

if TYPE_CHECKING:
    from sciencegen.config import Resources


def score(
    domain: options.Domain,
    source: Annotated[
        str | None, typer.Argument(help="The file of items; - is stdin. Not with --variants.", show_default=False)
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="all-singles, or a file of variants (column mutant, such as A42G:K43R; - is stdin): scored by a "
            "family, or with --wild-type by predictors alone."
        ),
    ] = None,
    alignment: options.Alignment = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A model's folder or name, for what it knows of items itself (galaxies: anomaly, log_likelihood); or "
            "with --variants, instead of --alignment, that of a family's model."
        ),
    ] = None,
    setting: options.RecipeSetting = None,
    training: options.Training = None,
    classify: Annotated[
        bool,
        typer.Option(
            "--classify",
            help="With --variants: how likely each is damaging, and its class (benign, uncertain, damaging).",
        ),
    ] = False,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="Properties and oracles, a,b,c. [default: all properties; with --model, what it knows]"
        ),
    ] = None,
    predictor: options.Predictor = None,
    wild_type: options.WildType = None,
    column: options.Column = None,
    format: options.Format = None,
    threads: options.Threads = None,
    device: options.Device = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one item may take.")] = 30.0,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Score every item of a file; or, with --variants, the effects of mutations by a model of their family.

    What can't be read is listed in `<output>.rejects.csv`.
    """
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, threads=threads, device=device)
    predictors = options.folders(predictor)
    if (source is None) == (variants is None):
        raise ConfigError("Expected a file of items or --variants, and not both.")
    if classify and variants is None:
        raise ConfigError("Expected --variants with --classify: classes are those of variants.")
    if variants is None and (alignment, setting, training) != (None, None, None):
        raise ConfigError("Expected --alignment, --set and --training with --variants only: pass the file so.")
    if variants is not None:
        _check_variants(variants, output, {"--with": names, "--format": None if variants == "-" else format})
    claim_output(output, force)
    if variants is not None:
        sources = {"alignment": alignment, "model": model, "wild_type": wild_type, "predictors": predictors}
        sources |= {"settings": options.pairs(setting, "--set"), "training": options.pairs(training, "--training")}
        from sciencegen.api.writing.writer import input_ending

        ending = partial(input_ending, domain, format or ".csv")
        with input_path(variants, ending) if variants == "-" else nullcontext(variants) as path:
            return _score_variants(domain, path, sources, column, classify, record, output, as_json)

    assert source is not None  # one of the two was given
    score_items(
        domain, source, options.names(names), predictors, wild_type, column, format, record, timeout, output, force,
        as_json, model=model,
    )  # fmt: skip


def score_items(
    domain: str, source: str, wanted: list[str], predictors: dict[str, str], wild_type: str | None,
    column: str | None, format: str | None, resources: Resources, timeout: float, output: str, force: bool,
    as_json: bool, carried: bool = False, model: str | None = None, verb: str = "score",
) -> None:  # fmt: skip
    """Every item of a file; carried: a table's own columns come along into tables. model: of `score.stream`."""
    from sciencegen.api.science.forms import reads_folders
    from sciencegen.api.score import stream
    from sciencegen.api.writing.formats import writes_structures
    from sciencegen.api.writing.provenance import origin_of_given, plain_path
    from sciencegen.api.writing.writer import input_ending, open_output

    with input_path(source, partial(input_ending, domain, format, column=column), reads_folders(domain)) as path:
        whole = writes_structures(output)
        scoring = stream(
            domain, path, wanted, predictors, column=column, timeout_s=timeout, resources=resources, whole=whole,
            wild_type=wild_type or "", carried=carried and not whole, model=model,
        )  # fmt: skip
        place = scoring.domain if whole else domain
        first = None
        origin = origin_of_given(verb, [f"of {'standard input' if source == '-' else plain_path(source)}"])
        sink = open_output(place, output, scoring.columns, origin=origin, overwrite=force, exact=scoring.own.carried)
        with progress("scoring") as advance, sink as writer:
            for chunk in scoring:
                writer.write(chunk.values)
                writer.reject(chunk.refused)
                first = first or next(iter(chunk.refused), None)
                advance(len(chunk.values["item"]))
            if not scoring.scored:
                writer.give_up()
    for note in scoring.notes:
        say(f"note: {note}")
    if not scoring.scored:
        raise DataError(f"No row of {source} could be used; {reasons(output, first)}.")
    summarize(scoring.summary(), output, as_json)
    if scoring.first_failure is not None and not scoring.valued:
        line, _, reason = scoring.first_failure
        told = reasons(output)
        raise DataError(f"No row of {source} has a score, the first, line {line}: {reason}; {told}.")


def _score_variants(
    domain: str, variants: str | Path, sources: dict[str, Any], column: str | None, classify: bool,
    resources: Resources, output: str, as_json: bool,
) -> None:  # fmt: skip
    """score: higher is fitter, 0 for the wild type; score_sd: the spread between the models of the ensemble; with
    `classify` also damaging, a probability, and class: benign, uncertain or damaging."""
    from sciencegen.api.score_variants import score_variants
    from sciencegen.api.writing.writer import open_output

    scoring = score_variants(
        domain, variants, column=column, classify=classify, resources=resources, log=say, **sources
    )  # fmt: skip
    first = None
    sink = open_output(domain, output, scoring.columns, exact=scoring.own.carried)
    with progress("scoring variants", scoring.total) as advance, sink as writer:
        for chunk in scoring:
            writer.write(chunk.values)
            writer.reject(chunk.refused)
            first = first or next(iter(chunk.refused), None)
            advance(len(chunk.values["line"]))
        if not scoring.scored:
            writer.give_up()
    for note in scoring.numbering.notes:
        say(f"note: {note}")
    if not scoring.scored:
        raise DataError(f"No variant of {variants} could be scored; {reasons(output, first)}.")
    summarize(scoring.summary(), output, as_json)
    if scoring.scorer is None and not scoring.predicted:
        reason = scoring.first_failure or "a deletion has none"
        raise DataError(f"No variant of {variants} has a prediction, the first: {reason}.")


def _check_variants(variants: str, output: str, others: Mapping[str, object]) -> None:
    """What is wrong is said before a family's model is trained."""
    if given := [flag for flag, value in others.items() if value]:
        raise ConfigError(f"Expected no {given[0]} with --variants: these are scored by their family and predictors.")
    from sciencegen.api.writing.formats import WRITTEN_TABLES

    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        raise ConfigError(f"Expected -o to end in .csv or .parquet for scores of variants, got {output}.")
    if variants not in ("all-singles", "-") and not Path(variants).is_file():
        raise DataError(
            f"Expected all-singles or a file of variants, found no file '{variants}'. "
            "Put A42G or such into a file with the header `mutant`."
        )
