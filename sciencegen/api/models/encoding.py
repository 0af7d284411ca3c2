"""Encode rows of items to latents."""

from __future__ import annotations

import json
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.science.left_out import LeftOut
from sciencegen.api.science.workers import Encode
from sciencegen.config import Resources
from sciencegen.data.packed import pack
from sciencegen.data.stored_items import StoredItems
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
    item: Sequence[str]
    name: Sequence[str]
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
    loaded: LoadedModel, rows: Iterable[Row], resources: Resources, advance: Callable[[int], None] = lambda rows: None
) -> Encoded:
    """Parse in killable workers, then encode in compute chunks. Rows are read one by one. advance: called with the
    number of rows encoded."""
    text = json.dumps(loaded.representation.to_json())
    task = EncodeOne(Encode(loaded.domain.name, str(loaded.config["recipe"]), text))
    waiting, left_out = deque[Row](), LeftOut(loaded.domain)
    kept, refused = array("q"), list[Refused]()
    items, names = StoredItems[str](str), StoredItems[str](str)  # on disk: there may be millions

    def texts() -> Iterator[str]:
        for row in rows:
            waiting.append(row)
            yield row.text

    def arrays() -> Iterator[recipes.Encoded]:
        for index, result in map_killable(task, texts(), processes=worker_count(resources.threads)):
            row = waiting.popleft()
            if not isinstance(result, tuple):
                refused.append((row.line, row.text, result.reason))
                continue
            left_out.look([row])
            kept.append(index)
            items.append(result[0])
            names.append(row.id)
            yield result[1]

    latents = loaded.space.encode_arrays(pack(arrays()), advance)
    numbers, notes = np.array(kept, np.int64), tuple(left_out.notes)
    return Encoded(latents, numbers, items, names, refused, notes, loaded.domain.name)


@dataclass(frozen=True)
class EncodeOne:
    """`Encode` for a single text, for maps that run each text separately."""

    encode: Encode

    def __call__(self, text: str) -> tuple[str, recipes.Encoded] | Refusal:
        return self.encode([text])[0]
