"""Encode, decode and interpolate: items to latents, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from jaxtyping import Float
from pydantic import Field

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.models.completion import checked_latents, read_latents
from sciencegen.api.models.folder import Encoded, LoadedModel, are_reconstructed, encode_rows, open_model
from sciencegen.api.sampling.judge import measure_all
from sciencegen.api.sources.tables import given_source
from sciencegen.api.writing.output_record import Criteria, origin_of, plain_path
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import (
    OutputOptions,
    left_out_by_reason,
    open_output,
    write_latents,
    write_lines,
    write_rejected,
)
from sciencegen.config import DecodeSettings, EncodeSettings, build_settings
from sciencegen.config.base import INCLUDE, MODEL, Batched, Flag, Include
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import SharedPart
from sciencegen.domains.given import one_text
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Given, Item, Origin, Refusal, Row
from sciencegen.options import takes

DRAWN_AT, DRAWN, RADII = 8, 8, (0.15, 0.3)
"""Points of an arc near which the model draws, and how often at each of the radii."""
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
    ((2, 64), [3])
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
    others = f" (`model` {loaded.domain.name} may)" if loaded.beside_default else ""
    return (f"{same.count(False)} of {which} are not reconstructed from their latents, such as {first}{others}",)


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
    shared_core: Annotated[bool, Flag("--no-shared-core")] = Field(
        True,
        description="Let go of the core that both items have (molecules: their largest common substructure). By "
        "default every step holds it, and is made of parts of both items, or drawn from the model near the path.",
    )


@takes(InterpolateSettings, without=("batch_size",), text=False)
def interpolate(domain: str, start: Given, end: Given, steps: Annotated[int, Ge(2)] = 9, **options: object) -> Result:
    """Find the items on a path from one to another, by what they share or along the latent space.

    Items that share a core (molecules) keep it: each step is the item, among those made of parts of both and those
    that the model draws near the path, that is as far on the way as the step, so that the similarity to the start falls
    and the similarity to the end rises. Otherwise the steps are decoded from the arc between both latents.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    start : str, or object such as an RDKit molecule
        The first item.
    end : str, or object such as an RDKit molecule
        The last item.
    steps : int
        Number of items, both ends included.

    Returns
    -------
    Result
        Columns `step` from 0, `item` ("" for a step without one), `similarity_to_start`, `similarity_to_end` and the
        properties. `fewer` says why steps are empty.

    Raises
    ------
    DataError
        If one of the two items can't be read, or can't be encoded and they share no core.

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
    science, names = loaded.domain, settings.include
    texts = [one_text(science, start), one_text(science, end)]
    origin = origin_of("interpolate", loaded, Criteria([f"from {plain_path(texts[0])}", f"to {plain_path(texts[1])}"]))
    encoded = encode_rows(loaded, [Row(1, texts[0]), Row(2, texts[1])], settings)
    ends = [science.items.parse(text) for text in texts]
    shares = science.moves.shared if science.moves and settings.shared_core else None
    core = shares(*ends) if shares is not None and not any(map(is_refusal, ends)) else Refusal("")
    if encoded.refused and isinstance(core, Refusal):
        _, item, reason = encoded.refused[0]
        raise DataError(f"Expected two items that can be encoded, got '{item[:60]}': {reason}.")
    if isinstance(core, Refusal):
        found = list(loaded.space.decode_items(arc(encoded.latent[0], encoded.latent[1], steps)))
    else:
        near = [] if encoded.refused else _drawn_near(loaded, encoded.latent, settings.seed)
        found = [ends[0], *_even_steps(science, ends, core, near, steps - 2, settings.seed), ends[1]]
    known = [one for one in found if not is_refusal(one)]
    alike = science.similarity.matrix(known, ends).tolist() if known else []
    cells = iter([*one, *more] for one, more in zip(alike, measure_all(science, known, names), strict=True))
    rows = [[None] * (2 + len(names)) if is_refusal(one) else next(cells) for one in found]
    items = ["" if is_refusal(one) else science.items.text(one) for one in found]
    columns = zip(("similarity_to_start", "similarity_to_end", *names), zip(*rows, strict=True), strict=True)
    table: dict[str, list[Cell]] = {
        "step": list(range(steps)), "item": items, **{name: list(column) for name, column in columns},
    }  # fmt: skip

    def write(path: Path, overwrite: bool) -> None:
        with open_output(
            loaded.results, str(path), list(table), OutputOptions(origin=origin, overwrite=overwrite)
        ) as out:
            out.write(table)
        summary.update({"written": steps - out.left_out.total(), **left_out_by_reason(out.left_out)})

    empty = items.count("")
    summary: dict[str, Any] = {"steps": steps, "distinct": len({*items} - {""}), "empty": empty}
    notes = _notes_on_ends(loaded, encoded, items, are_given=not isinstance(core, Refusal))
    why, remedy = "their latents decode to no item", "Take other ends, or a model that reconstructs them."
    if not isinstance(core, Refusal):
        notes = (f"each step holds the core of both items: {core.text}", *notes)
        why = "no item was found for them"
        remedy = f"Ask for at most {steps - empty} steps, or let go of the core that both items have."
    elif core.reason:
        notes = (f"no core to keep: {core.reason}; the steps are decoded from the arc between the latents", *notes)
    fewer = f"{empty} of {steps} steps are empty: {why}. {remedy}" if empty else ""
    return Result(pd.DataFrame(table), summary, notes, write, domain=science.name, fewer=fewer)


