"""Design rounds with sequences: features of residues, and the space of allowed substitutions.

The scales of the residues and their weights were chosen on the 530,737 double mutants of GB1 (Olson et al. 2014)
without the four sites of the landscape (Wu et al. 2016): a leave-one-out Gaussian process over the twenty residues of a
site explains 41% of the variance of single-mutant effects with these, 21% with z-scales (Sandberg et al. 1998), and
none with one-hot letters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.features import SCALES
from sciencegen.domains.proteins.items import ALPHABET, encode_rows
from sciencegen.domains.proteins.variants import Reference
from sciencegen.items import Refusal
from sciencegen.optimization.feature_rows import SiteRows

LETTER_SCALES: dict[str, tuple[float, Sequence[float]]] = {
    "hydropathy": (0.10, SCALES["hydropathy"]),
    "volume": (0.12, SCALES["volume"]),
    # at pH 7, histidine partly charged
    "charge": (0.04, (0, 0, -1, -1, 0, 0, 0.3, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)),
    "helix": (0.03, SCALES["helix"]),
    "strand": (0.04, SCALES["strand"]),
    "aromatic": (0.05, (0, 0, 0, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
    # Grantham 1974
    "polarity": (0.03, (8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9, 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6,
                        5.9, 5.4, 6.2)),
    "proline": (0.30, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
}  # fmt: skip
"""Name -> (weight of the squared difference in standard deviations, values in the order of the alphabet)."""
SHOWN_POSITIONS = 12
MOST_LEFT_OUT = 5
"""Maximum number of residues allowed nowhere that a note lists once instead of at each position."""


@cache
def letters() -> Float[np.ndarray, "letter scale"]:
    """Standardized scales, multiplied by the square root of their weights."""
    columns = []
    for weight, values in LETTER_SCALES.values():
        columns.append(np.sqrt(weight) * ((np.array(values) - np.mean(values)) / np.std(values)))
    return np.stack(columns, 1)


def design_features(sequences: Sequence[str], origin: str | None = None) -> SiteRows | None:
    """Residue numbers of sequences with features of each residue; None unless all, and the origin, have one length."""
    lengths = {len(sequence) for sequence in sequences} | ({len(origin)} if origin else set())
    return None if len(lengths) > 1 else SiteRows(encode_rows(sequences), letters())


def marks(sequences: Sequence[str], origin: str) -> list[set[tuple[int, str]]]:
    """(place, letter) of each change of each sequence; an empty set for a sequence of another length."""
    return [
        {(place, b) for place, (a, b) in enumerate(zip(origin, one, strict=True)) if a != b} if len(one) == len(origin)
        else set() for one in sequences
    ]  # fmt: skip


@dataclass(frozen=True)
class DesignSpace:
    """Substitutions of a wild type.

    others: place in the sequence (from 0) -> allowed residues, without the wild type's. maximum_mutations: of one
    sequence. given: whether the user gave the wild type; else it has the most frequent residues. structure_notes: on
    the structure that determined the open positions.
    """

    wild_type: Reference
    others: Mapping[int, str]
    maximum_mutations: int
    given: bool = True
    structure_notes: tuple[str, ...] = ()

    @property
    def reference(self) -> Reference | None:
        """The reference of variant names, None if the user gave no wild type."""
        return self.wild_type if self.given else None

    @property
    def origin(self) -> str:
        """The sequence of the wild type."""
        return self.wild_type.sequence

    def accepts(self, sequence: str) -> bool:
        if len(sequence) != len(self.origin):
            return False
        changes = [(place, b) for place, (a, b) in enumerate(zip(self.origin, sequence, strict=True)) if a != b]
        return len(changes) <= self.maximum_mutations and all(b in self.others.get(place, "") for place, b in changes)

    def mutate(self, sequence: str, generator: np.random.Generator) -> str | Refusal:
        """Set a random open place to another allowed residue or the wild type's. Changes outside the space, and random
        other changes above the maximum, are reverted to the wild type."""
        if len(sequence) != len(self.origin):
            return Refusal(f"{len(sequence)} residues, the wild type has {len(self.origin)}")
        pairs = enumerate(zip(self.origin, sequence, strict=True))
        child = [b if b in self.others.get(place, "") else a for place, (a, b) in pairs]
        places = list(self.others)
        place = places[generator.integers(len(places))]
        choices = (self.others[place] + self.origin[place]).replace(child[place], "")
        child[place] = choices[generator.integers(len(choices))]
        changed = [other for other in places if child[other] != self.origin[other]]
        rest = generator.permutation([other for other in changed if other != place])
        for other in rest[: max(len(changed) - self.maximum_mutations, 0)].tolist():
            child[other] = self.origin[other]
        return "".join(child)

    def size(self) -> int:
        """Number of sequences: sum over d <= maximum of e_d(n_1, ..., n_k), where n_p is the number of other residues
        than the wild type's at p, and e_d the sum over all sets of d places of their products."""
        if self.maximum_mutations == len(self.others):
            return math.prod(1 + len(letters_here) for letters_here in self.others.values())
        sums = [1] + [0] * self.maximum_mutations
        for letters_here in self.others.values():
            for order in range(self.maximum_mutations, 0, -1):
                sums[order] += len(letters_here) * sums[order - 1]
        return sum(sums)

    def everything(self, limit: int) -> list[str] | None:
        """All sequences, the wild type first, if there are at most `limit`, else None."""
        return list(self._all()) if self.size() <= limit else None

    def _all(self) -> Iterator[str]:
        for count in range(self.maximum_mutations + 1):
            for places in itertools.combinations(self.others, count):
                for chosen in itertools.product(*(self.others[place] for place in places)):
                    child = list(self.origin)
                    for place, letter in zip(places, chosen, strict=True):
                        child[place] = letter
                    yield "".join(child)

    @property
    def notes(self) -> list[str]:
        """How the options were interpreted, as sentences."""
        first = self.wild_type.first
        somewhere = {letter for place, some in self.others.items() for letter in some + self.origin[place]}
        nowhere = "".join(letter for letter in ALPHABET if letter not in somewhere)
        left_out = nowhere if len(nowhere) <= MOST_LEFT_OUT else ""
        but, rest = f", to all but {left_out}" * bool(left_out), set(ALPHABET) - set(left_out)
        named = [
            f"{self.origin[place]}{place + first}" + ("" if {*some, self.origin[place]} >= rest else f" ({some})")
            for place, some in self.others.items()
        ]
        shown = ", ".join(named[:SHOWN_POSITIONS]) + (f" ... {named[-1]}" if len(named) > SHOWN_POSITIONS else "")
        size = self.size()
        count = f"{size:,}" if size < 1e9 else f"10^{math.log10(size):.0f}"  # a float ends at 10^308
        found = [
            f"{len(named)} of {len(self.origin)} positions are open{but}: {shown}; "
            f"at most {self.maximum_mutations} of them changed at once: {count} sequences",
            *self.structure_notes,
        ]
        if not self.given:
            found.append(
                f"no wild type was given: mutations count from what is most frequent in the first round, numbered from "
                f"{first}: {self.origin}. Pass `wild_type`"
            )
        return found
