"""`sciencegen optimize`: search the latent space for items that meet goals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.families import of_family
from sciencegen.cli.output import FewerResults, reserve

METHODS = ("evolution", "latent_evolution", "bayes", "cma", "ascent", "hill_climb", "prior")
"""The names in `optimization.search`, repeated here because importing it takes seconds."""

Goal = Annotated[
    list[str] | None,
    typer.Option(
        help='"maximize a", "b <= 3", "c in 1..3", "similarity to X >= 0.4" (names: `sciencegen properties DOMAIN`). '
        "Repeatable. A predictor's value counts by the worse end of its interval: the lower end for maximize and >=, "
        "the upper end for minimize and <=."
    ),
]


def optimize(
    domain: options.Domain,
    goal: Goal = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help='A condition under which the model draws, and which each candidate meets: "name in 40..90". '
            "Repeatable. A model that is conditioned on a property finds such items faster than by a goal."
        ),
    ] = None,
    predictor: options.Predictor = None,
    start: Annotated[
        list[str] | None, typer.Option(help="An item to start from, or a file of them. Repeatable.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Maximum number of distinct items to score. [default: 5000]")
    ] = None,
    n: Annotated[int | None, typer.Option("-n", help="Candidates to return. [default: 100]")] = None,
    method: Annotated[
        str | None, typer.Option(help=f"{', '.join(METHODS)}, or an installed plugin. [default: evolution]")
    ] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="Methods to run at the same budget, for comparison, a,b.")
    ] = None,
    keep: options.Keep = None,
    forbid: options.Forbid = None,
    implausible: options.Implausible = False,
    training: Annotated[
        str | None, typer.Option(help="Items that count as known: a table, file or dataset. [default: the model's own]")
    ] = None,
    known: Annotated[bool, typer.Option("--allow-known", help="Return items of the training data too.")] = False,
    maximum_similarity: Annotated[
        float | None,
        typer.Option(help="Largest similarity of two candidates. [default: 0.7; galaxies: 0.95; proteins: 1]"),
    ] = None,
    maximum_share: Annotated[
        float | None,
        typer.Option(
            help="Greatest share of the candidates in one class (molecules: scaffold, how rings are joined), if others "
            "meet the goals; 1 is no limit. [default: 0.1 where the domain has classes, as molecules]"
        ),
    ] = None,
    blocks: options.Blocks = None,
    maximum_steps: options.MaximumSteps = None,
    include: options.Include = None,
    cache: options.Cache = None,
    model: options.Model = None,
    alignment: options.Alignment = None,
    complete_by: options.Complete = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    settings: options.SettingsText = None,
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
    from sciencegen.config import OptimizeSettings

    predictors = options.folders(predictor)
    flags: dict[str, Any] = dict(
        goals=goal, where=where, predictors=predictors, start=start, budget=budget, n=n, method=method, keep=keep,
        plausible=False if implausible else None,
    )  # fmt: skip
    flags |= dict(forbid=forbid, training=training, novel=False if known else None, controls=options.names(control))
    flags |= dict(maximum_similarity=maximum_similarity, maximum_share=maximum_share, model=model, seed=seed)
    flags |= dict(
        include=options.names(include), blocks=blocks, maximum_steps=maximum_steps, complete=complete_by, cache=cache
    )
    flags |= dict(device=device, threads=threads, batch_size=batch_size)
    record = options.settings_from(OptimizeSettings, settings, **flags)

    from sciencegen.api.models.folder import results_of_model
    from sciencegen.api.writing.optimized import SearchFiles, write_failures

    files, written = SearchFiles(output, structures, details), results_of_model(domain, record.model)
    reserve(*files.paths)
    files.claim(written, force, complete_by)

    from sciencegen.api.optimize import AllFailed, check_search, resolve_optimize, search
    from sciencegen.api.search.tables import shortfall

    if alignment is not None:
        check_search(domain, record)  # report errors before minutes of training
        record = of_family(domain, record, alignment, output)
    request = resolve_optimize(domain, record, say)
    for note in request.notes:
        say(f"note: {note}")
    try:
        with progress("scoring", record.budget * (1 + len(record.controls))) as advance:
            found = search(request, log=say, advance=advance)
    except AllFailed as error:
        write_failures(written, output, error.trace)
        raise
    for note in found.summary["notes"]:
        say(f"note: {note}")
    found.write(files, force)
    summarize(found.summary, output, as_json)
    if len(found.table["item"]) < record.n:
        raise FewerResults(shortfall(found.summary, record.n))
