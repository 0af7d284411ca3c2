"""`sciencegen optimize`: search the latent space for items that meet goals."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.families import of_family
from sciencegen.cli.output import FewerResults, reserve
from sciencegen.config import OptimizeSettings


@options.flags_of(OptimizeSettings)
def optimize(
    domain: options.Domain,
    settings: OptimizeSettings,
    alignment: options.Alignment = None,
    structures: Annotated[str | None, typer.Option(help="Also write the candidates' structures to this file.")] = None,
    details: Annotated[
        str | None, typer.Option(help="Also write trace.csv, scored.parquet and summary.json to this folder.")
    ] = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Search for items that meet goals: `maximize` and `minimize` are objectives, the others are constraints.

    A predictor's value counts by the worse end of its interval, so that the search avoids items for which the
    prediction is uncertain. `--settings "{lower_bounds: false}"` uses the value alone.
    """
    from sciencegen.api.models.folder import results_of_model
    from sciencegen.api.optimize import SearchFiles, write_failures

    files, written = SearchFiles(output, structures, details), results_of_model(domain, settings.model)
    reserve(*files.paths)
    files.claim(written, force, settings.complete)

    from sciencegen.api.optimize import AllFailed, resolve_optimize, search, search_criteria
    from sciencegen.api.science import domain_of
    from sciencegen.api.search.tables import shortfall

    if alignment is not None:
        search_criteria(domain_of(domain), settings, domain_of(domain))  # report errors before minutes of training
        settings = of_family(domain, settings, alignment, output)
    request = resolve_optimize(domain, settings, say)
    for note in request.notes:
        say(f"note: {note}")
    try:
        with progress("scoring", settings.budget * (1 + len(settings.controls))) as advance:
            found = search(request, log=say, advance=advance)
    except AllFailed as error:
        write_failures(written, output, error.trace)
        raise
    for note in found.summary["notes"]:
        say(f"note: {note}")
    found.write(files, force)
    summarize(found.summary, output, as_json)
    if len(found.table["item"]) < settings.n:
        raise FewerResults(shortfall(found.summary, settings.n))
