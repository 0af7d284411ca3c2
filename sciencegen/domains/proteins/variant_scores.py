"""Scores of variants of a family's focus by its model: log p(variant) - log p(wild type).

Riesselman et al. 2018, eq. 7; Frazer et al. 2021 (EVE), whose evolutionary index is the negative. Higher is fitter, the
wild type has 0. The standard deviation of a score is that over members. Near the focus the evidence is estimated from
samples of the focus's posterior. If the effective number of these samples is too small for a variant, the score is the
difference of the importance-weighted bounds of variant and wild type, each from its own posterior.

The model treats gaps as missing. A variant with gaps is modelled in two steps: first its gaps (in each column with the
family's share g of gaps), then its residues. A gap contributes log g - log(1 - g) in place of the residue's term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, UInt8

from sciencegen.domains.proteins.aligned import MUTATIONS
from sciencegen.domains.proteins.alignment_representation import AlignmentRepresentation
from sciencegen.domains.proteins.items import GAP, encode_rows
from sciencegen.domains.proteins.variants import ProteinVariantNames
from sciencegen.items import Direction, Refusal
from sciencegen.scoring.oracles import Score
from sciencegen.vae.alignment_vae import AlignmentVAE

ROWS_AT_ONCE = 32
"""Fixed batch size for lower bounds: a variant's score must not depend on the number of variants."""
NEAR_AT_ONCE = 128
"""Batch size near the focus: at most 250 MB for a protein of 250 residues if all are changed."""
DRAWS, KEPT = 16_384, 2_048
"""Samples of the focus's posterior. A member's scores of one family's single substitutions then differ by 0.05 nats
between two sets of samples (their standard deviation is 3) and rank like with 500,000 samples (Spearman 0.9996)."""
FEWEST_EFFECTIVE = 4.0
"""Minimum effective number of samples of a member's estimate. From about two on, it is closer to an estimate by 30,000
samples of the variant's own posterior than a bound from 64 of these is."""
SINGLES_ASKED = 2 * NEAR_AT_ONCE
"""Number of evenly spaced single substitutions for `VariantScorer.doubts`."""
MOST_ABOVE = 0.5
"""Maximum share of single substitutions that score above the wild type with a well-trained model: most are harmful."""


@dataclass(frozen=True)
class FamilyVariantScore:
    """score, deviation: nats."""

    name: str
    score: float
    deviation: float


