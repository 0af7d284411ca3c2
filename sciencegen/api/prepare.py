"""Prepare: standardize a file or dataset, remove duplicates and compute properties."""

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
    source : str
        A file, or a dataset's name with or without a split: "moses/train".
    column : str, optional
        The column of items in a table.
    properties : str or sequence of str, optional
        Properties to compute; None means all properties of the domain.
    columns : str or sequence of str
        Numeric columns to keep as properties; none means all.
    fractions : mapping of str to float
        Shares of the splits of a file, such as {"train": 0.9, "test": 0.1}; also of a dataset without several splits.
    split_by : str, optional
        A column of numbers, such as a position, by whose order the shares are cut.
    split_gap : float
        Rows of a split that are nearer than this to the next one are left out.
    form : str
        Which form of the items to read, such as "structures" of molecules.
    measured, target
        `config.FamilyMeasurements`: measured variants of an alignment's first record.
    sample, limit, offline, wild_type
        `config.Reading`: how rows are read from a file or a dataset.
    seed, device, threads, batch_size
        `config.Resources`; the output doesn't depend on them.

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
