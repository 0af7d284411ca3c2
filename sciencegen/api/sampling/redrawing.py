"""Rows of an earlier generation, drawn again from their numbers without those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile

import numpy as np
from jaxtyping import Int

from sciencegen.api.sampling.draws import Part, first_draw
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.judge import Judged
from sciencegen.api.sampling.replacement import Result
from sciencegen.api.sampling.request import DrawRequest
from sciencegen.items import Cell


def redraw(request: DrawRequest, draws: Sequence[int]) -> Iterator[dict[str, Cell]]:
    """The row of each of these draws, by column; that of a draw that is no item has the text "".

    Rows are decoded and evaluated together with those of the first time, on which rounding depends: a whole part of
    `Draws.parts`, and a whole task of `Generation.rows_per_task`. The parts are a compute chunk at most, so that a row
    takes as long wherever it stands.

    Parameters
    ----------
    request : DrawRequest
        That of the first time, without building blocks, whose choice depends on the rows before.
    draws : sequence of int
        Their numbers, from 0, in increasing order (`Generation.kept`).
    """
    generation = Generation(request)
    together = Together(np.asarray(draws, np.int64), generation.rows_per_task, request.settings.best_of)
    parts = [part for part in takewhile(together.begins_before_end, generation.draws.parts()) if together.needs(part)]
    numbers: deque[int] = deque()

    def rows() -> Iterator[Mapping[str, np.ndarray]]:
        for number, row in generation.draws.again(parts):
            if together.has(number):
                numbers.append(number)
                yield row

    group: list[Result] = []
    for result in chain.from_iterable(generation.judged(rows())):
        if together.drawn(numbers.popleft()):
            group.append(result)
        if len(group) == together.count:
            yield _row(generation, *generation.best(group))
            group = []


def _row(generation: Generation, result: Result) -> dict[str, Cell]:
    if isinstance(result, Judged):
        return generation.cells(result.text, [*result.values, *result.how])
    return generation.cells("", generation.no_values)


@dataclass(frozen=True)
class Together:
    """What has to be computed for some draws.

    draws: their numbers, increasing. size: rows of a task. count: rows of a draw.
    """

    draws: Int[np.ndarray, " draw"]
    size: int
    count: int

    def begins_before_end(self, part: Part) -> bool:
        """Whether a part begins before the end of the last task that is needed."""
        last_row = (int(self.draws[-1]) + 1) * self.count - 1 if len(self.draws) else -1
        return first_draw(part) * self.count < (last_row // self.size + 1) * self.size

    def needs(self, part: Part) -> bool:
        """Whether a part has rows of a task that is needed."""
        first = first_draw(part)
        rows = first * self.count, (first + part[1].stop - part[1].start) * self.count - 1
        return self._any(rows[0] // self.size, rows[1] // self.size)

    def has(self, row: int) -> bool:
        """Whether a row belongs to a task that is needed."""
        return self._any(row // self.size, row // self.size)

    def drawn(self, row: int) -> bool:
        """Whether a row is one of the draws."""
        place = int(np.searchsorted(self.draws, row // self.count))
        return place < len(self.draws) and int(self.draws[place]) == row // self.count

    def _any(self, first_task: int, last_task: int) -> bool:
        """Whether any of the draws has a row in these tasks."""
        first = first_task * self.size // self.count
        last = ((last_task + 1) * self.size - 1) // self.count
        return bool(np.searchsorted(self.draws, first) < np.searchsorted(self.draws, last, "right"))
