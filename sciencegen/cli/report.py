"""`sciencegen report`: one self-contained page from a run's folder, or from a campaign's journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import summarize
from sciencegen.cli.output import claim_output
from sciencegen.errors import ConfigError, DataError


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
    flags = {"domain": domain, "wild-type": wild_type, "target": target, "minimize": minimize}
    _check(source, journal, settings or colour_by, flags)
    page = output or str(Path(source).with_suffix(".html") if journal else Path(source) / "report.html")
    claim_output(page, force)
    if journal:
        from sciencegen.api.campaign.notes import CampaignReportSettings
        from sciencegen.api.reports.campaign import report_campaign

        chosen = CampaignReportSettings(str(domain), target or "", minimize, wild_type)
        summarize(report_campaign(source, page, chosen), page, as_json)
        return

    from sciencegen.api.report import report as write_report
    from sciencegen.config import RunSettings, build_settings, read_settings

    record = build_settings(RunSettings, read_settings(settings), "--settings") if settings else None
    summarize(write_report(source, page, record, colour_by), page, as_json)


def _check(source: str, journal: bool, settings: str | None, flags: dict[str, Any]) -> None:
    """Refuse settings that don't apply to a folder or to a journal."""
    if journal and not flags["domain"]:
        raise ConfigError(f"Expected the domain of the items in {source}, got none. Pass --domain.")
    if journal and settings:
        raise ConfigError(
            "Expected no --settings and no --colour-by with a journal: they apply to a workflow's folder."
        )
    given = [f"--{name}" for name, value in flags.items() if value]
    if not journal and given:
        raise ConfigError(f"Expected a journal (.csv) with {', '.join(given)}, got '{source}'. Name one, or omit them.")
    if not journal and not Path(source).is_dir():
        raise DataError(
            f"Expected a workflow's results folder at {source}, found none. Make one with `sciencegen run`."
        )
