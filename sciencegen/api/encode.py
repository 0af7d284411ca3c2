"""Encode, decode, interpolate: files of items to latents, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.criteria.conditions import parse_conditions
from sciencegen.api.models.encoding import Encoded, encode_rows
from sciencegen.api.models.folder import open_model
from sciencegen.api.sampling.judge import measure_all
from sciencegen.config import DEFAULT_RESOURCES, Resources, as_texts
from sciencegen.data.writers import Refused
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.items import Row
from sciencegen.latent.explorer import is_refusal


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
    return encode_rows(loaded, list(loaded.domain.items.read(path, column)), resources)


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
            "Pass `model` with the model that made them."
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
        items.append("" if is_refusal(item) else loaded.domain.items.text(item))
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
    decoded = loaded.space.decode_items(arc(first, last, steps))
    good = [item for item in decoded if not is_refusal(item)]
    values = iter(measure_all(loaded.domain, good, names))
    table: dict[str, list[Any]] = {"step": list(range(steps)), "item": [], **{name: [] for name in names}}
    for one in decoded:
        table["item"].append("" if is_refusal(one) else loaded.domain.items.text(one))
        row = [None] * len(names) if is_refusal(one) else next(values)
        for name, value in zip(names, row, strict=True):
            table[name].append(value)
    return table