class FamilyScorer:
    """Scores variants of a family's focus, given by name (`A42G:K43R`) or as whole sequences."""

    def __init__(
        self, model: AlignmentVAE, representation: AlignmentRepresentation, samples: int = 64, draws: int = DRAWS
    ) -> None:
        self.model, self.representation, self.samples = model, representation, samples
        self.names = ProteinVariantNames(representation.reference)
        self.log_odds = np.log(representation.gaps) - np.log1p(-representation.gaps)
        self.wild_type = self._bounds([representation.focus])
        focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
        self.near = model.local_evidence(focus.to(model.first.output.weight.device), draws, min(KEPT, draws))

    def all_singles(self) -> list[str]:
        """All single substitutions of residues that have a column in the alignment."""
        covered = set((self.representation.columns + self.representation.reference.first).tolist())
        return [name for name in self.names.all_singles() if int(name[1:-1]) in covered]

    def doubts(self) -> list[str]:
        """Warnings that the scores, or their spread, may be unreliable, as sentences."""
        alone = [
            "score_sd is empty: it is the spread between models, and this is one. Train several (`settings` members=5)"
        ]
        return [*self._unlearned(), *(alone if len(self.near) == 1 else [])]

    def _unlearned(self) -> list[str]:
        singles = self.all_singles()
        asked = singles[:: -(-len(singles) // SINGLES_ASKED)] if singles else []
        scores = [one.score for one in self.score(asked) if not isinstance(one, Refusal)]
        share = float(np.mean(np.array(scores) > 0)) if scores else 0.0
        if share <= MOST_ABOVE:
            return []
        return [
            f"{share:.0%} of single substitutions score above the wild type, where a family that was learned has few: "
            "these scores mean little. Train longer (`training` steps=...), or on more sequences"
        ]

    def score(self, texts: Sequence[str]) -> list[FamilyVariantScore | Refusal]:
        """A score or a Refusal for each text, in order."""
        named = [self._read(text) for text in texts]
        each = self._scores([one[1] for one in named if not isinstance(one, Refusal)])
        deviation = each.std(0, ddof=1) if len(each) > 1 else np.full(each.shape[1], np.nan)
        scores = zip(each.mean(0).tolist(), deviation.tolist(), strict=True)
        return [one if isinstance(one, Refusal) else FamilyVariantScore(one[0], *next(scores)) for one in named]

    def member_scores(self, texts: Sequence[str]) -> Float[np.ndarray, "member text"]:
        """The scores of each member, NaN for invalid variants."""
        named = [self._read(text) for text in texts]
        good = [index for index, one in enumerate(named) if not isinstance(one, Refusal)]
        scores = np.full((len(self.wild_type), len(texts)), np.nan)
        scores[:, good] = self._scores([named[index][1] for index in good])  # type: ignore[index]
        return scores

    def _read(self, text: str) -> tuple[str, str] | Refusal:
        """A variant's name and its row."""
        found = self.names.read(text)
        if isinstance(found, Refusal):
            return found
        row = self.representation.row_of(found[1])
        return row if isinstance(row, Refusal) else (found[0], row)

    def _scores(self, rows: Sequence[str]) -> Float[np.ndarray, "member row"]:
        if not rows:
            return np.empty((len(self.near), 0))
        letters = encode_rows(rows)
        deleted = (letters == GAP) @ self.log_odds
        scores, effective = self._from_near(letters)
        far = effective < FEWEST_EFFECTIVE
        some = np.flatnonzero(far.any(0))
        for start in range(0, len(some), ROWS_AT_ONCE):
            chosen = some[start : start + ROWS_AT_ONCE]
            bounds = self._bounds([rows[row] for row in chosen]) - self.wild_type
            scores[:, chosen] = np.where(far[:, chosen], bounds, scores[:, chosen])
        return scores + deleted

    def _from_near(self, letters: UInt8[np.ndarray, "row column"]) -> Float[np.ndarray, "2 member row"]:
        """Evidence relative to the focus's, and its effective number of samples."""
        asked = torch.from_numpy(letters.astype(np.int64)).to(self.model.first.output.weight.device)
        parts = asked.split(NEAR_AT_ONCE)
        return np.stack(
            [torch.cat([torch.stack(near.evidence(part)) for part in parts], 1).cpu() for near in self.near], 1
        )

    def _bounds(self, rows: Sequence[str]) -> Float[np.ndarray, "member row"]:
        """Lower bounds, computed for a full batch, since rounding depends on the batch size."""
        letters = encode_rows([*rows, *[rows[0]] * (ROWS_AT_ONCE - len(rows))])
        batch = self.representation.batch(list(letters)).to(self.model.first.output.weight.device)
        with torch.inference_mode():
            bounds = self.model.evidence(batch, self.samples, importance=True)
        return bounds[:, : len(rows)].double().cpu().numpy()


def variant_scorer(model: AlignmentVAE, representation: AlignmentRepresentation) -> FamilyScorer | None:
    """The scorer of a family's model; None for a model of measured variants, whose frequency says nothing about
    effects."""
    return FamilyScorer(model, representation) if representation.family else None


class FamilyScore:
    """Oracle of the family's score of sequences of the reference's length; higher is fitter, 0 for the reference."""

    name, unit = "family_score", "nats"
    direction: Direction | None = "maximize"

    def __init__(self, model: AlignmentVAE, representation: AlignmentRepresentation) -> None:
        self._make = partial(FamilyScorer, model, representation)
        self._scorer: FamilyScorer | None = None

    def score(self, items: Sequence[str]) -> list[Score]:
        self._scorer = self._scorer or self._make()
        return [_as_score(one) for one in self._scorer.score(items)]


def _as_score(one: FamilyVariantScore | Refusal) -> Score:
    if isinstance(one, Refusal):
        return Score(None, failure=one.reason)
    if np.isnan(one.deviation):
        return Score(one.score)
    return Score(one.score, one.score - one.deviation, one.score + one.deviation)


@dataclass(frozen=True)
class Mutations:
    """Oracle of the number of columns in which a sequence's residue differs from the family's focus."""

    representation: AlignmentRepresentation
    name: str = MUTATIONS
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[str]) -> list[Score]:
        counts = self.representation.changes(items)
        return [Score(None, failure=one.reason) if isinstance(one, Refusal) else Score(one) for one in counts]
