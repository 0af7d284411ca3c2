"""What is told of each draw: its item, identity, properties, and whether it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sciencegen.api.science.forms import domain_of, plain_of
from sciencegen.api.science.workers import InDomain, _representation
from sciencegen.items import Refusal
from sciencegen.scoring.forward_model_oracle import ForwardModelOracle
from sciencegen.scoring.oracles import ANNOTATIONS


class Judged(NamedTuple):
    """Of a decoded row: the item as text, its key, properties (`with_annotations` of the names), whether the row is how
    it is written, and whether it has what is to be kept and nothing forbidden.
    """

    text: str
    key: str
    values: list[Any]
    well_formed: bool
    accepted: bool


@dataclass(frozen=True)
class Judge(InDomain):
    """Decoded rows to `Judged`, or why a row is no item. The domain itself names an item's key.

    A row's tensors come as arrays: a tensor would travel between processes as shared memory.
    """

    recipe: str
    representation: str
    names: tuple[str, ...]
    keep: tuple[str, ...]
    forbid: tuple[str, ...]
    strict: bool = True
    """Whether to look if rows are well formed (`Representation.decode`); else all count as such."""
    predictors: tuple[tuple[str, str], ...] = ()
    observe: int | None = None
    """The seed by which items become what an instrument sees of them (`Representation.observed`), once judged; None:
    they stay as they are."""

    def __call__(self, rows: Sequence[Mapping[str, np.ndarray]]) -> list[Any]:
        from sciencegen.api.criteria.oracles import OracleBook  # on use: these import this module
        from sciencegen.api.science.naming import constraint_of

        domain, plain = domain_of(self.domain), plain_of(self.domain)
        book = OracleBook(self.domain, dict(self.predictors))
        batch, representation = join_rows(rows), _representation(self.domain, self.recipe, self.representation)
        decoded = representation.decode(batch)
        items = [item for item in decoded if not isinstance(item, Refusal)]
        reference = getattr(representation, "reference", None)
        patterns = self.keep or self.forbid
        accept = constraint_of(domain, self.keep, self.forbid, reference) if patterns else lambda item: True
        told = tuple(name for name, _ in self.predictors)
        seen = items if self.observe is None else representation.observed(items, self.observe)
        values = iter(measure_all(domain, items, self.names, book.resolve, representation, told, seen))
        check = getattr(representation, "well_formed", None) if self.strict else None
        good = [True] * len(decoded) if check is None else check(batch, decoded).tolist()
        written = iter(seen)
        return [
            item
            if isinstance(item, Refusal)
            else Judged(domain.text(next(written)), plain.key(item), next(values), ok, accept(item))
            for item, ok in zip(decoded, good, strict=True)
        ]


def split_rows(batch: Any) -> list[dict[str, np.ndarray]]:
    """Each item of a Batch as named arrays; the mask is called "" here."""
    tensors = {**batch.fields, **({} if batch.mask is None else {"": batch.mask})}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return [{name: array[row] for name, array in arrays.items()} for row in range(len(batch))]


def join_rows(rows: Sequence[Mapping[str, np.ndarray]]) -> Any:
    """The Batch of such rows."""
    import torch

    from sciencegen.batch import Batch

    tensors = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    return Batch({name: tensor for name, tensor in tensors.items() if name}, tensors.get(""))


def _measured(
    domain: Any, items: Sequence[Any], names: Sequence[str], seen: Sequence[Any] | None
) -> dict[str, list[float]]:  # fmt: skip
    """Property -> its value of each item."""
    found: dict[str, list[float]] = {}
    for observed in (False, True):
        chosen = [name for name in names if domain.properties[name].observed == observed]
        asked = seen if observed and seen is not None else items
        values = domain.measure(asked, chosen) if asked and chosen else np.empty((0, len(chosen)))
        found |= dict(zip(chosen, values.T.tolist(), strict=True))
    return found


def measure_all(
    domain: Any, items: Sequence[Any], names: Sequence[str], oracle: Callable[[str], Any] | None = None,
    representation: Any = None, told: Collection[str] = (), seen: Sequence[Any] | None = None,
) -> list[list[Any]]:  # fmt: skip
    """[item column] of properties, of what the representation measures, and of other oracles (the domain's, or those of
    `oracle`), NaN where one fails; the columns are `with_annotations(names, told)`.
    seen: the items as they are written, where an instrument sees them so: what learned from such is asked of these, and
    so are properties of an observation."""
    own = [name for name in names if name in getattr(representation, "measures", ()) and name not in told]
    relative = representation.measure(items, own) if items and own else None
    columns: list[list[Any]] = []
    measured = _measured(
        domain, items, [name for name in names if name in domain.properties and name not in told], seen
    )
    for name in names:
        if name in own:
            columns.append([] if relative is None else relative[:, own.index(name)].tolist())
        elif name in measured:
            columns.append(measured[name])
        else:
            judge = (oracle or domain.oracle)(name)
            asked = seen if seen is not None and isinstance(judge, ForwardModelOracle) else items
            scores = judge.score(asked) if items else []
            columns.append([float("nan") if score.failed else score.value for score in scores])
            columns += [[getattr(score, part) for score in scores] for part in ANNOTATIONS if name in told]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in items]
