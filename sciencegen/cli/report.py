"""`sciencegen report`: one self-contained page from a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import summarize
from sciencegen.cli.output import claim_output
from sciencegen.errors import DataError


def report(
    folder: Annotated[str, typer.Argument(help="A workflow's results folder.", show_default=False)],
    settings: options.SettingsText = None,
    output: Annotated[str | None, typer.Option("-o", help="The page. [default: report.html there]")] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write the page that shows what was wished, found and measured; it opens offline."""
    if not Path(folder).is_dir():
        raise DataError(
            f"Expected a workflow's results folder at {folder}, found none. Make one with `sciencegen run`."
        )
    page = output or str(Path(folder) / "report.html")
    claim_output(page, force)

    from sciencegen.api.report import report as write_report
    from sciencegen.config import RunSettings, build_settings, read_settings

    record = build_settings(RunSettings, read_settings(settings), "--settings") if settings else None
    summarize(write_report(folder, page, record), page, as_json)
