"""`sciencegen benchmark`: a suite of oracles by the suite's own rule."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.files import claim_output


def benchmark(
    suite: Annotated[str, typer.Argument(help="The suite, such as pmo.", show_default=False)],
    tasks: Annotated[list[str] | None, typer.Option(help="Its tasks, a,b,c. [default: all]")] = None,
    method: Annotated[list[str] | None, typer.Option(help="How to search, a,b,c.")] = None,
    budget: Annotated[int, typer.Option(min=1, help="Distinct scored items for each task and seed.")] = 10000,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each task, with seeds 0, 1, ...")] = 5,
    domain: Annotated[str | None, typer.Option(help="The science. [default: the one that has this suite]")] = None,
    model: options.Model = None,
    device: options.Device = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Measure search methods: a row for each task, method and seed, with the area under the top-10 curve."""
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, device=device, threads=threads)
    claim_output(output, force)

    from sciencegen.api.benchmark import plan
    from sciencegen.api.writing.writer import open_output

    suite_plan = plan(suite, options.names(tasks), options.names(method), budget, seeds, domain, model, record)
    sink = open_output(suite_plan.domain, output, suite_plan.columns)
    with progress("tasks", len(suite_plan)) as advance, sink as writer:
        for row in suite_plan:
            writer.write({name: [value] for name, value in row.items()})
            say("{task}  {method}  seed {seed}  auc_top_10 {auc_top_10:.4f}  {seconds} s".format(**row))
            advance()
    summarize(suite_plan.summary(), output, as_json)
