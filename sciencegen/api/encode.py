"""Encode, decode and interpolate: items to latents, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.models.completion import checked_latents, read_latents
from sciencegen.api.models.folder import Encoded, LoadedModel, are_reconstructed, encode_rows, open_model
from sciencegen.api.sampling.judge import measure_all
from sciencegen.api.sources.tables import given_source
from sciencegen.api.writing.output_record import Criteria, origin_of, plain_path
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, open_output, write_latents, write_lines, write_rejected
from sciencegen.config import DecodeSettings, EncodeSettings, build_settings
from sciencegen.config.base import INCLUDE, MODEL, Batched, Include
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import Refused
from sciencegen.domains.given import one_text
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Given, Item, Origin, Refusal, Row
from sciencegen.options import takes

TRIED = 100
"""Items that `encode` decodes again, to say how many are reconstructed."""


@dataclass(frozen=True)
class Latents(Result):
    """Items in the latent space.

    Parameters
    ----------
    latent : numpy.ndarray
        [item latent], dimensionless: the prior has zero mean and unit variance.
    refused : tuple of (line, item, reason)
        Rows that have no latent.
    inferred : mapping of str to numpy.ndarray
        Arrays [item ...] that some models infer too, such as the `rates` and `factors` of `sequence-vae`.
    """

    latent: np.ndarray = field(kw_only=True, repr=False)
    refused: tuple[Refused, ...] = ()
    inferred: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)


@takes(EncodeSettings, frames=("items",))
def encode(domain: str, items: Path | Given, **options: object) -> Latents:
    """Encode items into a model's latent space.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects such as RDKit molecules; a data frame with a column of them; or the
        path of a file (a `pathlib.Path`; a str is an item).

    Returns
    -------
    Latents
        `latent` [item latent]; `table` has each item's row in the input, from 0, its text and its name.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.encode("molecules", ["CCO", "CCN", "C1CC"], threads=1)
    >>> found.latent.shape, [line for line, _, _ in found.refused]
    ((2, 32), [3])
    """
    import pandas as pd

    encoded = encode_items(domain, items, build_settings(EncodeSettings, options))
    table = pd.DataFrame({"index": encoded.index, "item": list(encoded.item), "name": list(encoded.name)})

    def write(path: Path, overwrite: bool) -> None:
        write_encoded(domain, str(path), encoded)

    refused = tuple(encoded.refused)
    return Latents(
        table, encoded.summary, encoded.notes, write, latent=encoded.latent, refused=refused,
        inferred=encoded.inferred, domain=encoded.domain,
    )  # fmt: skip


def encode_items(domain: str, items: Path | Given, settings: EncodeSettings) -> Encoded:
    """Encode the given items, or all rows of a file; items that can't be encoded are listed as refused."""
    loaded = open_model(domain, settings.model, settings)
    source = given_source(loaded.domain, items, settings.column)
    rows = loaded.domain.items.read(source, settings.column) if isinstance(source, Path) else source
    encoded = encode_rows(loaded, rows, settings)
    notes = (*encoded.notes, *note_of_reconstruction(loaded, encoded))
    return replace(encoded, notes=notes, inferred=loaded.space.inferred(encoded.latent))


def note_of_reconstruction(loaded: LoadedModel, encoded: Encoded) -> tuple[str, ...]:
    """A note if some of the first `TRIED` items are not reconstructed from their latents."""
    same = are_reconstructed(loaded, encoded.latent[:TRIED], encoded.item[:TRIED])
    if all(same):
        return ()
    which = f"{len(same)} items" if len(same) == len(encoded.item) else f"the first {len(same)} items"
    first = plain_path(encoded.item[same.index(False)])
    return (f"{same.count(False)} of {which} are not reconstructed from their latents, such as {first}",)


def write_encoded(domain: str, output: str, encoded: Encoded) -> None:
    """Write the latents, if there are any, and the refused rows."""
    if not output.endswith(".npz"):
        raise ConfigError(f"Expected a name that ends in .npz for latents, got {output}.")
    write_rejected(output, encoded.refused)
    if len(encoded.index):
        write_latents(domain, output, encoded)


@dataclass(frozen=True)
class Decoded:
    """One text for each latent, "" if it can't be decoded. domain: name of the domain or form of files. refused:
    numbers of such latents, from 1, with reasons. form: name of the domain or form of the texts."""

    domain: str
    item: list[str]
    refused: list[Refused]
    origin: Origin
    form: str

    @property
    def summary(self) -> dict[str, int]:
        return {"decoded": len(self.item) - len(self.refused), "refused": len(self.refused)}

    def write(self, output: str, overwrite: bool = False) -> None:
        """Write one item per line, or a table, by the output's ending, and a file with the refused latents."""
        write_lines(self.domain, output, self.item, self.origin, overwrite)
        write_rejected(output, self.refused)


@takes(DecodeSettings)
def decode(domain: str, latents: str | Path | np.ndarray, **options: object) -> Result:
    """Decode latents into items.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    latents : numpy.ndarray, str or Path
        [item latent], or a file of them: .npz (array `latent`) or .npy.

    Returns
    -------
    Result
        `table` has the column `item`, "" for latents that can't be decoded.

    Raises
    ------
    IncompatibleError
        For latents of another size than the model's.

    Examples
    --------
    >>> import sciencegen as sg
    >>> latent = sg.encode("molecules", ["CCO", "CCN"], threads=1).latent
    >>> sg.decode("molecules", latent, threads=1).table["item"].tolist()
    ['CCO', 'CCN']
    """
    import pandas as pd

    decoded = decode_latents(domain, latents, build_settings(DecodeSettings, options))
    write = lambda path, overwrite: decoded.write(str(path), overwrite)  # noqa: E731
    return Result(pd.DataFrame({"item": decoded.item}), decoded.summary, (), write, domain=decoded.form)


