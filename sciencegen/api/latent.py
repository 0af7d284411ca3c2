"""Encode, decode, interpolate: files of items to latents, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.conditions import parse_conditions
from sciencegen.api.models import LoadedModel, open_model
from sciencegen.api.rooms import Encode, measure_all, worker_count
from sciencegen.config import DEFAULT_RESOURCES, Resources, as_texts
from sciencegen.data.tables import Row
from sciencegen.data.workers import Failure, map_killable
from sciencegen.data.writers import Refused
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.latent.explorer import is_refusal


@dataclass(frozen=True)
class Encoded:
    """latent [item latent]; index: the item's row in the input, from 0; item: as text, standardized; name: what the
    input calls it, "" where it doesn't."""

    latent: np.ndarray
    index: np.ndarray
    item: list[str]
    name: list[str]
    refused: list[Refused]


@dataclass(frozen=True)
class Decoded:
    """One text for each latent, "" where it stands for none; refused counts latents from 1."""

    item: list[str]
    refused: list[Refused]


def encode_file(
    domain: str,
    path: Path,
    *,
    model: str | None = None,
    column: str | None = None,
    resources: Resources = DEFAULT_RESOURCES,
) -> Encoded:
    """Encode every row of a file that can be."""
    loaded = open_model(domain, model, resources)
    return encode_rows(loaded, list(loaded.domain.read(path, column)), resources)


def encode_rows(loaded: LoadedModel, rows: Sequence[Row], resources: Resources) -> Encoded:
    """Parse in killable workers, then encode in compute chunks."""
    text = json.dumps(loaded.representation.to_json())
    task = EncodeOne(Encode(loaded.domain.name, str(loaded.config["recipe"]), text))
    found = map_killable(task, [row.text for row in rows], processes=worker_count(resources.threads))
    kept, refused = [], []
    for index, result in found:
        if isinstance(result, tuple):
            kept.append((index, *result))
        else:
            refused.append((rows[index].line, rows[index].text, result.reason))
    latents = loaded.space.encode_arrays([array for _, _, array in kept])
    numbers = np.array([index for index, _, _ in kept], np.int64)
    names = [rows[index].id for index, _, _ in kept]
    return Encoded(latents, numbers, [text for _, text, _ in kept], names, refused)


@dataclass(frozen=True)
class EncodeOne:
    """`Encode` of one text, for a map that isolates each."""

    encode: Encode

    def __call__(self, text: str) -> Any:
        return self.encode([text])[0]


def read_latents(path: Path, size: int) -> np.ndarray:
    """The array `latent` of an .npz, or an .npy; checked against the model."""
    try:
        content = np.load(path, allow_pickle=False)
        latents = content if isinstance(content, np.ndarray) else content["latent"]
    except (ValueError, OSError, KeyError):
        raise DataError(
            f"Expected an .npz with an array `latent` in {path}, found something else. Make one with encode."
        ) from None
    if latents.ndim != 2 or latents.dtype.kind != "f" or not np.isfinite(latents).all():
        raise DataError(f"Expected finite numbers [item latent] in {path}, got {latents.dtype} {latents.shape}.")
    if latents.shape[1] != size:
        raise IncompatibleError(
            f"Expected latents of {size} numbers for this model, {path} holds {latents.shape[1]}. "
            "Pass --model with the model that made them."
        )
    return latents.astype(np.float32)


def decode_file(
    domain: str,
    path: Path,
    *,
    model: str | None = None,
    where: str | Sequence[str] = (),
    resources: Resources = DEFAULT_RESOURCES,
) -> Decoded:
    """Decode every latent of a file, in order."""
    loaded = open_model(domain, model, resources)
    latents = read_latents(path, loaded.space.size)
    conditions = parse_conditions(as_texts(where), loaded.domain, loaded.representation)
    asked = {c.name: float(c.target(np.array(0.5))) for c in conditions}
    rows = None if not asked else np.repeat(loaded.representation.condition(asked)[None], len(latents), 0)
    items, refused = [], []
    for number, item in enumerate(loaded.space.decode_items(latents, rows), start=1):
        items.append("" if is_refusal(item) else loaded.domain.text(item))
        if is_refusal(item):
            refused.append((number, "", item.reason))
    return Decoded(items, refused)


def interpolate(
    domain: str, start: str, end: str, steps: int = 9, *, model: str | None = None, include: str | Sequence[str] = (),
    resources: Resources = DEFAULT_RESOURCES,
) -> dict[str, list[Any]]:  # fmt: skip
    """Columns `step`, `item` and the properties that are asked for, along the arc between two latents."""
    from sciencegen.latent.geometry import arc

    names, loaded = as_texts(include), open_model(domain, model, resources)
    encoded = encode_rows(loaded, [Row(1, start), Row(2, end)], resources)
    if encoded.refused:
        _, item, reason = encoded.refused[0]
        raise DataError(f"Expected two items that can be encoded, got '{item}': {reason}.")
    first, last = encoded.latent
    items = loaded.space.decode_items(arc(first, last, steps))
    good = [item for item in items if not is_refusal(item)]
    values = iter(measure_all(loaded.domain, good, names))
    table: dict[str, list[Any]] = {"step": list(range(steps)), "item": [], **{name: [] for name in names}}
    for item in items:
        table["item"].append("" if is_refusal(item) else loaded.domain.text(item))
        row = [None] * len(names) if is_refusal(item) else next(values)
        for name, value in zip(names, row, strict=True):
            table[name].append(value)
    return table


__all__ = ["Decoded", "Encoded", "Failure", "decode_file", "encode_file", "encode_rows", "interpolate", "read_latents"]