def _drawn_near(loaded: LoadedModel, ends: Float[np.ndarray, "2 latent"], seed: int) -> list[Item]:
    """What the model draws near the arc between two latents."""
    from sciencegen.latent.geometry import arc, latents_near

    points = [
        latents_near(point, radius, DRAWN, seed, at * len(RADII) + which)
        for at, point in enumerate(arc(ends[0], ends[1], DRAWN_AT + 2)[1:-1])
        for which, radius in enumerate(RADII)
    ]
    return [one for one in loaded.space.draft_items(np.concatenate(points)) if not is_refusal(one)]


def _even_steps(
    science: Domain, ends: Sequence[Item], core: SharedPart, near: Sequence[Item], steps: int, seed: int
) -> list[Item | Refusal]:
    """The items of the steps between the ends. near: items of the model, of which those with the core may be steps."""
    from sciencegen.latent.geometry import even_path

    candidates = core.between(np.random.default_rng(seed), near)
    alike = science.similarity.matrix([*[item for item, _ in candidates], ends[0]], ends)
    burdens = np.array([burden for _, burden in candidates])
    path = even_path(alike[:-1], float(alike[-1, 1]), burdens, steps)
    return [Refusal("no item is this far on the way") if at is None else candidates[at][0] for at in path]


def _notes_on_ends(loaded: LoadedModel, encoded: Encoded, items: Sequence[str], are_given: bool) -> tuple[str, ...]:
    """Notes on ends that the model can't encode, or doesn't reconstruct. items: of the path. are_given: whether the
    first and the last of them are the given ones, not what their latents decode to."""
    notes = list(encoded.notes)
    for line, text, reason in encoded.refused:
        end = ("start", "end")[line - 1]
        notes.append(f"the {end}, {plain_path(text)}, has no latent ({reason}): no step is drawn from the model")
    same = are_reconstructed(loaded, encoded.latent, encoded.item)
    for index, text, is_same in zip(encoded.index.tolist(), encoded.item, same, strict=True):
        if not is_same:
            end, step, item = (("start", "first", items[0]), ("end", "last", items[-1]))[index]
            what = "the item itself, not what the model makes of it" if are_given else item or "empty"
            notes.append(
                f"the {end}, {plain_path(text)}, is not reconstructed from its latent: the {step} step is {what}"
            )
    return tuple(notes)
