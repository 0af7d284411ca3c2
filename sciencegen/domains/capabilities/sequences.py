"""The optional part `Sequences`: sequences for items with coordinates, and structures predicted from sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.items import Item, Refusal

Prediction = Any
"""A structure that a program predicted from a sequence. Only the domain interprets it."""


@dataclass(frozen=True)
class SequenceDraws:
    """How sequences are drawn. count: of each item. temperature: of the draws. keep: residues whose letters stay, by
    their numbers (`10-20,35`), "known" for all that the item knows, or "". seed: of all draws; those of an item depend
    on no other item."""

    count: int = 8
    temperature: float = 0.1
    keep: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Structures that a program predicts from sequences.

    Parameters
    ----------
    read : (path, sequences) -> list of prediction or Refusal
        Read the file or the folder that the program wrote: a prediction for each sequence.
    compare : (item, prediction) -> mapping
        Values by the names of `columns`.
    columns : () -> names
        Those that can be computed on this computer.
    notes : () -> list of str
        What is left out, and why.
    best : str
        The column by which the sequences of an item are compared: the least is the best.
    good : (name, limit)
        Items whose best value is at most the limit are counted under this name.
    """

    read: Callable[[Path, Sequence[str]], list[Prediction | Refusal]]
    compare: Callable[[Item, Prediction], Mapping[str, float]]
    columns: Callable[[], tuple[str, ...]]
    notes: Callable[[], list[str]] = list
    best: str
    good: tuple[str, float]


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Sequences for items that may lack them. A sequence is an item of the plain domain, which is its own text.

    Parameters
    ----------
    check : (draws, by_program) -> None
        Raises a ConfigError if `draws.keep` can't be read or, unless a program draws, if nothing here can.
    draw : (item, draws) -> list of (sequence, score), or Refusal
    assign : (item, sequence, keep) -> item or Refusal
        The item with this sequence; a Refusal if it has another length, or another letter at a kept residue.
    kept : (item, keep) -> text or Refusal
        The names of the kept residues, parted by blanks, for programs.
    score : (item, sequences, draws) -> list of float
        The scores of given sequences; less is better.
    scores : () -> bool
        Whether `score` works on this computer.
    column : str
        The name of the score.
    name : (item) -> str
        An item's own name, "" without one.
    note : (item) -> str
        What a user may not expect of the sequences that `draw` gives an item, "" for nothing. Results say of how many
        items it holds.
    predictions : Predictions, optional
    """

    check: Callable[[SequenceDraws, bool], None]
    draw: Callable[[Item, SequenceDraws], Sequence[tuple[str, float]] | Refusal]
    assign: Callable[[Item, str, str], Item | Refusal]
    kept: Callable[[Item, str], str | Refusal]
    score: Callable[[Item, Sequence[str], SequenceDraws], Sequence[float]]
    scores: Callable[[], bool]
    column: str
    name: Callable[[Item], str] = lambda item: ""
    note: Callable[[Item], str] = lambda item: ""
    predictions: Predictions | None = None
