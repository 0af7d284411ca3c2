"""Errors that state what was expected, what was found, and what to do about it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager


class SciencegenError(Exception):
    """Base of every error this package raises on purpose.

    A message names settings in backticks, such as `wild_type`; the command line shows them as its flags.

    Parameters
    ----------
    message : str
    names_keys : bool
        Whether the settings are keys of a config file, which are shown unchanged.

    Attributes
    ----------
    exit_code : int
        Exit code of the command line.

    Examples
    --------
    >>> import sciencegen as sg
    >>> try:
    ...     sg.score("molecule", "CCO")
    ... except sg.SciencegenError as error:
    ...     print(error, error.exit_code)
    Unknown domain 'molecule'. Did you mean 'molecules'? 2
    """

    exit_code = 1

    def __init__(self, message: str = "", *, names_keys: bool = False) -> None:
        super().__init__(message)
        self.names_keys = names_keys


class ConfigError(SciencegenError):
    """A setting, a configuration key or a name is wrong.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.generate("molecules", noise_scal=2.0)
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Settings: unknown key 'noise_scal', did you mean 'noise_scale' in `settings`?
    """

    exit_code = 2


class DataError(SciencegenError):
    """The data given can't be used; a single bad row is a refusal in the rejects table instead.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.interpolate("molecules", "CCO", "C1CC", 3, threads=1)
    Traceback (most recent call last):
    sciencegen.errors.DataError: Expected two items that can be encoded, got 'C1CC': not a valid SMILES string.
    """

    exit_code = 3


EXTRAS = {
    "molecules": ("rdkit", "selfies", "fcd", "posebusters"),
    "proteins": ("Bio",),
    "design": ("tmtools",),
    "orders": ("dnachisel",),
    "galaxies": ("astropy", "galsim"),
    "crystals": ("spglib", "ase", "pymatgen"),
    "workflow": ("snakemake",),
    "docking": ("dockstring", "openbabel", "vina"),
    "xtb": ("tblite",),
    "map": ("umap",),
    "optimizers": ("pytorch_optimizer",),
    "serve": ("starlette", "uvicorn"),
    "mcp": ("mcp", "anyio"),
    "xlsx": ("openpyxl",),
    "zarr": ("zarr",),
}
"""Extra of the package -> the modules that it brings."""


class MissingLibrary(ConfigError):
    """A library that an extra of the package brings, or a newer one of it, isn't installed.

    Parameters
    ----------
    module : str
        As it is imported; the extra that brings it is in `EXTRAS`.
    purpose : str
        What it is for, such as "to read .xlsx".
    found : str
        What is there in its place.

    Examples
    --------
    >>> print(MissingLibrary("openpyxl", "to read .xlsx"))
    Expected the library openpyxl to read .xlsx, got none. Install it: pip install 'sciencegen[xlsx]'.
    """

    def __init__(self, module: str, purpose: str = "", found: str = "none") -> None:
        self.extra = next(name for name, modules in EXTRAS.items() if module in modules)
        needed = f"the library {module} {purpose}".rstrip()
        super().__init__(f"Expected {needed}, got {found}. Install it: pip install 'sciencegen[{self.extra}]'.")


@contextmanager
def named_extras(purpose: str = "") -> Iterator[None]:
    """Raise a `MissingLibrary` for an import in the block that fails since such a library isn't installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        if not any(module in modules for modules in EXTRAS.values()):
            raise
        raise MissingLibrary(module, purpose) from error


class ShapeError(SciencegenError):
    """An array has another shape or type than the function requires."""

    exit_code = 2


class IncompatibleError(SciencegenError):
    """Weights, latents or a dataset were made for something else, or by a newer format.

    Examples
    --------
    >>> import numpy as np, sciencegen as sg
    >>> sg.decode("molecules", np.zeros((1, 3), np.float32), threads=1)
    Traceback (most recent call last):
    sciencegen.errors.IncompatibleError: Expected latents of 64 numbers for this model, the array holds 3. ...
    """

    exit_code = 4


class Stopped(BaseException):
    """A signal stopped the work after results so far were saved; `exit_code` is the shell's convention for it.

    It is not a KeyboardInterrupt, since libraries handle that by ending the process with other exit codes.
    """

    def __init__(self, signal: int, message: str = "") -> None:
        super().__init__(message)
        self.exit_code = 128 + signal


class UnknownNameError(ConfigError):
    """A name that isn't in a table (`unknown_name`)."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that isn't in a table: it lists the most similar names or, without any, all names, where
    those of one family (`pmo:qed`) are shown as their number."""
    known = sorted(known)
    near = nearest_names(str(name), known)
    remedy = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(_by_family(known))}."
    return UnknownNameError(f"Unknown {kind} '{name}'. {remedy}")


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """At most three similar names, the most similar first; case, spaces, dashes and underscores are ignored."""
    plain = {_plain(one): one for one in known}
    return [plain[one] for one in difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.6)]


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def _by_family(names: Sequence[str]) -> list[str]:
    """The names without a family of several, then `family:... (number)` for each family of several."""
    families = Counter(name.partition(":")[0] for name in names if ":" in name)
    alone = [name for name in names if families[name.partition(":")[0]] < 2]
    return [*alone, *(f"{family}:... ({count})" for family, count in families.items() if count > 1)]


@contextmanager
def converted(
    to: Callable[[Exception], SciencegenError], unchanged: type[SciencegenError] | tuple[()] = SciencegenError
) -> Iterator[None]:
    """Raise `to(error)` for every exception in the block that isn't one of `unchanged` (by default: this package's).

    For code that reads damaged or foreign files: libraries raise almost anything there (`MemoryError`, `OverflowError`,
    `BadZipFile`), so that no list of types would be complete.
    """
    try:
        yield
    except unchanged:
        raise
    except Exception as error:
        raise to(error) from error
