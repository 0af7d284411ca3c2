"""Encode rows of items to latents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.science.left_out import LeftOut
from sciencegen.api.science.workers import Encode
from sciencegen.config import Resources
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import is_refusal, map_killable
from sciencegen.data.writers import Refused
from sciencegen.domains import recipes
from sciencegen.items import Refusal, Row


@dataclass(frozen=True)
class Encoded:
    """latent [item latent]; index: the item's row in the input, from 0; item: standardized text; name: the
    item's name in the input, or ""; notes: what to know about them; domain: name of the items' domain or form;
    inferred: further arrays [item ...] by name (`LatentRows.inferred`)."""

    latent: np.ndarray
    index: np.ndarray
    item: list[str]
    name: list[str]
    refused: list[Refused]
    notes: tuple[str, ...] = ()
    domain: str = ""
    inferred: Mapping[str, np.ndarray] = field(default_factory=dict)


def are_reconstructed(loaded: LoadedModel, latents: np.ndarray, texts: Sequence[str]) -> list[bool]:
    """Whether each item is decoded from its latent; always true for representations that are not exact (galaxies)."""
    if not loaded.representation.canonical:
        return [True] * len(texts)
    items, decoded = loaded.domain.items, loaded.space.decode_items(latents)
    keys = [None if is_refusal(one) else items.key(one) for one in decoded]
    return [key == items.key(items.parse(text)) for key, text in zip(keys, texts, strict=True)]


def encode_rows(
    loaded: LoadedModel, rows: Sequence[Row], resources: Resources, advance: Callable[[int], None] = lambda rows: None
) -> Encoded:
    """Parse in killable workers, then encode in compute chunks. advance: called with the number of rows encoded."""
    text = json.dumps(loaded.representation.to_json())
    task = EncodeOne(Encode(loaded.domain.name, str(loaded.config["recipe"]), text))
    found = map_killable(task, [row.text for row in rows], processes=worker_count(resources.threads))
    kept, refused = [], []
    for index, result in found:
        if isinstance(result, tuple):
            kept.append((index, *result))
        else:
            refused.append((rows[index].line, rows[index].text, result.reason))
    latents = loaded.space.encode_arrays([array for _, _, array in kept], advance)
    numbers = np.array([index for index, _, _ in kept], np.int64)
    names = [rows[index].id for index, _, _ in kept]
    left_out = LeftOut(loaded.domain)
    left_out.look([rows[index] for index, _, _ in kept])
    texts, notes = [text for _, text, _ in kept], tuple(left_out.notes)
    return Encoded(latents, numbers, texts, names, refused, notes, loaded.domain.name)


@dataclass(frozen=True)
class EncodeOne:
    """`Encode` for a single text, for maps that run each text separately."""

    encode: Encode

    def __call__(self, text: str) -> tuple[str, recipes.Encoded] | Refusal:
        return self.encode([text])[0]
