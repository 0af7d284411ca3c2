"""Parts that installed packages add to built-in ones: entry points of a group, loaded by name on use.

They are code. With `SCIENCEGEN_NO_PLUGINS=1` they are refused, and with them programs and `module:function`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

from sciencegen.errors import ConfigError, unknown_name

NO_PLUGINS = "SCIENCEGEN_NO_PLUGINS"
"""The environment variable by which plugins are refused; `sciencegen --no-plugins` sets it."""
FUNCTIONS = "SCIENCEGEN_FUNCTIONS"
"""The environment variable that lists the functions `module:function` that may be imported, a,b,c; all if it is not
set. Servers set it for their jobs."""
FUNCTION_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""The form `module:function`."""


def plugins_refused() -> bool:
    """Whether code of others is refused."""
    return os.environ.get(NO_PLUGINS, "") not in ("", "0")


def check_allowed(what: str) -> None:
    """Raise an error if code of others is refused; what: such as "the sampler 'mine'"."""
    if plugins_refused():
        raise ConfigError(
            f"Expected no code of others, since plugins are refused (--no-plugins or {NO_PLUGINS}), got {what}. "
            "Allow plugins if you trust it."
        )


def check_function(path: str) -> None:
    """Raise an error if `module:function` is not among the functions that may be imported."""
    listed = os.environ.get(FUNCTIONS)
    if listed is not None and path not in (allowed := listed.split(",")):
        raise function_refused(path, allowed)


def function_refused(path: str, allowed: Iterable[str], where: str = "") -> ConfigError:
    """The error for a `module:function` that a server doesn't allow; where: such as " in `goal`"."""
    return ConfigError(
        f"Expected a function that this server allows ({', '.join(allowed) or 'none'}){where}, got '{path}'. Start the "
        f"server with --oracle {path} if you trust it."
    )


def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
    """`importlib.metadata.entry_points`, which reads a file of each installed package, without reading them again until
    a package is installed or removed.

    Examples
    --------
    >>> len(entry_points(group="sciencegen.nothing"))
    0
    """
    found = _entry_points(group, tuple((place, _changed(place)) for place in sys.path))
    return found if name is None else found.select(name=name)


@lru_cache(maxsize=64)
def _entry_points(group: str, search_path: tuple[tuple[str, int], ...]) -> EntryPoints:
    """The key has the folders in which packages are installed, and when their contents changed."""
    return metadata.entry_points(group=group)


def _changed(place: str) -> int:
    try:
        return os.stat(place or os.curdir).st_mtime_ns
    except OSError:
        return 0


def active_entries(group: str) -> list[EntryPoint]:
    """The entry points of a group; none if plugins are refused."""
    return [] if plugins_refused() else list(entry_points(group=group))


def part_names(group: str, built_in: Iterable[str]) -> list[str]:
    """Names of the built-in parts, then of the installed ones of a group of entry points.

    Examples
    --------
    >>> part_names("sciencegen.nothing", ["heun", "ddim"])
    ['heun', 'ddim']
    """
    return list(dict.fromkeys([*built_in, *sorted(entry.name for entry in active_entries(group))]))


def installed_part(kind: str, group: str, name: str, built_in: Iterable[str]) -> Callable[..., Any]:
    """The part that an installed package adds under this name.

    Parameters
    ----------
    kind : str
        The kind of part, for errors: "sampler".
    group : str
        Group of entry points.
    name : str
    built_in : iterable of str
        Names of the built-in parts, for the error.

    Raises
    ------
    UnknownNameError
        If no package adds it; the message has the nearest names.
    ConfigError
        If it can't be imported or called.

    Examples
    --------
    >>> installed_part("sampler", "sciencegen.nothing", "huen", ["heun", "ddim"])
    Traceback (most recent call last):
    sciencegen.errors.UnknownNameError: Unknown sampler 'huen'. Did you mean 'heun'?
    """
    for entry in entry_points(group=group):
        if entry.name == name:
            check_allowed(f"the {kind} '{name}' of {package_of(entry)}")
            return _loaded(kind, entry)
    raise unknown_name(kind, name, part_names(group, built_in))


def broken_part(kind: str, entry: EntryPoint, error: Exception) -> ConfigError:
    """The error for an entry point that can't be imported: it names the package, the cause and a remedy.

    Examples
    --------
    >>> print(broken_part("domain", EntryPoint("spectra", "spectra", "sciencegen.domains"), ImportError("no spectra")))
    Expected the domain 'spectra' at 'spectra' of an unknown package, got ImportError: no spectra. Correct or ...
    """
    cause = f"{type(error).__name__}: {error}".rstrip(".")
    return ConfigError(
        f"Expected the {kind} '{entry.name}' at '{entry.value}' of {package_of(entry)}, got {cause}. "
        "Correct or uninstall the package, or install what it lacks."
    )


def package_of(entry: EntryPoint) -> str:
    """Name and version of the package that an entry point belongs to."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"


def _loaded(kind: str, entry: EntryPoint) -> Callable[..., Any]:
    try:
        part = entry.load()
    except Exception as error:  # third-party code
        raise broken_part(kind, entry, error) from error
    if not callable(part):
        raise ConfigError(f"Expected a function at '{entry.value}' for the {kind} '{entry.name}', got {part!r}.")
    return part
