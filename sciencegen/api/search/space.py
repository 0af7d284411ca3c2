"""The search space of a model in its domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from sciencegen.api.criteria.conditions import Condition, requested_rows
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.inputs import latents_of
from sciencegen.api.science.forms import plain_name
from sciencegen.api.science.naming import constraint_of, parse_texts, variants_of
from sciencegen.data.workers import is_refusal
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError
from sciencegen.items import Item, Refusal
from sciencegen.latent.space import Drafts
from sciencegen.optimization.spaces import SearchSpace

Encode = Callable[[Sequence[Item]], Sequence[object]]
"""Items to arrays, or refusals for items that a model can't encode (`Representation.encode`)."""


def search_space(
    model: LoadedModel, start: Sequence[str] = (), keep: Sequence[str] = (), forbid: Sequence[str] = (),
    plausible: bool = False, known: Sequence[Item] | None = None, conditions: Sequence[Condition] = (),
) -> SearchSpace:  # fmt: skip
    """The search space of a model. start: items to start from; none means the model's own start items. keep, forbid:
    patterns. plausible: whether only plausible items are scored; with known items, only those that are familiar beside
    these and the start items (`constraint_of`). conditions: under which the model draws."""
    domain, space, representation = model.domain, model.space, model.representation
    naming = representation.naming
    reference = None if naming is None else naming.reference
    noise = partial(_noise, model)
    moves = domain.moves
    mutate = naming.mutate if naming is not None else _no_move if moves is None else moves.mutate
    edit, recombine = (None, None) if moves is None else (moves.edit, moves.recombine)
    told = {one.name for one in conditions} & {*representation.properties}
    drafts = isinstance(model.model, Drafts) and not told  # its noise is the latents: draws need no encoder
    began = start_items(
        domain,
        start or (() if naming is None else naming.start),
        reference,
        None if naming is None else representation.encode,
    )
    return SearchSpace(
        latent_size=space.size,
        semantic_size=model.model.semantic_size,
        sample=noise if drafts else lambda n, generator: space.from_noise(noise(n, generator)),
        draw=None if drafts else partial(_drawn, model, conditions),
        decode=lambda latents: [_unrefused(item) for item in space.draft_items(latents)],
        encode=lambda items: latents_of(model, items),
        mutate=lambda item, generator: _unrefused(mutate(item, generator)),
        edit=edit and (lambda item, generator: _unrefused(edit(item, generator))),
        recombine=recombine and (lambda item, other, generator: _unrefused(recombine(item, other, generator))),
        features=domain.regression.features if naming is None else naming.differences,
        start=began,
        accept=constraint_of(domain, keep, forbid, reference, plausible, None if known is None else [*known, *began]),
    )


def _noise(model: LoadedModel, count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((count, model.space.size), dtype=np.float32)


def _drawn(
    model: LoadedModel, conditions: Sequence[Condition], count: int, generator: np.random.Generator
) -> list[Item | None]:
    """Draws of the model under the conditions; None where one is refused."""
    noise = _noise(model, count, generator)
    asked = requested_rows(conditions, model.representation, lambda columns: generator.random((count, columns)))
    return [_unrefused(item) for item in model.space.generate_items(noise, asked)]


def _unrefused(item: Item | Refusal) -> Item | None:
    return None if is_refusal(item) else item


def start_items(
    domain: Domain,
    texts: Sequence[str],
    reference: Reference | None = None,
    encode: Encode | None = None,
    flag: str = "`start`",
) -> list[Item]:
    """Parse items to start from; the name of a file stands for its items. reference: names (`A42G`) refer to it, and
    every item must have a name relative to it. encode: of the model; items that it can't encode are an error. flag: the
    setting, for messages."""
    texts = [item for text in texts for item in domain.items.texts_in(text)]
    items = parse_texts(domain, texts, reference)
    if encode is not None:
        items = [_refused(item, encode) for item in items]
    for text, item in zip(texts, items, strict=True):
        found = item if reference is None or isinstance(item, Refusal) else variants_of(domain).name_of(reference, item)
        if isinstance(found, Refusal):
            raise ConfigError(
                f"Expected an item of {plain_name(domain.name)} for {flag}, got '{text}': {found.reason}."
            )
    return items


def _no_move(item: Item, generator: np.random.Generator) -> Refusal:
    """The mutation of a domain without moves, which always fails: searches use the latent space only."""
    return Refusal("this domain has no moves")


def _refused(item: Item | Refusal, encode: Encode) -> Item | Refusal:
    """The item, or the refusal if it can't be encoded."""
    (encoded,) = (item,) if isinstance(item, Refusal) else encode([item])
    return encoded if isinstance(encoded, Refusal) else item
