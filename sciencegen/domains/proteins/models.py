"""Recipes of proteins: rows of alignments as tensors, models that learn them, and scores of a family's variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from scipy.stats import spearmanr
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, likelihood_oracles
from sciencegen.domains.proteins.aligned import MUTATIONS, WEIGHT, in_columns, mutations
from sciencegen.domains.proteins.backbones import diffusion as backbone_models
from sciencegen.domains.proteins.backbones import representation as backbone_representation
from sciencegen.domains.proteins.backbones.diffusion import TASKS
from sciencegen.domains.proteins.items import ALPHABET, GAP, GAP_LETTER, decode_rows, encode_rows
from sciencegen.domains.proteins.variants import ProteinVariantNames, Reference, variant_name
from sciencegen.domains.recipes import (
    Adaptation,
    FamilyTraining,
    Measures,
    ModelOracles,
    Naming,
    Recipe,
    Remember,
    Representation,
)
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import NAME_COLUMN, Direction, Json, Refusal
from sciencegen.scoring.oracles import Oracle, Score
from sciencegen.vae.alignment_fitness import FOLDS, LETTERS, AdditiveFitness, WildTypeRow
from sciencegen.vae.alignment_vae import AlignmentVAE, AlignmentVAESettings
from sciencegen.vae.potts import PottsModel, PottsSettings
from sciencegen.vae.variant_vae import VariantVAE, VariantVAESettings

# Rows of a family's alignment to tensors and back, with the family's focus and its numbering.


@dataclass(eq=False)
class AlignmentRepresentation(Representation):
    """reference: all residues of the focus, numbered. columns: position in it of each column of the alignment.
    properties: `mutations` and measured ones; mean, std: of the training rows. gaps: weighted share of gaps in each
    column. letters: log of the weighted share of each letter in it, empty for models of earlier versions. family: True
    for the rows of a family, False for variants of one protein from a lab, among which the frequency of a letter is
    unrelated to its effect. measured: the property measured for variants in addition to the
    family, "" if there is none.
    """

    reference: Reference
    columns: Int[np.ndarray, " column"]
    properties: tuple[str, ...]
    mean: Float[np.ndarray, " property"]
    std: Float[np.ndarray, " property"]
    gaps: Float[np.ndarray, " column"]
    family: bool = True
    measured: str = ""
    letters: Float[np.ndarray, "column letter"] = field(default_factory=lambda: np.empty((0, len(ALPHABET))))
    name: str = "alignment"

    @property
    def focus(self) -> str:
        """The row of the reference itself."""
        return "".join(self.reference.sequence[column] for column in self.columns)

    @property
    def naming(self) -> Naming:
        """Items as variants of the reference; a search begins with it."""
        return Naming(
            reference=self.reference,
            column=NAME_COLUMN,
            names=self.names,
            suffixes=self.suffixes,
            mutate=self.mutate,
            differences=self.differences,
            start=(self.reference.sequence,),
        )

    @property
    def measures(self) -> Measures:
        """`mutations` against the focus; a condition with one open end means 1 to all columns."""
        return Measures(names=(MUTATIONS,), measure=self.measure, ranges={MUTATIONS: (1.0, float(len(self.columns)))})

    @property
    def scales(self) -> dict[str, float]:
        return dict(zip(self.properties, self.std.tolist(), strict=True))

    def names(self, items: Sequence[str]) -> list[str | None]:
        """The differences of each sequence from the reference: `A42G:K43R`, "WT" for the reference itself, None if it
        has no such name (another length)."""
        found = [variant_name(self.reference, item) for item in items]
        return [None if isinstance(name, Refusal) else name for name in found]

    def suffixes(self, items: Sequence[str]) -> list[str]:
        """The suffix of a FASTA name, `/24-286`, for each sequence as long as the reference; "" for others."""
        first, length = self.reference.first, len(self.reference.sequence)
        return [f"/{first}-{first + length - 1}" if len(item) == length else "" for item in items]

    def mutate(self, item: str, generator: np.random.Generator) -> str | Refusal:
        """A substitution. If there are changes, half of the moves first revert one, and a quarter of these do only
        that: so variants with the maximum number of changes have allowed neighbours too."""
        if len(item) != len(self.reference.sequence):
            return Refusal(f"{len(item)} letters, the family's reference has {len(self.reference.sequence)}")
        letters, wild = list(item), self.reference.sequence
        changed = [place for place in self.columns.tolist() if letters[place] != wild[place]]
        lot = generator.random() if changed else 1.0
        if lot < 0.5:
            place = changed[generator.integers(len(changed))]
            letters[place] = wild[place]
        if lot >= 0.125:
            place = int(self.columns[generator.integers(len(self.columns))])
            others = ALPHABET.replace(letters[place], "")
            letters[place] = others[generator.integers(len(others))]
        return "".join(letters)

    def differences(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        """float32: for each residue at each position whether it replaces the reference's, whether a position is
        changed at all, and 1. The common features of two variants are then their common changes."""
        wild = encode_rows([self.reference.sequence])
        rows = encode_rows(items)
        changed = rows != wild
        letters = (rows[..., None] == np.arange(len(ALPHABET))) & changed[..., None]
        parts = (letters.reshape(len(rows), -1), changed, np.ones((len(rows), 1)))
        return np.concatenate(parts, 1).astype(np.float32)

    def measure(self, items: Sequence[str], names: Sequence[str]) -> Float[np.ndarray, "item name"]:
        """mutations: columns in which a row has another residue than the focus; gaps do not count."""
        for name in names:
            if name != MUTATIONS:
                raise unknown_name("measure of an alignment's rows", name, [MUTATIONS])
        counts = [count for count in self.changes(items) if not isinstance(count, Refusal)]
        if len(counts) < len(items):
            raise DataError("Expected rows of the family's alignment, or sequences as long as its reference.")
        return np.repeat(np.array(counts, float)[:, None], len(names), 1)

    def changes(self, items: Sequence[str]) -> list[float | Refusal]:
        """Number of mutations of each item, or why it is no row."""
        focus, rows = encode_rows([self.focus])[0], self.encode(items)
        return [row if isinstance(row, Refusal) else float(mutations(row[None], focus)[0]) for row in rows]

    def row_of(self, sequence: str) -> str | Refusal:
        """The row of a sequence as long as the reference; outside the columns it must have the reference's letters."""
        return in_columns(self.reference, self.columns, sequence)

    def encode(self, items: Sequence[str]) -> list[UInt8[np.ndarray, " column"] | Refusal]:
        """Letters [column] as uint8, including GAP; a sequence of the reference's length is reduced to its columns."""
        return [self._encode(item) for item in items]

    def _encode(self, item: str) -> UInt8[np.ndarray, " column"] | Refusal:
        row = item if len(item) == len(self.columns) else self.row_of(item)
        return row if isinstance(row, Refusal) else encode_rows([row])[0]

    def symbols(self, encoded: np.ndarray) -> int:
        """Number of residues, without gaps."""
        return int((encoded != GAP).sum())

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        """A batch of rows; gaps are masked."""
        letters = torch.from_numpy(np.stack(encoded).astype(np.int64))
        condition = None if values is None or not self.properties else self.standardized(values)
        return Batch({LETTERS: letters}, letters != GAP, condition)

    def standardized(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(((values - self.mean) / self.std).astype(np.float32))

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        for name in values:
            if name not in self.properties:
                raise unknown_name("condition of the model", name, self.properties or ["none"])
        row = np.array([[values.get(name, np.nan) for name in self.properties]])
        return ((row - self.mean) / self.std).astype(np.float32)[0]

    def decode(self, batch: Batch) -> list[str | Refusal]:
        """Whole sequences: outside the columns they have the reference's residues. A model draws no gaps."""
        letters = batch[LETTERS].cpu().numpy()
        if batch.mask is not None:
            letters = np.where(batch.mask.cpu().numpy(), letters, GAP)
        whole = np.repeat(encode_rows([self.reference.sequence]), len(letters), 0)
        whole[:, self.columns] = letters
        return list(decode_rows(whole))

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "alphabet": ALPHABET,
            "reference": self.reference.sequence,
            "first": self.reference.first,
            "columns": self.columns.tolist(),
            "gaps": self.gaps.tolist(),
            "family": self.family,
            "measured": self.measured,
            "letters": self.letters.round(4).tolist(),
            "properties": {
                name: {"mean": float(mean), "std": float(std)}
                for name, mean, std in zip(self.properties, self.mean, self.std, strict=True)
            },
        }


