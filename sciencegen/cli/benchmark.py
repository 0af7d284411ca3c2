"""`sciencegen benchmark`: compare search methods on a suite of oracles."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output


def benchmark(
    suite: Annotated[str, typer.Argument(help="The benchmark suite, such as pmo.", show_default=False)],
    tasks: Annotated[
        list[str] | None,
        typer.Option(help="Tasks of the suite, a,b,c. [default: all but those that lack a classifier]"),
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Search methods, a,b,c. [default: evolution]")] = None,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Distinct items to score for each task and seed. [default: 10000]")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each task, with seeds 0, 1, ... [default: 5]")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="The domain. [default: the one that has this suite]")] = None,
    model: options.Model = None,
    predictor: Annotated[
        list[str] | None,
        typer.Option(help="The classifier of a task, a predictor of labels: pmo:drd2=FOLDER. Repeatable."),
    ] = None,
    device: options.Device = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Measure search methods: a row for each task, method and seed, with the area under the top-10 curve."""
    from sciencegen.config import BenchmarkSettings

    flags: dict[str, Any] = dict(
        tasks=options.names(tasks), methods=options.names(method), budget=budget, seeds=seeds, domain=domain
    )
    flags |= dict(model=model, predictors=options.folders(predictor), device=device, threads=threads)
    record = options.settings_from(BenchmarkSettings, None, **flags)
    claim_output(output, force)

    from sciencegen.api.benchmark import resolve_benchmark

    plan = resolve_benchmark(suite, record)
    for note in plan.notes:
        say(f"note: {note}")
    with progress("tasks", len(plan)) as advance, plan.open(output) as writer:
        for row in plan:
            writer.write({name: [value] for name, value in row.items()})
            say("{task}  {method}  seed {seed}  auc_top_10 {auc_top_10:.4f}  {seconds} s".format(**row))
            advance()
    summarize(plan.summary(), output, as_json)
