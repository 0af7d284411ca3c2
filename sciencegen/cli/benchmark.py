"""`sciencegen benchmark`: compare search methods on a suite of oracles."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import BenchmarkSettings


@options.flags_of(BenchmarkSettings, without=("seed", "batch_size"), text=False)
def benchmark(
    suite: Annotated[str, typer.Argument(help="The benchmark suite, such as pmo.", show_default=False)],
    settings: BenchmarkSettings,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Measure search methods: a row for each task, method and seed, with the area under the top-10 curve."""
    claim_output(output, force)

    from sciencegen.api.benchmark import resolve_benchmark

    plan = resolve_benchmark(suite, settings)
    for note in plan.notes:
        say(f"note: {note}")
    with progress("tasks", len(plan)) as advance, plan.open(output) as writer:
        for row in plan:
            writer.write({name: [value] for name, value in row.items()})
            say("{task}  {method}  seed {seed}  auc_top_10 {auc_top_10:.4f}  {seconds} s".format(**row))
            advance()
    summarize(plan.summary(), output, as_json)
