"""Code of others: parts that installed packages add to built-in ones (entry points of a group, loaded by name on use),
and which programs and functions (`module:function`) of the user's may run.

With `SCIENCEGEN_NO_PLUGINS=1` all of them are refused.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from importlib.util import find_spec
from typing import Any, Literal

from sciencegen.errors import ConfigError, unknown_name

NO_PLUGINS = "SCIENCEGEN_NO_PLUGINS"
"""The environment variable by which plugins are refused; `sciencegen --no-plugins` sets it."""
ALLOWED = "SCIENCEGEN_ALLOWED"
"""The environment variable that lists what may run of the user's, for a process that works for others and its children:
JSON with `programs` (commands), `functions` (`module:function`) and the `folder` in which programs run. All may run
where it is not set. Servers set it for their jobs."""
FUNCTION_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""The form `module:function`."""
_COMPARED_WITH = re.compile(r"\bto\s+\S+")
"""What a goal such as "similarity to 1pga.pdb:A >= 0.4" compares with: an item, which is no function."""
_NO_CODE: ContextVar[bool] = ContextVar("no_code", default=False)


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


class CodeRefused(ConfigError):
    """A program or function that may not run in a block of `no_code`. what: such as "the function 'os:getpid'"."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Expected no program or function of others here, got {what}. Leave it out.")
        self.what = what


@contextmanager
def no_code() -> Iterator[None]:
    """A block in which settings, such as those of a file of others, can run no program and no `module:function`."""
    token = _NO_CODE.set(True)
    try:
        yield
    finally:
        _NO_CODE.reset(token)


def allowed_code(kind: str) -> list[str] | None:
    """The programs or functions that may run in this process; None: all."""
    found = _allowance()
    return None if found is None else [str(one) for one in found.get(kind) or ()]


def folder_of_programs() -> str | None:
    """The folder in which programs run; None: the current one, in which modules are found too."""
    found = _allowance()
    return None if found is None else str(found.get("folder") or "/")


def _allowance() -> dict[str, Any] | None:
    given = os.environ.get(ALLOWED)
    if given is None:
        return None
    try:
        found = json.loads(given)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}  # a text that can't be read allows nothing


def check_may_run(kind: Literal["program", "function"], code: str) -> None:
    """Raise an error if a command or a `module:function` from settings, a record or another file may not run in this
    process."""
    allowed = allowed_code(f"{kind}s")
    if allowed is not None and code not in allowed:
        if kind == "function":
            raise function_refused(code, allowed)
        raise ConfigError(
            f"Expected a program that this server allows ({', '.join(allowed) or 'none'}), got '{code}'. Start the "
            "server with --oracle 'NAME=program {input} {output}' if you trust it."
        )
    if _NO_CODE.get():
        raise CodeRefused(f"the {kind} '{code}'")


def function_refused(path: str, allowed: Iterable[str], where: str = "") -> ConfigError:
    """The error for a `module:function` that a server doesn't allow; where: such as " in `goal`"."""
    return ConfigError(
        f"Expected a function that this server allows ({', '.join(allowed) or 'none'}){where}, got '{path}'. Start the "
        f"server with --oracle {path} if you trust it."
    )


def functions_in(text: str) -> list[str]:
    """The words of a goal, or of a list of names, that have the form `module:function`; names of a domain's own may
    have it too.

    Examples
    --------
    >>> functions_in("maximize mine:score"), functions_in("similarity to a.pdb:A >= 0.4"), functions_in("qed,pmo:drd2")
    (['mine:score'], [], ['pmo:drd2'])
    """
    words = _COMPARED_WITH.sub("", text).replace(",", " ").split()
    return [word for word in words if FUNCTION_PATH.fullmatch(word)]


def is_module(path: str) -> bool:
    """Whether Python would find the module of `module:function`, or its package. Nothing is imported."""
    try:
        return find_spec(path.partition(":")[0].partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


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