def load(data: Mapping[str, Any]) -> AlignmentRepresentation:
    """The inverse of `to_json`."""
    if data.get("alphabet") != ALPHABET:
        raise ConfigError(f"Expected an alignment over {ALPHABET}, got {data.get('alphabet')!r}.")
    moments = data["properties"]
    return AlignmentRepresentation(
        Reference(data["reference"], int(data["first"])),
        np.array(data["columns"], np.int64),
        tuple(moments),
        np.array([one["mean"] for one in moments.values()]),
        np.array([one["std"] for one in moments.values()]),
        np.array(data["gaps"], float),
        bool(data.get("family", True)),
        str(data.get("measured", "")),
        np.array(data.get("letters", []), float).reshape(-1, len(ALPHABET)),
    )


def fit(
    texts: Sequence[str], values: np.ndarray, names: Sequence[str], context: Mapping[str, Any] | None = None
) -> AlignmentRepresentation:
    """names: the conditions, then `weight`. context: of the alignment or the variants (`Family.context`)."""
    if not context:
        raise DataError(
            "Expected an alignment's file, whose first record is the wild type, or a table of variants with "
            "`wild_type`, found neither. Pass that file itself, or `wild_type` with a sequence or its file."
        )
    reference, columns = Reference(context["reference"], int(context["first"])), np.array(context["columns"])
    if len(texts) < 2:
        raise DataError("Expected a family of two or more distinct sequences, found one. Pass a deeper alignment.")
    wrong = next((text for text in texts if len(text) != len(columns)), None)
    if wrong is not None:
        raise DataError(f"Expected rows of one family, of {len(columns)} columns, found one of {len(wrong)}.")
    conditions, measured = [name for name in names if name != WEIGHT], str(context.get("measured", ""))
    column = values[:, [list(names).index(name) for name in conditions]].astype(float)
    if unknown := [name for name, known in zip(conditions, ~np.isnan(column).all(0), strict=True) if not known]:
        raise DataError(f"Expected numbers in {', '.join(unknown)} among {len(texts)} rows, found none. Leave it out.")
    mean, std = np.nanmean(column, 0) if len(conditions) else np.empty(0), np.nanstd(column, 0)
    weights = np.nan_to_num(values[:, list(names).index(WEIGHT)]) if WEIGHT in names else np.ones(len(texts))
    rows = encode_rows(texts)
    std, gaps = np.where(std > 0, std, 1.0), gap_shares(rows, weights)
    family, measured = bool(context.get("family", True)), measured if measured in conditions else ""
    numbers = [name for name in conditions if name != MUTATIONS]
    if not family and len(numbers) == 1:
        measured = numbers[0]
    if measured:
        effects = ~np.isnan(column[:, conditions.index(measured)])
        known = sum(GAP_LETTER not in text for text, there in zip(texts, effects, strict=True) if there)
        if known < FOLDS:
            raise DataError(
                f"Expected {FOLDS} or more rows to train on with a number in {measured} and without gaps, found "
                f"{known} of {len(texts)}. Measure more, or leave {measured} out."
            )
    letters = log_letter_shares(rows, weights) if family else np.empty((0, len(ALPHABET)))
    return AlignmentRepresentation(reference, columns, tuple(conditions), mean, std, gaps, family, measured, letters)


