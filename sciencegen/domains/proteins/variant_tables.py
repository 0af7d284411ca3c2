"""Reads references and variants from a user's tables and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.domains.capabilities import Variants
from sciencegen.domains.proteins.alignments import read_focus
from sciencegen.domains.proteins.backbones.published_weights import INSTALL, PACKAGE, has_weights
from sciencegen.domains.proteins.files import chain_reference, named_chain, split_chain
from sciencegen.domains.proteins.items import GAP_LETTER, parse
from sciencegen.domains.proteins.motifs import exempt_motifs
from sciencegen.domains.proteins.residues import BACKBONE
from sciencegen.domains.proteins.structures import ProteinChain, map_to_reference, weighted_contact_number
from sciencegen.domains.proteins.variants import (
    ProteinVariantNames,
    Reference,
    Substitution,
    apply_variant,
    numbered,
    read_variant,
    split_range,
    variant_name,
    written_out,
)
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Refusal

# Scores of variants of a family's focus that also know a structure of it: a rank average.
#
# For variant v, with f the family's score, c the contacts of the changed positions and l their log odds:
#
#     structure(v)              mean of q(-c) and q(l)
#     family_structure_score(v) mean of q(f) and structure(v)
#
# q is the rank among all single substitutions, from 0 to 1. Changes inside the protein and letters that don't fit its
# backbone are harmful more often. Weighted contact numbers: Lin et al. 2008; log odds: ProteinMPNN, Dauparas et al.
# 2022, log p(new letter) - log p(old letter), each given the backbone and all other residues of the structure.

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


_SITES = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*")


def read_reference(source: str, first: int = 1) -> Reference:
    """Read a wild type: a sequence, the first record of a FASTA file or an alignment, or a chain of a structure file
    (`1abc.pdb:A`) with its numbering. A sequence or the name of a record may end with its range (`MKV.../24-286`);
    otherwise a sequence is numbered from `first`. Behind all this may stand the open positions of a library, whose
    variants are then read from their letters there: `gb1.fasta@39,40,41,54` or `@39-41,54`."""
    whole, mark, numbers = source.rpartition("@")
    if not mark or not _SITES.fullmatch(numbers) or _is_file(source):
        return _without_sites(source, first)
    reference = _without_sites(whole, first)
    spans = [(int(start), int(end or start)) for start, _, end in (one.partition("-") for one in numbers.split(","))]
    inside = all(reference.first <= start <= end <= reference.last for start, end in spans)
    sites = tuple(site for start, end in spans for site in range(start, end + 1)) if inside else ()
    if not inside or len(set(sites)) < len(sites):
        raise ConfigError(
            f"Expected different open positions from {reference.first} to {reference.last}, the numbers of the wild "
            f"type, behind its @, got '{numbers}'. If its numbers are others, give its range: SEQUENCE/2-56@39,40."
        )
    return replace(reference, sites=sites)


def _is_file(source: str) -> bool:
    with suppress(OSError):  # a long sequence isn't a valid file name
        return Path(source).is_file()
    return False


def _without_sites(source: str, first: int) -> Reference:
    with suppress(OSError):
        if (found_chain := split_chain(source)) is not None:
            return chain_reference(*found_chain)
        if Path(source).is_file():
            return read_focus(Path(source))[0]
    text, span = split_range(source.strip())
    found = parse(text)
    if isinstance(found, Refusal):
        raise ConfigError(
            f"Expected a wild type (a sequence, or a file of FASTA or an alignment), got '{source[:60]}', which is no "
            f"file and, as a sequence, {found.reason}."
        )
    reference = Reference(found, first) if span is None else numbered(found, span)
    if isinstance(reference, Refusal):
        raise ConfigError(f"Expected the range of the wild type '{source[:20]}...' to {reference.reason}. Correct it.")
    return reference


def variant_text(reference: Reference, text: str) -> str | Refusal:
    """The sequence of a variant, given by name (`A42G:K43R`), by its letters at the reference's open positions, or as a
    sequence of any length."""
    written = written_out(reference, text)
    sequence = apply_variant(reference, text) if written is None else written
    if isinstance(sequence, str) and GAP_LETTER in sequence:
        return Refusal(f"'{text[:60]}' deletes a residue: only substitutions have a place here")
    return sequence


VARIANTS = Variants(
    read_reference=read_reference,
    text_of=variant_text,
    name_of=variant_name,
    names=ProteinVariantNames,
    exempt_motifs=exempt_motifs,
    structure=structure_scores,
    unit="nats",
)
