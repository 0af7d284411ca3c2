"""`sciencegen run`: the whole workflow, from data to a report."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say
from sciencegen.cli.output import FewerResults
from sciencegen.errors import ConfigError, Stopped

DRY_FLAGS = {"-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--touch", "--dag", "--rulegraph", "--summary"}
"""Flags of Snakemake with which nothing is computed."""

CONTINUES = "early: the same command continues the run"
"""Follows "stopped" when a signal ends the run."""


def run(
    ctx: typer.Context,
    domain: options.Domain,
    config: Annotated[str | None, typer.Option(help="The workflow's config. [default: the domain's own]")] = None,
    profile: Annotated[str, typer.Option(help="default, slurm, or a folder with a Snakemake profile.")] = "default",
    results: Annotated[str | None, typer.Option(help="The folder of results. [default: results]")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of configs, and run nothing.")
    ] = False,
) -> None:
    """Run prepare, train, generate, predict, optimize, evaluate and report. Flags after -- go to Snakemake.

    The same command resumes a run that was stopped. The config is checked before anything runs. If fewer candidates are
    found than requested, the report is still written and the exit code is 5; fewer samples only give a note.
    """
    if schema:
        from sciencegen.api.workflow.schema import schema_text

        print(schema_text(), end="")
        return
    if "--no-plugins" in ctx.args:
        raise ConfigError("Expected --no-plugins before the verb: sciencegen --no-plugins run ...")

    from sciencegen.api.run import run as run_workflow

    try:
        finished = run_workflow(domain, config, profile=profile, results=results, flags=ctx.args)
    except KeyboardInterrupt:  # its message follows Snakemake's own on the interrupted job
        raise Stopped(signal.SIGINT, CONTINUES) from None
    except Stopped as stop:
        stop.args = (CONTINUES,)
        raise
    if finished.report is not None and not DRY_FLAGS & set(ctx.args):
        say(
            f"{'fewer than requested' if finished.fewer else 'done'}; the report, beside candidates and metrics in "
            f"{finished.folder}:"
        )
        print(finished.report, flush=True)
        for note in finished.notes:
            say(f"note: {note}", names_keys=True)
        if finished.fewer:
            raise FewerResults(" ".join(finished.fewer), names_keys=True)
    elif finished.code:
        say(f"stopped early; the steps' logs are in {finished.folder / 'logs'}. The same command resumes the run.")
    raise typer.Exit(finished.code)
