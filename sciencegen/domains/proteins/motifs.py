"""Keep-this and forbid-this: motifs as regular expressions over residues, such as N[^P][ST], as one test."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sciencegen.errors import ConfigError


def constraint(keep: Sequence[str] = (), forbid: Sequence[str] = ()) -> Callable[[str], bool]:
    """A test that a sequence holds every motif of `keep` and none of `forbid`."""
    kept = [compile_motif(motif, "keep") for motif in keep]
    forbidden = [compile_motif(motif, "forbid") for motif in forbid]

    def satisfied(sequence: str) -> bool:
        return all(motif.search(sequence) for motif in kept) and not any(motif.search(sequence) for motif in forbidden)

    return satisfied


def compile_motif(motif: str, purpose: str) -> re.Pattern[str]:
    """A motif in either case, or an error that names it and what is wrong."""
    remedy = "Write a regular expression over residues, such as N[^P][ST] or C.{2,4}C."
    if not isinstance(motif, str) or not motif.strip():
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif!r}. {remedy}")
    try:
        pattern = re.compile(motif.strip(), re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif!r}: {error}. {remedy}") from None
    if pattern.search(""):
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif!r}, which every sequence holds. {remedy}")
    return pattern
