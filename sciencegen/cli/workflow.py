"""`sciencegen run`, `report` and `doctor`: the whole workflow, its page, and what is installed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import FewerResults, claim_output
from sciencegen.errors import ConfigError, DataError, Stopped

# `sciencegen run`: the whole workflow, from data to a report.

DRY_FLAGS = {"-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--touch", "--dag", "--rulegraph", "--summary"}
"""Flags of Snakemake with which nothing is computed."""

EARLY = "early"
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
        import yaml

        from sciencegen.api.workflow.check import config_schema

        print(yaml.safe_dump(config_schema(), sort_keys=False, width=110, allow_unicode=True), end="")
        return
    if "--no-plugins" in ctx.args:
        raise ConfigError("Expected --no-plugins before the verb: sciencegen --no-plugins run ...")

    from sciencegen.api.run import run as run_workflow

    try:
        finished = run_workflow(domain, config, profile=profile, results=results, flags=ctx.args)
    except KeyboardInterrupt:  # its message follows Snakemake's own on the interrupted job
        raise Stopped(signal.SIGINT, EARLY) from None
    except Stopped as stop:
        stop.args = (EARLY,)
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


# `sciencegen report`: one self-contained page from a run's folder, or from a campaign's journal.


def report(
    source: Annotated[
        str, typer.Argument(help="A workflow's results folder, or a campaign's journal (.csv).", show_default=False)
    ],
    settings: options.SettingsText = None,
    domain: Annotated[str | None, typer.Option(help="For a journal: its domain, such as proteins.")] = None,
    colour_by: Annotated[
        str | None,
        typer.Option(
            "--colour-by",
            "--color-by",
            help="Colours of the latent map: a number of the training data, taxon (proteins), or a table: name, label.",
        ),
    ] = None,
    wild_type: options.WildType = None,
    target: Annotated[
        str | None, typer.Option(help="For a journal: the measured column. [default: that of the journal, else value]")
    ] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="For a journal: smaller values are better.")] = False,
    output: Annotated[
        str | None, typer.Option("-o", help="The page. [default: report.html in the folder, or the journal's name]")
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a page that shows what was requested, found and measured. It opens offline.

    The source is the folder of a workflow, or a journal of `propose --journal` and `record`. For a journal the page
    shows the rounds, how well they were predicted, the best measured items, and the items not measured yet.
    """
    journal = Path(source).is_file() or source.lower().endswith(".csv")
    flags = {"--domain": domain, "--wild-type": wild_type, "--target": target, "--minimize": minimize}
    if journal and not domain:
        raise ConfigError(f"Expected the domain of the items in {source}, got none. Pass --domain.")
    if journal and (settings or colour_by):
        raise ConfigError(
            "Expected no --settings and no --colour-by with a journal: they apply to a workflow's folder."
        )
    if not journal and any(flags.values()):
        given = ", ".join(name for name, value in flags.items() if value)
        raise ConfigError(f"Expected a journal (.csv) with {given}, got '{source}'. Name one, or omit them.")
    if not journal and not Path(source).is_dir():
        raise DataError(
            f"Expected a workflow's results folder at {source}, found none. Make one with `sciencegen run`."
        )
    page = output or str(Path(source).with_suffix(".html") if journal else Path(source) / "report.html")
    claim_output(page, force)
    if journal:
        from sciencegen.api.reports.campaign import CampaignReportSettings, report_campaign

        chosen = CampaignReportSettings(str(domain), target or "", minimize, wild_type)
        summarize(report_campaign(source, page, chosen), page, as_json)
        return

    from sciencegen.api.report import report as write_report
    from sciencegen.config import RunSettings, build_settings, read_settings

    record = build_settings(RunSettings, read_settings(settings), "--settings") if settings else None
    summarize(write_report(source, page, record, colour_by), page, as_json)


# `sciencegen doctor`: what is installed here, and what it can compute on.


def doctor(as_json: options.Json = False) -> None:
    """Show which libraries, devices, weights and datasets this installation has."""
    from sciencegen.api.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, emoji=False)
    for section, rows in found.items():
        table = Table(title=section, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name, value in rows.items():
            table.add_row(str(name), str(value))
        console.print(table)
