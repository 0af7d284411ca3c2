"""Rows of a family's alignment to tensors and back, with the family's focus and its numbering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from sciencegen.batch import Batch
from sciencegen.domains.proteins.aligned import MUTATIONS, WEIGHT, in_columns, mutations
from sciencegen.domains.proteins.items import ALPHABET, GAP, GAP_LETTER, decode_rows, encode_rows
from sciencegen.domains.proteins.variants import Reference, variant_name
from sciencegen.domains.recipes import Measures, Naming, Representation
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import NAME_COLUMN, Json, Refusal
from sciencegen.vae.alignment_fitness import FOLDS, LETTERS


@dataclass(eq=False)
class AlignmentRepresentation(Representation):
    """reference: all residues of the focus, numbered. columns: position in it of each column of the alignment.
    properties: `mutations` and measured ones; mean, std: of the training rows. gaps: weighted share of gaps in each
    column. family: True for the rows of a family, False for variants of one protein from a lab, among which the
    frequency of a letter is unrelated to its effect. measured: the property measured for variants in addition to the
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
    std, gaps = np.where(std > 0, std, 1.0), gap_shares(encode_rows(texts), weights)
    family, measured = bool(context.get("family", True)), measured if measured in conditions else ""
    numbers = [name for name in conditions if name != MUTATIONS]
    if not family and len(numbers) == 1:
        measured = numbers[0]
    if measured:
        _check_measured(measured, texts, column[:, conditions.index(measured)])
    return AlignmentRepresentation(reference, columns, tuple(conditions), mean, std, gaps, family, measured)


def _check_measured(name: str, texts: Sequence[str], values: Float[np.ndarray, " row"]) -> None:
    """Raise an error if too few rows tell effects of mutations, before a training."""
    known = sum(GAP_LETTER not in text for text, value in zip(texts, values, strict=True) if not np.isnan(value))
    if known < FOLDS:
        raise DataError(
            f"Expected {FOLDS} or more rows to train on with a number in {name} and without gaps, found {known} of "
            f"{len(texts)}. Measure more, or leave {name} out."
        )


def gap_shares(
    rows: UInt8[np.ndarray, "sequence column"], weights: Float[np.ndarray, " sequence"]
) -> Float[np.ndarray, " column"]:
    """[column] (weight of the gaps + 1/2) / (weight of all + 1), never 0 or 1. Jeffreys' estimate of a probability."""
    return ((rows == GAP).T @ weights + 0.5) / (weights.sum() + 1)
