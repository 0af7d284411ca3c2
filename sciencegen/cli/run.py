"""`sciencegen run`: the whole workflow, from data to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options


def run(
    ctx: typer.Context,
    domain: options.Domain,
    config: Annotated[str | None, typer.Option(help="The workflow's config. [default: the domain's own]")] = None,
    profile: Annotated[str, typer.Option(help="default, slurm, or a folder with a Snakemake profile.")] = "default",
    results: Annotated[str | None, typer.Option(help="Where results go. [default: results]")] = None,
) -> None:
    """Run prepare, train, generate, predict, optimize, evaluate and report. Flags after -- go to Snakemake.

    The same command goes on where a killed one stopped.
    """
    from sciencegen.api.run import run as run_workflow

    path = Path(config) if config else None
    raise typer.Exit(run_workflow(domain, path, profile=profile, results=results, flags=ctx.args))
