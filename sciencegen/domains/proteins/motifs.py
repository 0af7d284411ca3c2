"""Combines motifs to keep and to forbid, regular expressions over residues such as N[^P][ST], to one test.

For variants of one protein, a forbidden motif is allowed where the wild type has it, since otherwise variants that keep
those residues could not be proposed. Only new occurrences are forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sciencegen.domains.capabilities import Moves
from sciencegen.domains.proteins.items import ALPHABET, GAP_LETTER
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

LONGEST_MOTIF = 10_000
LONGEST = 200
"""Maximum number of characters of an invalid motif that an error shows."""
SHOWN = 3
"""Maximum number of occurrences in a wild type that a note lists."""
_FLAGS = re.compile(r"\(\?[aimsux]+\)")


def constraint(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Callable[[str], bool]:
    """A test that a sequence has every motif of `keep` and none of `forbid`, except where the reference has it."""
    kept = [compile_motif(motif, "keep") for motif in keep]
    free = [freedom(compile_motif(motif, "forbid"), reference.sequence if reference else "") for motif in forbid]

    def satisfied(sequence: str) -> bool:
        return all(motif.search(sequence) for motif in kept) and all(is_free(sequence) for is_free in free)

    return satisfied


def freedom(motif: re.Pattern[str], wild_type: str) -> Callable[[str], bool]:
    """A test that a sequence has the motif only where a wild type of the same length has it."""
    old = spans(motif, wild_type)
    new = {start: followed(motif, f"(?!{'|'.join(map(_up_to, ends))})") for start, ends in old.items()}

    def is_free(sequence: str) -> bool:
        known = new if len(sequence) == len(wild_type) else {}
        return not any(start not in known or known[start].match(sequence, start) for start in starts(motif, sequence))

    return is_free


def starts(motif: re.Pattern[str], sequence: str) -> Iterator[int]:
    """Start positions of occurrences, which may overlap."""
    start = 0
    while start <= len(sequence) and (found := motif.search(sequence, start)):
        yield found.start()
        start = found.start() + 1


def spans(motif: re.Pattern[str], sequence: str) -> dict[int, list[int]]:
    """Start -> ends of all occurrences with this start."""
    begun = list(starts(motif, sequence))
    # A lookahead may reach beyond the end of a motif, so the motif is matched against the whole sequence.
    ending = {end: followed(motif, _up_to(end)) for end in range(len(sequence) + 1)} if begun else {}
    return {start: [end for end, known in ending.items() if known.match(sequence, start)] for start in begun}


def followed(motif: re.Pattern[str], condition: str) -> re.Pattern[str]:
    """The motif with a condition (a lookaround) at its end."""
    return re.compile(motif.pattern + condition, motif.flags)


def _up_to(place: int) -> str:
    """A lookbehind that matches only at this place."""
    return f"(?<=\\A.{{{place}}})"


def exempt_motifs(reference: Reference, forbid: Sequence[str]) -> list[str]:
    """Notes on the forbidden motifs that the reference contains."""
    found = []
    for motif in forbid:
        places = spans(compile_motif(motif, "forbid"), reference.sequence)
        pairs = [(start, end) for start, ends in places.items() for end in ends]
        named = [f"{reference.sequence[start:end]} at {start + reference.first}" for start, end in pairs]
        if named:
            shown = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
            found.append(
                f"the wild type holds the forbidden '{motif}' ({shown}): it may stay there, and none may be new. "
                f"To have it mutated away, open these positions and pass `keep` '^(?!.*({motif})).+'"
            )
    return found


def compile_motif(motif: str, purpose: str) -> re.Pattern[str]:
    """Compile a motif, case-insensitive and in a group so that it can be extended; ConfigError for an invalid one."""
    remedy = "Write a regular expression over residues, such as N[^P][ST] or C.{2,4}C."
    if not isinstance(motif, str) or not motif.strip():
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif!r}. {remedy}")
    if len(motif) > LONGEST_MOTIF:
        raise ConfigError(f"Expected a motif of at most {LONGEST_MOTIF} characters in '{purpose}', got {len(motif)}.")
    try:
        flags = re.compile(motif.strip(), re.IGNORECASE).flags
        pattern = re.compile(f"(?:{_FLAGS.sub('', motif.strip(), count=1)})", flags)
    except (re.error, OverflowError, RecursionError) as error:  # of counts and of brackets beyond those of `re`
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif[:LONGEST]!r}: {error}. {remedy}") from None
    if pattern.search(""):
        raise ConfigError(f"Expected a motif in '{purpose}', got {motif!r}, which every sequence holds. {remedy}")
    return pattern


# Moves on a sequence: one random substitution, and a single crossover of two sequences of one length.


def mutate(sequence: str, generator: np.random.Generator) -> str:
    """Substitute a random position by a random other residue, both uniformly; gaps are kept."""
    places = [place for place, letter in enumerate(sequence) if letter != GAP_LETTER]
    place = places[generator.integers(len(places))]
    others = ALPHABET.replace(sequence[place], "")
    return sequence[:place] + others[generator.integers(len(others))] + sequence[place + 1 :]


def recombine(sequence: str, other: str, generator: np.random.Generator) -> str | Refusal:
    """Join the start of one sequence and the end of the other. The cut is between two positions at which they differ,
    so that the result differs from both."""
    if len(sequence) != len(other):
        return Refusal(f"{len(sequence)} and {len(other)} residues: a crossover needs sequences of one length")
    unlike = [place for place, (one, two) in enumerate(zip(sequence, other, strict=True)) if one != two]
    if len(unlike) < 2:
        return Refusal("the two differ in fewer than two positions, so that a crossover gives nothing new")
    cut = int(generator.integers(unlike[0] + 1, unlike[-1] + 1))
    return sequence[:cut] + other[cut:]


MOVES = Moves(mutate=mutate, recombine=recombine, constraint=constraint)
