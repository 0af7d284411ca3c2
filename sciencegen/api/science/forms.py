"""Domains and their forms by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import Refused
from sciencegen.domains import load_domain
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Family, Points
from sciencegen.domains.recipes import Encoded, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import REFUSED_ROW, Item, Refusal, Row
from sciencegen.scoring.oracles import Oracle

ReadPoints = Callable[[Sequence[Item]], Sequence[Points | Refusal]]


@cache
def domain_of(name: str) -> Domain:
    """The domain with this name (`in_form` names a form of one), loaded once in a process."""
    return load_domain(name)


def in_form(domain: str, form: str) -> str:
    """The name of a domain's form; for the form "" the name of the domain."""
    return f"{domain}/{form}" if form else domain


def plain_name(domain: str) -> str:
    """The name of the plain domain, from its own name or that of a form."""
    return domain.partition("/")[0]


def plain_of(domain: str) -> Domain:
    """The plain domain of a form. It defines the keys of items (but see `key_of`); forms only add information."""
    return domain_of(plain_name(domain))


def key_of(domain: str, item: Item) -> str:
    """Identity of an item: the key of its plain item, unless the form has keys of its own."""
    science = domain_of(domain)
    own = science.form is not None and science.form.own_key
    return (science if own else plain_of(domain)).items.key(item)


def name_of_results(domain: str, form: str) -> str:
    """The name under which results of a form are scored, compared and written: that of the form, if its items may lack
    what plain items consist of (`Form.own_key`), else that of the plain domain."""
    formed = in_form(plain_name(domain), form)
    found = domain_of(formed).form
    return formed if found is not None and found.own_key else plain_name(domain)


def family_of(science: Domain) -> Family | None:
    """The family of a form whose items are aligned; None for other forms and domains."""
    return None if science.form is None else science.form.family


def points_of(name: str) -> ReadPoints:
    """The function by which a form reads the points of items; an error if it has none."""
    structures = domain_of(name).structures
    if structures is None or structures.points is None:
        domain, _, form = name.partition("/")
        raise ConfigError(f"Expected a form of {domain} that has points, '{form}' has none.")
    return structures.points


def plain_text(domain: str, item: Item) -> str:
    """The text of a form's item in tables: that of the plain domain (molecules: SMILES)."""
    form = domain_of(domain).form
    return plain_of(domain).items.text(item if form is None else form.plain(item))


def adapted(domain: str, oracle: Oracle) -> Oracle:
    """Adapt an oracle of plain items to items of the form."""
    form = domain_of(domain).form
    return oracle if form is None else form.adapt_oracle(oracle)


def reads_folders(domain: str) -> bool:
    """Whether the domain can read a folder of files."""
    return domain_of(domain).items.reads_folders


# Tasks for killable workers: records of plain values, since a worker loads its domain by name.

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