def gap_shares(
    rows: UInt8[np.ndarray, "sequence column"], weights: Float[np.ndarray, " sequence"]
) -> Float[np.ndarray, " column"]:
    """[column] (weight of the gaps + 1/2) / (weight of all + 1), never 0 or 1. Jeffreys' estimate of a probability."""
    return ((rows == GAP).T @ weights + 0.5) / (weights.sum() + 1)


def log_letter_shares(
    rows: UInt8[np.ndarray, "sequence column"], weights: Float[np.ndarray, " sequence"]
) -> Float[np.ndarray, "column letter"]:
    """Log of (weight of the letter + 1/2) / (weight of all residues of the column + 10)."""
    counts = np.stack([(rows == letter).T @ weights for letter in range(len(ALPHABET))], 1) + 0.5
    return np.log(counts / counts.sum(1, keepdims=True))


# Scores of variants of a family's focus by its model: log p(variant) - log p(wild type).
#
# Riesselman et al. 2018, eq. 7; Frazer et al. 2021 (EVE), whose evolutionary index is the negative. Higher is fitter,
# the wild type has 0. The standard deviation of a score is that over members. Near the focus the evidence is
# estimated from samples of the focus's posterior. If the effective number of these samples is too small for a
# variant, the score is the difference of the importance-weighted bounds of variant and wild type, each from its own
# posterior.
#
# The model treats gaps as missing. A variant with gaps is modelled in two steps: first its gaps (in each column with
# the family's share g of gaps), then its residues. A gap contributes log g - log(1 - g) in place of the residue's
# term.

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
COLUMN_SCORE = "column_score"
SAME_AS_COLUMNS = 0.9
"""Spearman's correlation with the columns' score from which a note says so."""
MOST_ABOVE = 0.5
"""Maximum share of single substitutions that score above the wild type with a well-trained model: most are harmful."""


