"""Parses variants of one reference, given by name or as sequences, and detects shifted numbering."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from sciencegen.domains.proteins.variants import Reference, all_singles, variant_name, variant_sequence
from sciencegen.items import Refusal

FEWEST_POSITIONS = 3
"""Minimum number of distinct positions from which a shift is determined."""
MOST_MISFITS = 0.1
MANY = 8
"""Sufficient number of places that fit one shift. If they are half of all places, this happens by chance in fewer than
one of a hundred tables. A numbering with gaps (Ambler's of β-lactamases) has several shifts, so not all places fit."""
_PLACE = re.compile(r"(?<![A-Z0-9])([A-Z])(-?[0-9]{1,9})(?=[A-Z*=-])")


@dataclass(frozen=True)
class VariantNames:
    """Variants of a reference, given by name (`A42G:K43R`) or as sequences."""

    reference: Reference
    remedy: ClassVar[str] = "Number the wild type so, at the end of its record's name or sequence, or renumber the rows"
    """What the user can do about a `hint`."""

    def all_singles(self) -> list[str]:
        return all_singles(self.reference)

    def read(self, text: str) -> tuple[str, str] | Refusal:
        """A variant's name, "WT" for the reference itself, and its sequence with "-" for deletions."""
        sequence = variant_sequence(self.reference, text)
        if isinstance(sequence, Refusal):
            return sequence
        return str(variant_name(self.reference, sequence)), sequence

    def places(self, texts: Iterable[str]) -> set[str]:
        """The distinct wild-type letters and numbers in these texts, each as a variant without a change: `A42=`."""
        return {f"{one[1]}{one[2]}=" for text in texts for one in _PLACE.finditer(text.upper())}

    def hint(self, texts: Iterable[str]) -> str:
        """Describe the shift of the numbering if these texts name other residues than the reference has. "" if there is
        no shift, or if no single shift fits nearly all places (or most, if there are many)."""
        places = {(one[0], int(one[1:-1])) for one in self.places(texts)}
        if len({position for _, position in places}) < FEWEST_POSITIONS:
            return ""
        there: dict[str, list[int]] = {}
        for number, letter in enumerate(self.reference.sequence, self.reference.first):
            there.setdefault(letter, []).append(number)
        fits = Counter(number - at for letter, at in places for number in there.get(letter, ()))
        best = max(fits, key=lambda shift: (fits[shift], -abs(shift)), default=0)
        nearly_all = (1 - MOST_MISFITS) * len(places)
        if not best or fits[best] < min(nearly_all, max(MANY, len(places) / 2)):
            return ""
        first, last = self.reference.first - best, self.reference.last - best
        part = "" if fits[best] >= nearly_all else f" in {fits[best]} of {len(places)} places"
        return f"numbering seems shifted by {-best}{part}: it fits a wild type /{first}-{last}"
