"""Sequences for backbones: drawn by ProteinMPNN's weights or given by a program, and structures predicted from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from sciencegen.domains.capabilities import Predictions, SequenceDraws, Sequences
from sciencegen.domains.proteins.backbones import self_consistency
from sciencegen.domains.proteins.backbones.items import Backbone, key
from sciencegen.domains.proteins.backbones.kept_residues import FREE, check_numbers, kept_letters, kept_names
from sciencegen.domains.proteins.backbones.published_weights import check_weights, has_weights
from sciencegen.items import Refusal

AT_ONCE = 16
"""Number of sequences that are drawn together, which bounds memory."""


def check(draws: SequenceDraws, by_program: bool) -> None:
    """Raise a ConfigError for wrong numbers of kept residues, and for absent weights unless a program draws."""
    check_numbers(draws.keep)
    if not by_program:
        check_weights()


def draw(item: Backbone, draws: SequenceDraws) -> list[tuple[str, float]] | Refusal:
    """Sequences with their perplexities, which are of the residues that aren't kept."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences

    fixed = kept_letters(item, draws.keep)
    if isinstance(fixed, Refusal):
        return fixed
    found: list[tuple[str, float]] = []
    for start in range(0, draws.count, AT_ONCE):
        seed = seed_of(item, draws.seed, start)  # always of whole blocks, so that more draws begin with the same ones
        drawn = design_sequences(item.coordinates, AT_ONCE, seed, draws.temperature, fixed)
        found += zip(drawn.sequences, drawn.perplexity.tolist(), strict=True)
    return found[: draws.count]


def seed_of(item: Backbone, seed: int, start: int) -> int:
    """The seed of an item's draws from number `start` on, which depends on no other item and not on its place."""
    digest = hashlib.sha256(f"{seed} {start} {key(item)}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def assign(item: Backbone, sequence: str, keep: str) -> Backbone | Refusal:
    """The item with this sequence; a Refusal if its length or a kept letter differs."""
    if len(sequence) != len(item):
        return Refusal(f"a sequence of {len(sequence)} letters for a backbone of {len(item)} residues")
    fixed = kept_letters(item, keep)
    if isinstance(fixed, Refusal):
        return fixed
    changed = [row for row, letter in enumerate(fixed) if letter not in (FREE, sequence[row])]
    if changed:
        row = changed[0]
        return Refusal(f"{sequence[row]} at residue {item.numbers[row]}, where {fixed[row]} was to be kept")
    return replace(item, sequence=sequence)


def score(item: Backbone, sequences: Sequence[str], draws: SequenceDraws) -> list[float]:
    """The perplexity of each sequence, over the residues that aren't kept."""
    from sciencegen.domains.proteins.backbones.inverse_folding import sequence_perplexity

    fixed = kept_letters(item, draws.keep)
    given = None if isinstance(fixed, Refusal) else fixed
    return [sequence_perplexity(item.coordinates, one, given=given) for one in sequences]


def note(item: Backbone) -> str:
    """A note for an assembly, of which one chain gets a sequence."""
    if not item.symmetry:
        return ""
    return "sequences of assemblies are drawn for one chain by itself: contacts to the other chains are not seen"


SEQUENCES = Sequences(
    check=check,
    draw=draw,
    assign=assign,
    kept=kept_names,
    score=score,
    scores=has_weights,
    column="perplexity",
    name=lambda item: item.name,
    note=note,
    predictions=Predictions(
        read=self_consistency.read_predicted,
        compare=self_consistency.compare,
        columns=self_consistency.columns,
        notes=self_consistency.notes,
        best="sc_rmsd",
        good=("designable", self_consistency.DESIGNABLE_RMSD),
    ),
)