def decode_latents(
    domain: str, latents: str | Path | np.ndarray, settings: DecodeSettings, called: str = ""
) -> Decoded:
    """Decode all latents of an array or a file, in order. called: their name in the origin of the output."""
    if not called:
        called = "given latents" if isinstance(latents, np.ndarray) else plain_path(str(latents))
    loaded = open_model(domain, settings.model, settings)
    origin = origin_of("decode", loaded, Criteria([*settings.where, f"from {called}"]))
    if settings.where and loaded.recipe.latent_alone:
        raise ConfigError(
            f"Expected no `where`: latents of this model ({loaded.config['recipe']}) hold everything, and conditions "
            "change nothing in what they are decoded to. Draw under a condition with generate, or leave it out."
        )
    size = loaded.space.size
    values = (
        checked_latents(latents, size, "the array")
        if isinstance(latents, np.ndarray)
        else read_latents(Path(latents), size)
    )
    conditions = parse_conditions(settings.where, loaded.domain, loaded.representation)
    requested = {c.name: float(c.target(np.array(0.5))) for c in conditions}
    rows = None if not requested else np.repeat(loaded.representation.condition(requested)[None], len(values), 0)
    decoded = list(loaded.space.decode_items(values, rows))
    refused = [
        (number, "", f"the latent decodes to no item: {item.reason}")
        for number, item in enumerate(decoded, 1)
        if isinstance(item, Refusal)
    ]
    items = ["" if is_refusal(item) else loaded.domain.items.text(item) for item in decoded]
    return Decoded(loaded.results, items, refused, origin, loaded.domain.name)


class InterpolateSettings(Batched):
    """Settings of `interpolate`."""

    model: str | None = MODEL
    include: Include = INCLUDE


@takes(InterpolateSettings, without=("seed", "batch_size"), text=False)
def interpolate(domain: str, start: Given, end: Given, steps: Annotated[int, Ge(2)] = 9, **options: object) -> Result:
    """Decode points along the arc between the latent vectors of two items.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    start : str, or object such as an RDKit molecule
        The first item.
    end : str, or object such as an RDKit molecule
        The last item.
    steps : int
        Number of points, both ends included.

    Returns
    -------
    Result
        Columns `step` from 0, `item` ("" for points that can't be decoded) and the properties.

    Raises
    ------
    DataError
        If one of the two items can't be encoded.

    Examples
    --------
    >>> import sciencegen as sg
    >>> table = sg.interpolate("molecules", "CCO", "CCN", 3, threads=1).table
    >>> table["item"].iloc[[0, -1]].tolist()
    ['CCO', 'CCN']
    """
    import pandas as pd

    from sciencegen.latent.geometry import arc

    settings = build_settings(InterpolateSettings, options)
    loaded = open_model(domain, settings.model, settings)
    ends = [one_text(loaded.domain, start), one_text(loaded.domain, end)]
    criteria = Criteria([f"from {plain_path(ends[0])}", f"to {plain_path(ends[1])}"])
    origin, names = origin_of("interpolate", loaded, criteria), settings.include
    encoded = encode_rows(loaded, [Row(1, ends[0]), Row(2, ends[1])], settings)
    if encoded.refused:
        _, item, reason = encoded.refused[0]
        raise DataError(f"Expected two items that can be encoded, got '{item[:60]}': {reason}.")
    first, last = encoded.latent
    decoded: list[Item | Refusal] = list(loaded.space.decode_items(arc(first, last, steps)))
    values = iter(measure_all(loaded.domain, [item for item in decoded if not is_refusal(item)], names))
    table: dict[str, list[Cell]] = {"step": list(range(steps)), "item": [], **{name: [] for name in names}}
    for one in decoded:
        table["item"].append("" if is_refusal(one) else loaded.domain.items.text(one))
        row = [None] * len(names) if is_refusal(one) else next(values)
        for name, value in zip(names, row, strict=True):
            table[name].append(value)

    def write(path: Path, overwrite: bool) -> None:
        with open_output(
            loaded.results, str(path), list(table), OutputOptions(origin=origin, overwrite=overwrite)
        ) as out:
            out.write(table)
        summary.update({"written": steps - out.left_out.total(), **out.counts})

    summary: dict[str, Any] = {"steps": steps, "distinct": len(set(table["item"]) - {""})}
    notes = _lost_on_the_way(table["item"], are_reconstructed(loaded, encoded.latent, encoded.item))
    return Result(pd.DataFrame(table), summary, notes, write, domain=loaded.domain.name)


def _lost_on_the_way(items: Sequence[Cell], reconstructed: Sequence[bool]) -> tuple[str, ...]:
    """Notes on a path. reconstructed: whether the first item is the start, and the last one the end."""
    if not any(items):
        return ("no point of the path could be decoded",)
    lost = [
        f"the {end} is not reconstructed from its latent: the {step} step is another item"
        for end, step, same in zip(("start", "end"), ("first", "last"), reconstructed, strict=True)
        if not same
    ]
    empty = sum(not item for item in items)
    return (*lost, *([f"{empty} of {len(items)} steps decode to no item"] if empty else []))
