"""How the names in a table are numbered: whether rows that fit no reference would fit one with other numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sciencegen.data.writers import Refused


@dataclass
class Numbering:
    """What rows tell, gathered chunk by chunk; nothing where there is no reference.

    names: `Domain.variant_names`, or None. refused: rows that fit nothing; fitted: rows that were read by name.
    """

    names: Any
    places: set[str] = field(default_factory=set)
    refused: int = 0
    fitted: int = 0

    def look(self, texts: Sequence[str], good: Sequence[str], refused: int) -> None:
        """texts: of all rows; good: of those that were read. refused: how many weren't."""
        self.refused += refused
        if self.names is not None:
            self.places |= self.names.places(texts)
            self.fitted += sum(bool(self.names.places([text])) for text in good)

    @property
    def hint(self) -> str:
        """What would make refused rows fit, "" where nothing would."""
        return self.names.hint(self.places) if self.refused and self.names is not None else ""

    def hinted(self, refused: Sequence[Refused]) -> list[Refused]:
        """Refused rows, each with that."""
        hint = self.hint
        return [(line, text, f"{reason}; {hint}" if hint else reason) for line, text, reason in refused]

    @property
    def notes(self) -> list[str]:
        """The same once, for people, with the remedy; of fewer rows that fitted than were refused that they may have
        done so by chance."""
        if not (hint := self.hint):
            return []
        by_chance = 0 < self.fitted < self.refused
        chance = f". The {self.fitted} rows that fitted may have done so by chance" if by_chance else ""
        return [f"{self.refused} rows were refused, and their {hint}. {self.names.remedy}{chance}"]
