"""Prepare: standardize a file or dataset, remove duplicates and compute properties."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sciencegen.api.sources.preparation import prepare_source
from sciencegen.config import PrepareSettings, build_settings
from sciencegen.data.prepared import PreparedDataset
from sciencegen.options import takes


@takes(PrepareSettings)
def prepare(
    domain: str,
    output: str | Path,
    *,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: object,
) -> PreparedDataset:
    r"""Standardize the items of a file or a dataset, drop duplicates, compute properties, and write them to a folder.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    output : str or Path
        The folder to write.
    force : bool
        Whether to replace an existing prepared dataset.
    progress : callable, optional
        Called with the number of rows that are done.

    Returns
    -------
    PreparedDataset
        `summary` counts rows, duplicates and refusals; `rejects.csv` in the folder has the reasons.

    Raises
    ------
    ConfigError
        Without a source, or for an unknown property or column.
    DataError
        If no row can be used.

    Examples
    --------
    >>> import sciencegen as sg
    >>> _ = open("items.smi", "w").write("CCO\nOCC\nc1ccccc1\nC1CC\n")
    >>> counts = sg.prepare("molecules", "prepared", source="items.smi", properties="mw", threads=1).summary["counts"]
    >>> counts["rows"], counts["duplicates"], counts["refused"]
    (4, 1, 1)
    """
    return prepare_source(domain, output, build_settings(PrepareSettings, options), force=force, progress=progress)
