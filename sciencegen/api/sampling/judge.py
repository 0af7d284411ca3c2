"""Evaluation of draws: item, key, properties, and whether it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.science.forms import domain_of, key_of
from sciencegen.api.science.naming import constraint_of
from sciencegen.api.science.workers import InRecipe, representation_of
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Representation
from sciencegen.items import Cell, Item, Refusal
from sciencegen.scoring.forward_model_oracle import ForwardModelOracle
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:  # torch takes seconds to import
    from sciencegen.batch import Batch


class Judged(NamedTuple):
    """An evaluated row: the item as text, its key, its properties (`with_annotations` of the names), whether the row is
    well formed, and whether the item contains all patterns to keep and no forbidden one, and is plausible if that is
    requested. how: cells that say how the item is made from building blocks (`replacement`).
    """

    text: str
    key: str
    values: list[Cell]
    well_formed: bool
    accepted: bool
    how: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Judge(InRecipe):
    """Decoded rows to `Judged`, or to refusals. The key of an item is that of `key_of`.

    Rows hold arrays instead of tensors, since tensors would be passed between processes as shared memory.
    """

    names: tuple[str, ...]
    keep: tuple[str, ...]
    forbid: tuple[str, ...]
    plausible: bool
    strict: bool = True
    """Whether to check that rows are well formed (`Representation.well_formed`); else all count as well formed."""
    predictors: tuple[tuple[str, str], ...] = ()
    observe: int | None = None
    """The seed for observing items with the instrument after their evaluation; None: items are not observed."""

    def __call__(self, rows: Sequence[Mapping[str, np.ndarray]]) -> list[Judged | Refusal]:
        batch, representation = join_rows(rows), representation_of(self.domain, self.recipe, self.representation)
        decoded = representation.decode(batch)
        strict = self.strict and representation.canonical
        well_formed = representation.well_formed(batch, decoded).tolist() if strict else [True] * len(decoded)
        judged = iter(self.of_items([item for item in decoded if not isinstance(item, Refusal)]))
        return [
            item if isinstance(item, Refusal) else next(judged)._replace(well_formed=good)
            for item, good in zip(decoded, well_formed, strict=True)
        ]

    def of_items(self, items: Sequence[Item]) -> list[Judged]:
        """Evaluate items, all of which count as well formed."""
        domain = domain_of(self.domain)
        book = OracleBook(self.domain, dict(self.predictors), threads=1)  # there is a worker on every thread
        representation = representation_of(self.domain, self.recipe, self.representation)
        predictors = tuple(name for name, _ in self.predictors)
        observed = self._observed(representation, items)
        values = measure_all(domain, items, self.names, book.resolve, representation, predictors, observed)
        accept = self._accept(domain, representation)
        return [
            Judged(domain.items.text(written), key_of(self.domain, item), row, True, accept(item))
            for item, written, row in zip(items, observed, values, strict=True)
        ]

    def _observed(self, representation: Representation, items: Sequence[Item]) -> Sequence[Item]:
        """The items to write: observed by the instrument if requested."""
        observation = representation.observation
        if self.observe is None or observation is None or observation.instrument is None:
            return items
        observed = observation.instrument.observed(items, self.observe)
        if refusal := next((one for one in observed if isinstance(one, Refusal)), None):
            raise RuntimeError(f"An observed item is none: {refusal.reason}.")
        return observed

    def _accept(self, domain: Domain, representation: Representation) -> Callable[[Item], bool]:
        if not self.keep and not self.forbid and not self.plausible:
            return lambda item: True
        naming = representation.naming
        reference = None if naming is None else naming.reference
        return constraint_of(domain, self.keep, self.forbid, reference, self.plausible)


def split_rows(batch: Batch) -> list[dict[str, np.ndarray]]:
    """Each item of a Batch as named arrays; the mask is called "" here."""
    tensors = {**batch.fields, **({} if batch.mask is None else {"": batch.mask})}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return [{name: array[row] for name, array in arrays.items()} for row in range(len(batch))]


def join_rows(rows: Sequence[Mapping[str, np.ndarray]]) -> Batch:
    """The Batch of such rows."""
    import torch

    from sciencegen.batch import Batch

    tensors = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    return Batch({name: tensor for name, tensor in tensors.items() if name}, tensors.get(""))


def _measured(
    domain: Domain, items: Sequence[Item], names: Sequence[str], observed: Sequence[Item] | None
) -> dict[str, list[float]]:
    """Property -> its values for the items."""
    found: dict[str, list[float]] = {}
    for of_observation in (False, True):
        chosen = [name for name in names if domain.properties[name].observed == of_observation]
        measured = observed if of_observation and observed is not None else items
        values = domain.measure(measured, chosen) if measured and chosen else np.empty((0, len(chosen)))
        found |= dict(zip(chosen, values.T.tolist(), strict=True))
    return found


def measure_all(
    domain: Domain, items: Sequence[Item], names: Sequence[str], oracle: Callable[[str], Oracle] | None = None,
    representation: Representation | None = None, predictors: Collection[str] = (),
    observed: Sequence[Item] | None = None,
) -> list[list[Cell]]:  # fmt: skip
    """[item column] of properties, of the representation's own measures, and of other oracles; NaN for failures.

    The columns are `with_annotations(names, predictors)`. oracle: finds oracles by name; None: those of the domain.
    observed: the items as observed by an instrument, or None. Oracles that were trained on observed items score these,
    and properties of observations are measured on them.
    """
    measures = None if representation is None else representation.measures
    own = [] if measures is None else [name for name in names if name in measures.names and name not in predictors]
    relative = measures.measure(items, own) if measures is not None and items and own else None
    columns: list[list[Cell]] = []
    properties = [name for name in names if name in domain.properties and name not in predictors]
    measured = _measured(domain, items, properties, observed)
    for name in names:
        if name in own:
            columns.append([] if relative is None else relative[:, own.index(name)].tolist())
        elif name in measured:
            columns.append(measured[name])
        else:
            judge = (oracle or domain.oracles.find)(name)
            scored = observed if observed is not None and isinstance(judge, ForwardModelOracle) else items
            scores = judge.score(scored) if items else []
            columns.append([float("nan") if score.failed else score.value for score in scores])
            if name in predictors:
                bounds = ((score.lower, score.upper, score.in_domain) for score in scores)
                columns += map(list, zip(*bounds, strict=True)) if scores else [[], [], []]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in items]
