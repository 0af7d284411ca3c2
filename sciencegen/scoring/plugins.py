"""Oracles from other Python packages: entry points of the group `sciencegen.oracles`, and `module:function` paths."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.plugins import (
    FUNCTION_PATH,
    check_allowed,
    check_may_run,
    entry_points,
    folder_of_programs,
    plugins_refused,
)
from sciencegen.scoring.oracles import FunctionOracle, Oracle

GROUP = "sciencegen.oracles"
_MAKES_NAMES = re.compile(r"globals\(|vars\(|setattr|__getattr__|__dict__|import \*")
"""Marks of a module whose names may not stand in its text."""


def plugged_names() -> list[str]:
    """Names of the installed oracle entry points."""
    return [] if plugins_refused() else sorted({entry.name for entry in entry_points(group=GROUP)})


def is_plugged(name: str) -> bool:
    """Whether `load_plugged(name)` would find something to import: an entry point or the form `module:function`."""
    return _entry(name) is not None or bool(FUNCTION_PATH.fullmatch(name))


def has_module(name: str) -> bool:
    """Whether there is the module of `module:function`. Nothing is imported."""
    return _source(name.partition(":")[0]) is not None


def check_plugged(name: str) -> None:
    """Raise an error if `load_plugged` would find nothing. Nothing is imported, since that runs code."""
    check_allowed(f"the oracle '{name}'")
    if _entry(name) is not None:
        return
    check_may_run("function", name)
    module, _, attribute = name.partition(":")
    source = _source(module)
    if source is None:
        raise _absent(name, name, f"ModuleNotFoundError: No module named '{module}'")
    if not re.search(rf"\b{attribute}\b", source) and not _MAKES_NAMES.search(source):
        raise _absent(name, name, f"AttributeError: module '{module}' has no attribute '{attribute}'")


def load_plugged(name: str) -> Oracle:
    """The oracle of an entry point or of `module:function`.

    Either refers to an oracle, a class or function without arguments that makes one, or a function item -> float.
    Modules of the current folder are found too, after the installed ones, but not by jobs of a server: requests may
    write there.
    """
    check_allowed(f"the oracle '{name}'")
    if (entry := _entry(name)) is not None:
        return as_oracle(entry.name, _loaded(name, entry.value))
    if not FUNCTION_PATH.fullmatch(name):
        raise unknown_name("oracle", name, plugged_names() or ["module:function"])
    check_may_run("function", name)
    return as_oracle(name, _loaded(name, name))


def as_oracle(name: str, target: object) -> Oracle:
    """The object of a plugin as an oracle, called `name` unless it has its own name."""
    if isinstance(target, type):
        target = target()
    if isinstance(target, Oracle):
        return target
    if callable(target):
        made = _call_factory(target)
        return made if made is not None else FunctionOracle(name, target)
    raise ConfigError(f"Expected '{name}' to be an oracle or a function item -> float, got {type(target).__name__}.")


def _call_factory(function: Callable[..., object]) -> Oracle | None:
    """The oracle that a function without required arguments makes; None if the function takes an item."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some compiled functions have no signature
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(parameter.default is parameter.empty and parameter.kind in positional for parameter in parameters):
        return None
    made = function()
    if not isinstance(made, Oracle):
        raise ConfigError(f"Expected '{function.__name__}()' to make an oracle, got {type(made).__name__}.")
    return made


def _entry(name: str) -> EntryPoint | None:
    return next((entry for entry in entry_points(group=GROUP) if entry.name == name), None)


def _absent(name: str, target: str, cause: str) -> ConfigError:
    return ConfigError(f"Expected an oracle at '{target}' for '{name}', got {cause}.")


def _source(module: str) -> str | None:
    """The text of a module, "globals(" if it has none in Python, None if there is no such module. Its packages aren't
    imported either."""
    path, spec = None, None
    for end in range(1, module.count(".") + 2):
        name = ".".join(module.split(".")[:end])
        found = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((one for one in found if one is not None), None)
        if spec is None and path is None and (here := _here()):
            spec = PathFinder.find_spec(name, [here])
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    if spec is None or not str(spec.origin).endswith(".py"):
        return "globals("
    return Path(str(spec.origin)).read_text(encoding="utf-8", errors="replace")


def _here() -> str:
    """The folder in which modules are looked for last; "" if they may not be."""
    return os.getcwd() if folder_of_programs() is None else ""


def _loaded(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    here = _here()
    added = bool(here) and here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)  # last, so that nothing installed is shadowed
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise _absent(name, target, f"{type(error).__name__}: {error}") from error
    finally:
        if added:
            sys.path.remove(here)
    return value