@dataclass(frozen=True)
class FamilyVariantScore:
    """score, deviation: nats. baselines: the columns' score, or nothing."""

    name: str
    score: float
    deviation: float
    baselines: tuple[float, ...] = ()


class AlignedScorer:
    """Scores variants of a family's focus, given by name (`A42G:K43R`) or as whole sequences, beside a score by the
    columns alone: the sum over changed columns of log share(letter) - log share(focus's letter)."""

    def __init__(self, representation: AlignmentRepresentation) -> None:
        self.representation = representation
        self.names = ProteinVariantNames(representation.reference)
        self.log_odds = np.log(representation.gaps) - np.log1p(-representation.gaps)
        self.baselines: tuple[str, ...] = (COLUMN_SCORE,) if len(representation.letters) else ()

    def all_singles(self) -> list[str]:
        """All single substitutions of residues that have a column in the alignment."""
        covered = set((self.representation.columns + self.representation.reference.first).tolist())
        return [name for name in self.names.all_singles() if int(name[1:-1]) in covered]

    def doubts(self) -> list[str]:
        """Warnings that the scores, or their spread, may be unreliable, or are those of the columns, as sentences."""
        singles = self.all_singles()
        asked = singles[:: -(-len(singles) // SINGLES_ASKED)] if singles else []
        found = [one for one in self.score(asked) if not isinstance(one, Refusal)]
        scores = np.array([one.score for one in found])
        told, share = list[str](), float(np.mean(scores > 0)) if found else 0.0
        if share > MOST_ABOVE:
            told.append(
                f"{share:.0%} of single substitutions score above the wild type, where a family that was learned has "
                "few: these scores mean little. Train longer (`training` steps=...), or on more sequences"
            )
        if self.baselines and len(found) > 2:
            alike = float(spearmanr(scores, [one.baselines[0] for one in found]).statistic)
            if alike >= SAME_AS_COLUMNS:
                told.append(
                    f"the model ranks single substitutions almost as counting letters in the alignment's columns does "
                    f"(Spearman {alike:.2f} with {COLUMN_SCORE}): expect no more of it on this family"
                )
        return told

    def score(self, texts: Sequence[str]) -> list[FamilyVariantScore | Refusal]:
        """A score or a Refusal for each text, in order."""
        named = [self._read(text) for text in texts]
        rows = [one[1] for one in named if not isinstance(one, Refusal)]
        each, beside = self._scores(rows), iter(self._baselines(rows))
        deviation = each.std(0, ddof=1) if len(each) > 1 else np.full(each.shape[1], np.nan)
        scores = zip(each.mean(0).tolist(), deviation.tolist(), beside, strict=True)
        return [one if isinstance(one, Refusal) else FamilyVariantScore(one[0], *next(scores)) for one in named]

    def column_scores(self, texts: Sequence[str]) -> list[float | Refusal]:
        """The columns' scores alone."""
        named = [self._read(text) for text in texts]
        found = iter(self._baselines([one[1] for one in named if not isinstance(one, Refusal)]))
        return [one if isinstance(one, Refusal) else next(found)[0] for one in named]

    def _baselines(self, rows: Sequence[str]) -> list[tuple[float, ...]]:
        if not self.baselines or not rows:
            return [()] * len(rows)
        log_share, own = self.representation.letters, encode_rows([self.representation.focus])[0]
        columns = np.arange(len(own))
        ratios = np.column_stack([log_share - log_share[columns, own][:, None], self.log_odds])
        return [(float(value),) for value in ratios[columns, encode_rows(rows)].sum(1)]

    def _read(self, text: str) -> tuple[str, str] | Refusal:
        """A variant's name and its row."""
        found = self.names.read(text)
        if isinstance(found, Refusal):
            return found
        row = self.representation.row_of(found[1])
        return row if isinstance(row, Refusal) else (found[0], row)

    def _scores(self, rows: Sequence[str]) -> Float[np.ndarray, "member row"]:
        raise NotImplementedError


class PottsScorer(AlignedScorer):
    """Differences of a Potts model's log p, with gaps as the family's model has them."""

    def __init__(self, model: PottsModel, representation: AlignmentRepresentation) -> None:
        super().__init__(representation)
        self.model = model
        self.wild_type = self._energies([representation.focus])

    def _scores(self, rows: Sequence[str]) -> Float[np.ndarray, "1 row"]:
        if not rows:
            return np.empty((1, 0))
        return (self._energies(rows) - self.wild_type + (encode_rows(rows) == GAP) @ self.log_odds)[None]

    def _energies(self, rows: Sequence[str]) -> Float[np.ndarray, " row"]:
        letters = torch.from_numpy(encode_rows(rows).astype(np.int64)).to(self.model.fields.device)
        return self.model.energy(letters, letters != GAP).cpu().numpy()


class FamilyScorer(AlignedScorer):
    """Scores by the evidence of an ensemble of VAEs."""

    def __init__(
        self, model: AlignmentVAE, representation: AlignmentRepresentation, samples: int = 64, draws: int = DRAWS
    ) -> None:
        super().__init__(representation)
        self.model, self.samples = model, samples
        self.wild_type = self._bounds([representation.focus])
        focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
        self.near = model.local_evidence(focus.to(model.first.output.weight.device), draws, min(KEPT, draws))

    def doubts(self) -> list[str]:
        """As the sentences of all, and that one model has no spread."""
        alone = [
            "score_sd is empty: it is the spread between models, and this is one. Train several (`settings` members=5)"
        ]
        return [*super().doubts(), *(alone if len(self.near) == 1 else [])]

    def member_scores(self, texts: Sequence[str]) -> Float[np.ndarray, "member text"]:
        """The scores of each member, NaN for invalid variants."""
        named = [self._read(text) for text in texts]
        good = [index for index, one in enumerate(named) if not isinstance(one, Refusal)]
        scores = np.full((len(self.wild_type), len(texts)), np.nan)
        scores[:, good] = self._scores([named[index][1] for index in good])  # type: ignore[index]
        return scores

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


class FamilyScore:
    """Oracle of the family's score of sequences of the reference's length; higher is fitter, 0 for the reference."""

    name, unit = "family_score", "nats"
    direction: Direction | None = "maximize"

    def __init__(self, make: Callable[[], AlignedScorer]) -> None:
        self._make = make
        self._scorer: AlignedScorer | None = None

    def score(self, items: Sequence[str]) -> list[Score]:
        self._scorer = self._scorer or self._make()
        return [_as_score(one) for one in self._scorer.score(items)]


class ColumnScore:
    """Oracle of the columns' score of sequences of the reference's length; higher is fitter, 0 for the reference."""

    name, unit = COLUMN_SCORE, "nats"
    direction: Direction | None = "maximize"

    def __init__(self, representation: AlignmentRepresentation) -> None:
        self._scorer = AlignedScorer(representation)

    def score(self, items: Sequence[str]) -> list[Score]:
        found = self._scorer.column_scores(items)
        return [Score(None, failure=one.reason) if isinstance(one, Refusal) else Score(one) for one in found]


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


# Recipes of protein models.

TRAINING = {"steps": 1500, "batch_size": 640, "learning_rate": 3e-3, "largest_gradient": 100.0, "ema_decay": 0.99}
"""128 rows per step for each of five members. Like the network's settings, they were chosen by the bound of held-out
groups of sequences of one family (`tests/benchmarks/variant_effects.py --held-out`), without any measurements."""

EXPLAINED = "measured_variance_explained"
"""Explained share of the variance of held-out measured variants, predicted from the others and the family."""


def alignment_vae(representation: AlignmentRepresentation, settings: AlignmentVAESettings) -> AlignmentVAE:
    """Several VAEs of aligned rows, conditioned on measured values; a requested number of mutations guides sampling
    instead."""
    focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
    names, reference = representation.properties, None
    if MUTATIONS in names:
        place = names.index(MUTATIONS)
        reference = WildTypeRow(focus, place, float(representation.mean[place]), float(representation.std[place]))
    measured = "" if settings.semi_supervised and not representation.family else representation.measured
    inputs = [place for place, name in enumerate(names) if name not in (MUTATIONS, measured)]
    landscape = AdditiveFitness(focus, len(ALPHABET), names.index(measured)) if measured else None
    return AlignmentVAE(len(focus), len(ALPHABET), settings, reference, inputs, landscape)


VARIANT_TRAINING = {
    "steps": 2500,
    "batch_size": 40,
    "learning_rate": 2e-3,
    "largest_gradient": 100.0,
    "ema_decay": 0.99,
}


def variant_vae(representation: AlignmentRepresentation, settings: VariantVAESettings) -> VariantVAE:
    """The conditional autoencoder of measured variants of one wild type."""
    if representation.family:
        raise ConfigError(
            "Expected a table of variants of one wild type for variant-vae, got a family's alignment. Train an "
            "alignment-vae with it."
        )
    focus = torch.from_numpy(encode_rows([representation.focus])[0].astype(np.int64))
    names, changes = representation.properties, None
    if MUTATIONS in names:
        place = names.index(MUTATIONS)
        changes = WildTypeRow(focus, place, float(representation.mean[place]), float(representation.std[place]))
    measured = representation.measured
    landscape = AdditiveFitness(focus, len(ALPHABET), names.index(measured)) if measured else None
    return VariantVAE(focus, len(ALPHABET), len(names), settings, changes, landscape)


def variant_oracles(
    model: VariantVAE, representation: AlignmentRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """`mutations`, and a lower bound of log p of a variant."""
    bound = partial(model.bound, importance_samples=64)
    return {MUTATIONS: Mutations(representation), **likelihood_oracles(model, representation, bound)}


def variant_figures(
    model: VariantVAE, representation: AlignmentRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Of held-out rows: the share that the latent alone gives back, and the share of noise's draws that another z
    changes. `EXPLAINED`."""
    rows = torch.from_numpy(np.stack(arrays).astype(np.int64))
    whole = (rows != GAP).all(1)
    batch = Batch({LETTERS: rows[whole]})
    noise = torch.randn(2, 256, model.latent_size, generator=torch.Generator().manual_seed(0))
    noise[:, :, : model.latent_size - model.prior.latent_size] = noise[
        0, :, : model.latent_size - model.prior.latent_size
    ]
    first, second = (model.decode(one)[LETTERS] for one in noise)
    found = {
        "reconstructed": float((model.decode(model.encode(batch))[LETTERS] == batch[LETTERS]).all(1).double().mean()),
        "changed_with_z": float((first != second).any(1).double().mean()),
    }
    return found if model.landscape is None else found | {EXPLAINED: float(model.landscape.explained)}


def model_oracles(
    model: AlignmentVAE, representation: AlignmentRepresentation, remember: Remember
) -> Mapping[str, Oracle]:
    """`family_score` of a variant, with an interval of one standard deviation of the members, `mutations`, and a lower
    bound of log p of an aligned row, without gaps, by the mixture of members."""

    def bound(batch: Batch) -> Tensor:
        members = model.evidence(batch, importance=True)
        return torch.logsumexp(members, 0) - np.log(len(members))

    likelihoods = likelihood_oracles(model, representation, bound)
    return {**score_oracles(representation, partial(FamilyScorer, model, representation)), **likelihoods}


def score_oracles(representation: AlignmentRepresentation, make: Callable[[], AlignedScorer]) -> dict[str, Oracle]:
    """`family_score`, `column_score` and `mutations` of a variant."""
    found: dict[str, Oracle] = {"family_score": FamilyScore(make)} if representation.family else {}
    found |= {COLUMN_SCORE: ColumnScore(representation)} if len(representation.letters) else {}
    return found | {MUTATIONS: Mutations(representation)}


def held_out_nats(
    model: AlignmentVAE, representation: AlignmentRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Bounds of -log p in nats per residue: mean over members, and of the mixture of members."""
    batch = representation.batch(arrays)
    evidence = model.evidence(batch, samples=16)
    residues = sum(int((row != GAP).sum()) for row in arrays)
    mixture = torch.logsumexp(evidence, 0) - np.log(len(evidence))
    found = {
        "nats_per_residue": float(-evidence.mean(0).sum() / residues),
        "mixture_nats_per_residue": float(-mixture.sum() / residues),
    }
    return found if model.landscape is None else found | {EXPLAINED: float(model.landscape.explained)}


def potts_model(representation: AlignmentRepresentation, settings: PottsSettings) -> PottsModel:
    """A Potts model of a family's rows."""
    if not representation.family or representation.properties:
        raise ConfigError(
            "Expected a family's alignment, without conditions or measured variants, for alignment-potts. Train an "
            "alignment-vae with these."
        )
    return PottsModel(len(representation.columns), len(ALPHABET), settings)


def pseudolikelihood_nats(
    model: PottsModel, representation: AlignmentRepresentation, arrays: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """-log p of a residue given all others, in nats: mean over residues."""
    batch = representation.batch(arrays)
    assert batch.mask is not None
    found = model.conditional_log_prob(batch[LETTERS], batch.mask)
    return {"pseudolikelihood_nats_per_residue": float(-found.sum() / batch.mask.sum())}


RECIPES = {
    "alignment-vae": Recipe(
        name="alignment-vae",
        fit=fit,
        load_representation=load,
        build=alignment_vae,
        settings=AlignmentVAESettings,
        conditions=(MUTATIONS,),
        description="VAEs of one family's alignment, perhaps with measured variants beside it, or of such alone; "
        "Bayesian last layer: effects of mutations, new members.",
        form="aligned",
        check=held_out_nats,
        family=FamilyTraining(
            scorer=lambda model, representation: FamilyScorer(model, representation) if representation.family else None,
            weight=WEIGHT,
            columns=(WEIGHT,),
        ),
        oracles=ModelOracles(
            make=model_oracles,
            names=("family_score", COLUMN_SCORE, MUTATIONS, LOG_LIKELIHOOD),
            on_request=(COLUMN_SCORE, LOG_LIKELIHOOD),
            inform_predictors=True,
        ),
        training=TRAINING,
    ),
    "variant-vae": Recipe(
        name="variant-vae",
        fit=fit,
        load_representation=load,
        build=variant_vae,
        settings=VariantVAESettings,
        conditions=(MUTATIONS,),
        description="Conditional VAE of measured variants of one wild type: a few numbers decide the changes, and "
        "their letters reach a requested value.",
        form="aligned",
        check=variant_figures,
        one_thread=True,
        family=FamilyTraining(scorer=lambda model, representation: None, weight=WEIGHT, columns=(WEIGHT,)),
        oracles=ModelOracles(
            make=variant_oracles,
            names=(MUTATIONS, LOG_LIKELIHOOD),
            on_request=(LOG_LIKELIHOOD,),
            inform_predictors=True,
        ),
        training=VARIANT_TRAINING,
    ),
    "alignment-potts": Recipe(
        name="alignment-potts",
        fit=fit,
        load_representation=load,
        build=potts_model,
        settings=PottsSettings,
        conditions=None,
        description="A Potts model of one family's alignment by pseudolikelihood (plmDCA, EVmutation): effects of "
        "mutations, no draws.",
        form="aligned",
        check=pseudolikelihood_nats,
        fitted_at_once=True,
        family=FamilyTraining(scorer=PottsScorer, weight=WEIGHT, columns=(WEIGHT,)),
        oracles=ModelOracles(
            make=lambda model, representation, remember: score_oracles(
                representation, partial(PottsScorer, model, representation)
            ),
            names=("family_score", COLUMN_SCORE, MUTATIONS),
            on_request=(COLUMN_SCORE,),
            inform_predictors=True,
        ),
    ),
    "backbone-diffusion": Recipe(
        name="backbone-diffusion",
        fit=backbone_representation.fit,
        load_representation=backbone_representation.load,
        build=backbone_models.backbone_diffusion,
        adaptation=Adaptation(
            adapt_representation=backbone_representation.adapt,
            adapt=backbone_models.adapted,
            settings=frozenset({"network", "placement", "shift", "condition_bias", "excluded_volume", "diffusion"}),
            training={"batch_size": 8, "learning_rate": 2e-4},
        ),
        settings=backbone_models.BackboneDiffusionSettings,
        conditions=backbone_models.CONDITIONS,
        description="Diffusion of backbones; noise like a folded polymer, SE(3)-equivariant network of residues.",
        form="structures",
        check=backbone_models.backbone_figures,
        training=backbone_models.TRAINING,
        cpu_rows=backbone_models.CPU_ROWS,
        tasks=TASKS,
    ),
}
