"""A verb of somebody else, once declared: `sciencegen lengths FILE`, and `lengths(file)` in Python."""

from __future__ import annotations

import collections
from pathlib import Path

from pydantic import Field

import sciencegen as sg
from sciencegen.config import Settings, build_settings
from sciencegen.options import takes


class LengthSettings(Settings):
    """Settings of `lengths`."""

    longest: int = Field(1000, ge=1, description="Characters of the longest item that counts.")


@takes(LengthSettings)
def lengths(source: str | Path, **options: object) -> sg.Result:
    """Count the lengths of the lines of a file.

    Parameters
    ----------
    source : str or Path
        A file of items.
    """
    import pandas as pd

    settings = build_settings(LengthSettings, options)
    counts = collections.Counter(len(line) for line in Path(source).read_text().splitlines())
    rows = [(length, count) for length, count in sorted(counts.items()) if length <= settings.longest]
    return sg.Result(pd.DataFrame(rows, columns=["length", "count"]), {"lengths": len(rows)})
