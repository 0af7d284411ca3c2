"""Moves on a sequence: one random substitution, and a single crossover of two sequences of one length."""

from __future__ import annotations

import numpy as np

from sciencegen.domains.capabilities import Moves
from sciencegen.domains.proteins.items import ALPHABET, GAP_LETTER
from sciencegen.domains.proteins.motifs import constraint
from sciencegen.items import Refusal


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
