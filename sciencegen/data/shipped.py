"""The folders that come with sciencegen beside its code: in a checkout, or in the installed package."""

from __future__ import annotations

from pathlib import Path

from sciencegen.errors import DataError


def _shared(name: str) -> Path:
    """A folder of the repository, else the copy inside the installed package."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / name
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    installed = package / "_shared" / name
    if installed.is_dir():
        return installed
    raise DataError(
        f"Expected the folder '{name}' in {package.parent} or {installed.parent}, found none. Reinstall sciencegen."
    )


def dataset_root() -> Path:
    """The cards and samples that come with sciencegen."""
    return _shared("datasets")


def workflow_root() -> Path:
    """The folder of the Snakemake workflow that comes with sciencegen, for a Snakefile that uses it as a module.

    Returns
    -------
    Path
        It has `Snakefile`, and folders with configs and profiles.

    Raises
    ------
    DataError
        If the installation has no such folder.

    Examples
    --------
    >>> from sciencegen import workflow_root
    >>> (workflow_root() / "Snakefile").is_file()
    True
    """
    return _shared("workflows")
