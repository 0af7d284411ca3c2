"""Tasks for killable workers: records of plain values, since a worker loads its domain by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from sciencegen.api.science.forms import domain_of
from sciencegen.data.forkserver import start_copied_server as start_copied_server  # for the command line
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import Refused
from sciencegen.domains.recipes import Encoded, Representation
from sciencegen.items import REFUSED_ROW, Refusal, Row

Result = TypeVar("Result", bound=tuple[object, ...])


@dataclass(frozen=True)
class InDomain:
    """A task in a domain. Unpickling loads the domain, so that workers inherit its imports from their server."""

    domain: str

    def __setstate__(self, state: Mapping[str, object]) -> None:
        self.__dict__.update(state)
        domain_of(self.domain)


IN_THE_GAP = "lies in the gap between two splits"
AT_ONCE = 64
"""Items that a worker holds at once, as images may take a megabyte each."""
NO_POSITION = "no number in the column to split by"


def _left_out(text: str) -> Refusal | None:
    """Why a row belongs to no split, None if it does."""
    reasons = (IN_THE_GAP, NO_POSITION) if text.startswith(REFUSED_ROW) else ()
    return next((Refusal(reason) for reason in reasons if text.endswith(f": {reason}")), None)


@dataclass(frozen=True)
class ParseAndMeasure(InDomain):
    """Texts to (text, key, values, None) or refusals, as `data.prepare` needs them."""

    names: tuple[str, ...]

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, str, np.ndarray, None] | Refusal]:
        parts = (texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE))
        return [found for part in parts for found in self._measured(part)]

    def _measured(self, texts: Sequence[str]) -> list[tuple[str, str, np.ndarray, None] | Refusal]:
        domain = domain_of(self.domain)
        parsed = [_left_out(text) or domain.items.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        rows = iter(domain.measure(items, self.names) if items else [])
        return [
            item if isinstance(item, Refusal) else (domain.items.text(item), domain.items.key(item), next(rows), None)
            for item in parsed
        ]


@dataclass(frozen=True)
class InRecipe(InDomain):
    """A task with a representation, given as JSON. Unpickling imports its recipe: with torch, that takes a second."""

    recipe: str
    representation: str

    def __setstate__(self, state: Mapping[str, object]) -> None:
        super().__setstate__(state)
        _ = domain_of(self.domain).recipes[self.recipe]


@dataclass(frozen=True)
class Encode(InRecipe):
    """Texts to (standardized text, array) or refusals."""

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, Encoded] | Refusal]:
        domain = domain_of(self.domain)
        representation = representation_of(self.domain, self.recipe, self.representation)
        parsed = [domain.items.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        arrays = iter(representation.encode(items) if items else [])
        results: list[tuple[str, Encoded] | Refusal] = []
        for item in parsed:
            array = item if isinstance(item, Refusal) else next(arrays)
            results.append(array if isinstance(array, Refusal) else (domain.items.text(item), array))
        return results


@cache
def representation_of(domain: str, recipe: str, text: str) -> Representation:
    """The representation of a recipe from its JSON, cached in the process."""
    return domain_of(domain).recipes[recipe].load_representation(json.loads(text))


def describe(
    task: Callable[[Sequence[str]], list[Result | Refusal]], rows: Sequence[Row], threads: int
) -> tuple[list[tuple[Row, Result]], list[Refused]]:
    """Apply a task to rows in killable workers; returns (row, result) pairs and the refused rows."""
    found: list[Result | Refusal | Failure] = []
    texts, workers = [row.text for row in rows], worker_count(threads)
    for _, members, results in map_chunks_killable(task, texts, processes=workers):
        found += [results] * len(members) if isinstance(results, Failure) else results
    described, refused = list[tuple[Row, Result]](), list[Refused]()
    for row, result in zip(rows, found, strict=True):
        if isinstance(result, Refusal | Failure):
            refused.append((row.line, row.text, result.reason))
        else:
            described.append((row, result))
    return described, refused
