"""A verb of somebody else, once declared: `sciencegen lengths FILE`, and `lengths(file)` in Python."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from sciencegen.cli import options
from sciencegen.cli.output import claim_output
from sciencegen.config import Settings, build_settings
from sciencegen.options import takes


class LengthSettings(Settings):
    """Settings of `lengths`."""

    longest: int = Field(1000, ge=1, description="Characters of the longest item that counts.")


@takes(LengthSettings)
def lengths(source: str | Path, **options: object) -> dict[str, int]:
    """Count the lengths of the lines of a file.

    Parameters
    ----------
    source : str or Path
    """
    settings = build_settings(LengthSettings, options)
    counts = collections.Counter(len(line) for line in Path(source).read_text().splitlines())
    return {str(length): count for length, count in sorted(counts.items()) if length <= settings.longest}


@options.flags_of(LengthSettings)
def lengths_command(
    source: Annotated[str, typer.Argument(help="A file of items.", show_default=False)],
    settings: LengthSettings,
    output: options.Output = "-",
    force: options.Force = False,
) -> None:
    """Count the lengths of the lines of a file."""
    claim_output(output, force, inputs=[source])
    found = json.dumps(lengths(source, **settings.model_dump()))
    print(found) if output == "-" else Path(output).write_text(found)
