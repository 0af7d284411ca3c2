"""Tasks of killable workers: records of plain values, because a worker loads its domain by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sciencegen.api.science.forms import domain_of
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.items import Refusal, Row


@dataclass(frozen=True)
class InDomain:
    """A task of one domain. Unpickling loads the domain, so that workers inherit its imports from their server."""

    domain: str

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        domain_of(self.domain)


@dataclass(frozen=True)
class ParseAndMeasure(InDomain):
    """Texts to (text, key, values, None) or why not; what `data.prepare` wants."""

    names: tuple[str, ...]

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        parsed = [domain.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        rows = iter(domain.measure(items, self.names) if items else [])
        return [
            item if isinstance(item, Refusal) else (domain.text(item), domain.key(item), next(rows), None)
            for item in parsed
        ]


@dataclass(frozen=True)
class Encode(InDomain):
    """Texts to (standardized text, array) or why not, by a representation given as its JSON."""

    recipe: str
    representation: str

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        representation = _representation(self.domain, self.recipe, self.representation)
        parsed = [domain.parse(text) for text in texts]
        items = [item for item in parsed if not isinstance(item, Refusal)]
        arrays = iter(representation.encode(items) if items else [])
        results: list[Any] = []
        for item in parsed:
            array = item if isinstance(item, Refusal) else next(arrays)
            results.append(array if isinstance(array, Refusal) else (domain.text(item), array))
        return results


@cache
def _representation(domain: str, recipe: str, text: str) -> Any:
    import json

    return domain_of(domain).recipes[recipe].load_representation(json.loads(text))


def describe(
    task: InDomain, rows: Sequence[Row], threads: int
) -> tuple[list[tuple[Row, Any]], list[tuple[int, str, str]]]:
    """The rows with what the task says of them, in killable workers, and the refused ones."""
    found: list[Any] = []
    texts, workers = [row.text for row in rows], worker_count(threads)
    for _, members, results in map_chunks_killable(task, texts, processes=workers):  # type: ignore[arg-type]
        found += [results] * len(members) if isinstance(results, Failure) else results
    pairs = list(zip(rows, found, strict=True))
    refused = [(row.line, row.text, result.reason) for row, result in pairs if not isinstance(result, tuple)]
    return [pair for pair in pairs if isinstance(pair[1], tuple)], refused
