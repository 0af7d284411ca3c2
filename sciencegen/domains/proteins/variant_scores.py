"""What a family's model thinks of variants of its focus: log p(variant) - log p(wild type), by lower bounds.

Riesselman et al. 2018, eq. 7; Frazer et al. 2021 (EVE), whose evolutionary index is the negative. Higher is fitter, the
wild type has 0. The members' spread is the score's standard deviation.

To the model a gap says nothing. A variant with a gap is taken as drawn in two steps, where the gaps are (each column by
its share g of them in the family) and then the residues elsewhere: it has log g - log(1 - g) in place of the residue's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from sciencegen.domains.base import Refusal
from sciencegen.domains.proteins.aligned import MUTATIONS, mutations
from sciencegen.domains.proteins.alignment_representation import AlignmentRepresentation
from sciencegen.domains.proteins.items import ALPHABET, GAP, GAP_LETTER, encode_rows
from sciencegen.domains.proteins.variants import all_singles, apply_variant, variant_name
from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import Direction, Oracle, Score
from sciencegen.vae.columns import ColumnVAE

ROWS_AT_ONCE = 32
"""Of one pass: a variant's score must not depend on how many are asked for."""
_LETTERS = frozenset(ALPHABET + GAP_LETTER)


@dataclass(frozen=True)
class VariantScore:
    """score, deviation: nats."""

    mutant: str
    score: float
    deviation: float


class VariantScorer:
    """Scores variants of a family's focus, given by name (`A42G:K43R`) or as whole sequences."""

    def __init__(self, model: ColumnVAE, representation: AlignmentRepresentation, samples: int = 64) -> None:
        if not representation.family:
            raise ConfigError(
                "Expected a family's model, trained on an alignment; this one learned from measured variants, and how "
                "often those were made tells nothing of their effects. Train a predictor on them instead."
            )
        self.model, self.representation, self.samples = model, representation, samples
        self.log_odds = np.log(representation.gaps) - np.log1p(-representation.gaps)
        self.wild_type = self._evidence([representation.focus])

    def all_singles(self) -> list[str]:
        """Every substitution of one residue that has a column in the alignment."""
        reference = self.representation.reference
        covered = set((self.representation.columns + reference.first).tolist())
        return [name for name in all_singles(reference) if int(name[1:-1]) in covered]

    def score(self, texts: Sequence[str]) -> list[VariantScore | Refusal]:
        """One for each text, in order."""
        named = [self._read(text) for text in texts]
        each = self._scores([one[1] for one in named if not isinstance(one, Refusal)])
        deviation = each.std(0, ddof=1) if len(each) > 1 else np.full(each.shape[1], np.nan)
        scores = zip(each.mean(0).tolist(), deviation.tolist(), strict=True)
        return [one if isinstance(one, Refusal) else VariantScore(one[0], *next(scores)) for one in named]

    def member_scores(self, texts: Sequence[str]) -> Float[np.ndarray, "member text"]:
        """Each member's own scores, NaN for what is no variant."""
        named = [self._read(text) for text in texts]
        good = [index for index, one in enumerate(named) if not isinstance(one, Refusal)]
        scores = np.full((len(self.wild_type), len(texts)), np.nan)
        scores[:, good] = self._scores([named[index][1] for index in good])  # type: ignore[index]
        return scores

    def _read(self, text: str) -> tuple[str, str] | Refusal:
        """A variant's name and its row."""
        reference = self.representation.reference
        text = text.strip()
        is_sequence = len(text) >= len(reference.sequence) and _LETTERS.issuperset(text.upper())
        name = variant_name(reference, text.upper()) if is_sequence else text
        sequence = name if isinstance(name, Refusal) else apply_variant(reference, name)
        row = sequence if isinstance(sequence, Refusal) else self.representation.row_of(sequence)
        return row if isinstance(row, Refusal) else (str(variant_name(reference, str(sequence))) or "WT", row)

    def _scores(self, rows: Sequence[str]) -> Float[np.ndarray, "member row"]:
        parts = [self._evidence(rows[start : start + ROWS_AT_ONCE]) for start in range(0, len(rows), ROWS_AT_ONCE)]
        return np.concatenate([np.empty((len(self.wild_type), 0)), *parts], 1) - self.wild_type

    def _evidence(self, rows: Sequence[str]) -> Float[np.ndarray, "member row"]:
        """Of a full chunk whatever the number of rows, since rounding depends on it."""
        encoded = self.representation.encode([*rows, *[rows[0]] * (ROWS_AT_ONCE - len(rows))])
        deleted = (np.stack(encoded[: len(rows)]) == GAP) @ self.log_odds
        batch = self.representation.batch(encoded).to(self.model.first.output.weight.device)
        with torch.inference_mode():
            evidence = self.model.evidence(batch, self.samples)[:, : len(rows)].double().cpu().numpy()
        return evidence + deleted


def family_oracles(model: ColumnVAE, representation: AlignmentRepresentation) -> Mapping[str, Oracle]:
    """`family_score` of a variant, within one standard deviation of the members, and `mutations` against the focus."""
    scores = {"family_score": FamilyScore(model, representation)} if representation.family else {}
    return scores | {MUTATIONS: Mutations(representation)}


class FamilyScore:
    """The family's opinion of a sequence as long as its reference; higher is fitter, 0 for the reference."""

    name, unit = "family_score", "nats"
    direction: Direction | None = "maximize"

    def __init__(self, model: ColumnVAE, representation: AlignmentRepresentation) -> None:
        self._make = partial(VariantScorer, model, representation)
        self._scorer: VariantScorer | None = None

    def score(self, items: Sequence[str]) -> list[Score]:
        self._scorer = self._scorer or self._make()
        return [_as_score(one) for one in self._scorer.score(items)]


def _as_score(one: VariantScore | Refusal) -> Score:
    if isinstance(one, Refusal):
        return Score(None, failure=one.reason)
    if np.isnan(one.deviation):
        return Score(one.score)
    return Score(one.score, one.score - one.deviation, one.score + one.deviation)


@dataclass(frozen=True)
class Mutations:
    """In how many columns a sequence has another residue than the family's focus."""

    representation: AlignmentRepresentation
    name: str = MUTATIONS
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[str]) -> list[Score]:
        rows = self.representation.encode(items)
        focus = encode_rows([self.representation.focus])[0]
        return [
            Score(None, failure=row.reason)
            if isinstance(row, Refusal)
            else Score(float(mutations(row[None], focus)[0]))
            for row in rows
        ]
