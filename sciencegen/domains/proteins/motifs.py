"""Keep-this and forbid-this: motifs as regular expressions over residues, such as N[^P][ST], as one test.

Among variants of one protein a forbidden motif may stay where the wild type has it: else none that keeps those residues
could be proposed. What is forbidden there are new ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError

SHOWN = 3
"""Occurrences in a wild type that a note names."""


def constraint(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Callable[[str], bool]:
    """A test that a sequence holds every motif of `keep` and none of `forbid`, but where the reference has it too."""
    kept = [compile_motif(motif, "keep") for motif in keep]
    forbidden = [compile_motif(motif, "forbid") for motif in forbid]
    wild_type = reference.sequence if reference else ""
    old = [places(motif, wild_type) for motif in forbidden]

    def is_free(sequence: str, motif: re.Pattern[str], known: set[tuple[int, int]]) -> bool:
        if motif.search(sequence) is None:
            return True
        return bool(known) and len(sequence) == len(wild_type) and places(motif, sequence) <= known

    def satisfied(sequence: str) -> bool:
        free = (is_free(sequence, motif, known) for motif, known in zip(forbidden, old, strict=True))
        return all(motif.search(sequence) for motif in kept) and all(free)

    return satisfied


def places(motif: re.Pattern[str], sequence: str) -> set[tuple[int, int]]:
    """[start, end) of every occurrence; they may overlap, and begin alike."""
    starts = [place for place in range(len(sequence)) if motif.match(sequence, place)]
    ends = range(1, len(sequence) + 1)
    return {(start, end) for start in starts for end in ends[start:] if motif.fullmatch(sequence, start, end)}


def held(reference: Reference, forbid: Sequence[str]) -> list[str]:
    """In words, which forbidden motifs the reference holds itself."""
    found = []
    for motif in forbid:
        spans = sorted(places(compile_motif(motif, "forbid"), reference.sequence))
        named = [f"{reference.sequence[start:end]} at {start + reference.first}" for start, end in spans]
        if named:
            shown = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
            found.append(
                f"the wild type holds the forbidden '{motif}' ({shown}): it may stay there, and none may be new. "
                f"To have it mutated away, open these positions and pass --keep '^(?!.*({motif})).+'"
            )
    return found


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
