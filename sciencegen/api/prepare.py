"""Prepare: a file or a dataset to standardized, distinct, measured items, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from sciencegen.api.sources.preparation import prepare_source
from sciencegen.config import PrepareSettings, build_settings
from sciencegen.data.prepared import PreparedDataset
from sciencegen.options import PrepareOptions, takes


@takes(PrepareSettings)
def prepare(
    domain: str,
    output: str | Path,
    *,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: Unpack[PrepareOptions],
) -> PreparedDataset:
    """Write the prepared dataset folder `output`; the settings are those of `sciencegen datasets prepare`."""
    return prepare_source(domain, output, build_settings(PrepareSettings, options), force=force, progress=progress)
