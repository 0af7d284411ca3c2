"""Scores of variants of a family's focus that also know a structure of it: a rank average.

For variant v, with f the family's score, c the contacts of the changed positions and l their log odds:

    structure(v)              mean of q(-c) and q(l)
    family_structure_score(v) mean of q(f) and structure(v)

q is the rank among all single substitutions, from 0 to 1. Changes inside the protein and letters that don't fit its
backbone are harmful more often. Weighted contact numbers: Lin et al. 2008; log odds: ProteinMPNN, Dauparas et al. 2022,
log p(new letter) - log p(old letter), each given the backbone and all other residues of the structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.backbones.published_weights import INSTALL, PACKAGE, has_weights
from sciencegen.domains.proteins.files import named_chain
from sciencegen.domains.proteins.residues import BACKBONE
from sciencegen.domains.proteins.structures import ProteinChain, map_to_reference, weighted_contact_number
from sciencegen.domains.proteins.variants import Reference, Substitution, read_variant
from sciencegen.items import Cell, Refusal

CONTACTS, LOG_ODDS, RANKS = "contacts", "structure_log_odds", "family_structure_score"


@dataclass(frozen=True)
class Ranks:
    """Ranks among known values. values: increasing. ranks: of these, from 0 to 1."""

    values: Float[np.ndarray, " known"]
    ranks: Float[np.ndarray, " known"]

    @classmethod
    def among(cls, values: Float[np.ndarray, " known"]) -> Ranks:
        """Equal values share their mean rank; missing ones (NaN) have none."""
        distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        return cls(distinct, (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1))

    def of(self, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
        """Interpolated between known values. Beyond them it goes on linearly, by 1 for each range of the known values,
        so that variants with many changes are still told apart."""
        if not len(self.values):
            return np.full(np.shape(values), np.nan)
        low, high = self.values[0], self.values[-1]
        inside = np.interp(values, self.values, self.ranks)
        return inside + (values - np.clip(values, low, high)) / max(high - low, 1e-12)


@dataclass(frozen=True)
class StructureTerms:
    """A structure's values at the positions of a reference, NaN at positions without a residue. contacts: in Å^-2.
    log_probabilities: of letters, or None without the weights."""

    reference: Reference
    contacts: Float[np.ndarray, " position"]
    log_probabilities: Float[np.ndarray, "position letter"] | None
    letters: str

    def of(self, names: Sequence[str]) -> dict[str, Float[np.ndarray, " variant"]]:
        """Sums over the changes of each variant; NaN if one has no value, as a deletion has no log odds."""
        changes = [self._changes(name) for name in names]
        found = {CONTACTS: np.array([sum((self._contacts(one) for one in each), 0.0) for each in changes])}
        if self.log_probabilities is not None:
            found[LOG_ODDS] = np.array([sum((self._log_odds(one) for one in each), 0.0) for each in changes])
        return found

    def _changes(self, name: str) -> list[Substitution]:
        found = read_variant(self.reference, name)
        assert not isinstance(found, Refusal)  # names are those of scored variants
        return found

    def _contacts(self, change: Substitution) -> float:
        return float(self.contacts[change.position - self.reference.first])

    def _log_odds(self, change: Substitution) -> float:
        assert self.log_probabilities is not None  # asked by `of`
        if change.letter not in self.letters or change.wild_type not in self.letters:
            return np.nan
        row = self.log_probabilities[change.position - self.reference.first]
        return float(row[self.letters.index(change.letter)] - row[self.letters.index(change.wild_type)])


@dataclass(frozen=True)
class StructureScores:
    """Columns that a structure adds to the scores of variants."""

    terms: StructureTerms
    family: Ranks
    structure: dict[str, Ranks]
    told: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.structure, RANKS)

    def values(self, names: Sequence[str], scores: Sequence[float]) -> dict[str, list[Cell]]:
        """Column -> cells of these variants. A variant with a change at a position without a residue has only the
        family's rank."""
        found = self.terms.of(names)
        ranks = [self.structure[name].of(_signed(name, values)) for name, values in found.items()]
        family, known = self.family.of(np.asarray(scores, float)), ~np.isnan(ranks)
        mean = np.where(known, ranks, 0).sum(0) / np.maximum(known.sum(0), 1)
        ranked = np.where(known.any(0), (family + mean) / 2, family)
        return {**{name: values.tolist() for name, values in found.items()}, RANKS: ranked.tolist()}

    def notes(self) -> list[str]:
        """How the structure was interpreted, as sentences."""
        return list(self.told)


def structure_scores(
    reference: Reference, structure: str, singles: Sequence[str], scores: Sequence[float]
) -> StructureScores:
    """Scores with a structure file, optionally with a chain (`1abc.pdb:A`).

    Its residues are aligned with the reference. singles, scores: all single substitutions with the family's scores,
    among which variants are ranked.
    """
    chain = named_chain(structure)
    mapping = map_to_reference(chain, reference)
    contacts = mapping.on_reference(weighted_contact_number(chain, "side_chain"))
    terms, notes = StructureTerms(reference, contacts, None, ""), [*chain.notes(), *mapping.notes()]
    if has_weights():
        letters, chances = _log_probabilities(chain)
        placed = np.stack([mapping.on_reference(column) for column in chances.T], 1)
        terms = StructureTerms(reference, contacts, placed, letters)
    else:
        notes.append(f"the letters' log odds are left out: they need the weights in the package {PACKAGE}. {INSTALL}")
    ranks = {name: Ranks.among(_signed(name, values)) for name, values in terms.of(singles).items()}
    told = tuple(f"structure: {note}" for note in notes)
    return StructureScores(terms, Ranks.among(np.asarray(scores, float)), ranks, told)


def _signed(name: str, values: Float[np.ndarray, " variant"]) -> Float[np.ndarray, " variant"]:
    """Higher is fitter."""
    return -values if name == CONTACTS else values


def _log_probabilities(chain: ProteinChain) -> tuple[str, Float[np.ndarray, "residue letter"]]:
    """The letters, and their log probabilities; NaN for residues without all atoms of the backbone."""
    from sciencegen.domains.proteins.backbones.inverse_folding import LETTERS, letter_log_probabilities

    coordinates = np.stack([chain.atom(name) for name in BACKBONE], 1)
    whole = ~np.isnan(coordinates).any((1, 2))
    sequence = "".join(np.array(list(chain.sequence))[whole])
    found = np.full((len(whole), len(LETTERS)), np.nan)
    found[whole] = letter_log_probabilities(coordinates[whole], sequence)
    return LETTERS.rstrip("X"), found
