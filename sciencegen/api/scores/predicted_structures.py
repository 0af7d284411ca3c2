"""Structures that a program predicts from sequences, compared with the items that the sequences were drawn for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.science.forms import domain_of
from sciencegen.config import ProgramSettings
from sciencegen.domains.capabilities import Predictions
from sciencegen.errors import SciencegenError
from sciencegen.items import Item, Refusal
from sciencegen.scoring.commands import Exchange, batch_program

Pair = tuple[Item, str]
"""An item and a sequence."""
Compared = Mapping[str, float] | Refusal


@dataclass(frozen=True)
class Folding:
    """A program that reads a file of sequences and writes their structures. domain: name of the sequences' domain."""

    domain: str
    predictions: Predictions
    program: ProgramSettings

    def compare(self, pairs: Sequence[Pair]) -> list[Compared]:
        """The values of each pair, or why there are none. Files of structures are read one batch at a time."""
        size = self.program.batch_size
        program = batch_program(self.program, f"input{domain_of(self.domain).items.formats[0]}", "output")
        batches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        exchange = Exchange(self._write, self._read, _all_failed)
        return [one for found in program.run(batches, exchange) for one in found]

    def _write(self, path: Path, batch: Sequence[Pair]) -> None:
        names = [str(number) for number in range(len(batch))]
        domain_of(self.domain).items.write(path, [sequence for _, sequence in batch], names, {})

    def _read(self, path: Path, batch: Sequence[Pair]) -> list[Compared]:
        try:
            found = self.predictions.read(path, [sequence for _, sequence in batch])
        except SciencegenError as error:
            return [Refusal(str(error).replace(str(path), path.name))] * len(batch)
        return [
            one if isinstance(one, Refusal) else self.predictions.compare(item, one)
            for (item, _), one in zip(batch, found, strict=True)
        ]


def _all_failed(batch: Sequence[Pair], reason: str) -> list[Compared]:
    return [Refusal(reason)] * len(batch)
