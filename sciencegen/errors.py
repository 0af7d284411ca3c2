"""Errors that say what was expected, what was found, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SciencegenError(Exception):
    """Base of every error this package raises on purpose; `exit_code` is what the shell sees."""

    exit_code = 1


class ConfigError(SciencegenError):
    """A flag, a configuration key or a name is wrong."""

    exit_code = 2


class DataError(SciencegenError):
    """The data given can't be used; a single bad row is a refusal in the rejects table instead."""

    exit_code = 3


class ShapeError(SciencegenError):
    """An array has another shape or type than the function says."""

    exit_code = 2


class IncompatibleError(SciencegenError):
    """Weights, latents or a dataset were made for something else, or by a newer format."""

    exit_code = 4


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that isn't in a table: it lists the nearest names, else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    remedy = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(known)}."
    return ConfigError(f"Unknown {kind} '{name}'. {remedy}")
