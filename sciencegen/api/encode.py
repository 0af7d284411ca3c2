"""Encode, decode and interpolate: items to latents, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from jaxtyping import Float
from pydantic import Field

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.models.completion import checked_latents, read_items, read_latents
from sciencegen.api.models.folder import Encoded, LoadedModel, are_reconstructed, encode_rows, open_model
from sciencegen.api.models.region import judged
from sciencegen.api.sampling.judge import measure_all
from sciencegen.api.science import constraint_of
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
from sciencegen.config.base import INCLUDE, MODEL, PLAUSIBLE, Batched, Flag, Include, Plausible
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.given import one_text
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Given, Item, Origin, Refusal, Row
from sciencegen.options import takes
from sciencegen.progress import part_of
from sciencegen.records import ledger

DRAWN_AT, DRAWN, RADII = 8, 8, (0.15, 0.3)
"""Points of an arc near which the model draws, and how often at each of the radii."""
DRAWN_FOR_STEPS = 32
"""The same number where the steps are these draws."""
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
        `latent` [item latent]; `table` has each item's row in the input, from 0, its text and its name, and, where the
        model knows it, `in_domain`, whether it is like those that the model was trained on, and `outside`, why not.

    Examples
    --------
    >>> import sciencegen as sg
    >>> found = sg.encode("molecules", ["CCO", "CCN", "C1CC"], threads=1)
    >>> found.latent.shape, [line for line, _, _ in found.refused]
    ((2, 64), [3])
    """
    import pandas as pd

    encoded = encode_items(domain, items, build_settings(EncodeSettings, options))
    known = {name: list(encoded.inferred[name]) for name in ("in_domain", "outside") if name in encoded.inferred}
    table = pd.DataFrame({"index": encoded.index, "item": list(encoded.item), "name": list(encoded.name), **known})

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
    rows = loaded.domain.items.rows(source, settings.column) if isinstance(source, Path) else source
    encoded = encode_rows(loaded, rows, settings)
    columns, remarks = judged(loaded, encoded.item)
    inferred = {**loaded.space.inferred(encoded.latent), **{name: np.array(cells) for name, cells in columns.items()}}
    notes = (*encoded.notes, *note_of_reconstruction(loaded, encoded), *remarks)
    return replace(encoded, notes=notes, inferred=inferred)


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
    numbers of such latents, from 1, with reasons. form: name of the domain or form of the texts. reconstructed: whether
    each is the item that its latent was encoded from, if the file of latents says; empty otherwise. judged: the columns
    of `region.judged`."""

    domain: str
    item: list[str]
    refused: list[Refused]
    origin: Origin
    form: str
    reconstructed: list[bool] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    judged: Mapping[str, list[Cell]] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        counts = {"decoded": len(self.item) - len(self.refused), "refused": len(self.refused)}
        other = {"not_reconstructed": self.reconstructed.count(False)} if self.reconstructed else {}
        return {**counts, **other, **ledger("rows", len(self.item), counts)}

    @property
    def table(self) -> dict[str, list[Cell]]:
        own: dict[str, list[Cell]] = {"reconstructed": list(self.reconstructed)} if self.reconstructed else {}
        return {"item": list(self.item), **own, **self.judged}

    def write(self, output: str, overwrite: bool = False) -> None:
        """Write one item per line, or a table, by the output's ending, and a file with the refused latents."""
        write_lines(self.domain, output, self.table, self.origin, overwrite)
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
        `table` has the column `item`, "" for latents that can't be decoded. For a file that `encode` wrote of exact
        items, such as molecules, `reconstructed` says whether it is the item that the latent was encoded from. Where
        the model knows it, `in_domain` says whether the item is like those that it was trained on, and `outside` why
        not.

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
    return Result(pd.DataFrame(decoded.table), decoded.summary, decoded.notes, write, domain=decoded.form)


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
    values = values[: part_of(len(values), f"rows of {called}")]
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
    is_exact = loaded.representation.canonical and loaded.domain.sidecar is None and not settings.where
    encoded = read_items(Path(latents)) if is_exact and not isinstance(latents, np.ndarray) else []
    same = [one == own for one, own in zip(items, encoded, strict=True)] if len(encoded) == len(items) else []
    notes: tuple[str, ...] = ()
    if not all(same):
        row = same.index(False)
        became = plain_path(items[row]) if items[row] else "no item"
        notes = (
            f"{same.count(False)} of {len(same)} rows are not the items that their latents were encoded from: in row "
            f"{row + 1} {plain_path(encoded[row])} became {became}",
        )
    columns, remarks = judged(loaded, items)
    return Decoded(loaded.results, items, refused, origin, loaded.domain.name, same, (*notes, *remarks), columns)


class InterpolateSettings(Batched):
    """Settings of `interpolate`."""

    model: str | None = MODEL
    include: Include = INCLUDE
    plausible: Plausible = PLAUSIBLE
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
    and the similarity to the end rises. Otherwise the steps are decoded from the arc between both latents; where this
    gives an item twice (molecules, sequences) or an implausible one, they are chosen in the same way among draws near
    the arc. No item is there twice, and steps without an item are left out.

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
        Columns `step` from 0, `item`, `similarity_to_start`, `similarity_to_end` and the properties, and those of
        `encode` that say whether an item is like those that the model was trained on. In the summary
        `requested` is `written` and `left_out`, by reason; `fewer` says how many steps to ask for.

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
        found, notes = _along_arc(loaded, encoded.latent, ends, steps, settings)
        notes = ((f"no core to keep: {core.reason}",) if core.reason else ()) + notes
    else:
        near = [] if encoded.refused else _drawn_near(loaded, encoded.latent, DRAWN, settings.seed)
        candidates = core.between(np.random.default_rng(settings.seed), near)
        found = [ends[0], *_even_steps(science, ends, candidates, steps - 2), ends[1]]
        notes = (f"each step holds the core of both items: {core.text}",)
    there = [step for step, one in enumerate(found) if not is_refusal(one)]
    items, left_out = [found[step] for step in there], Counter(one.reason for one in found if is_refusal(one))
    alike = science.similarity.matrix(items, ends) if items else np.zeros((0, 2))
    measured = zip(*measure_all(science, items, names), strict=True)
    table: dict[str, list[Cell]] = {
        "step": list(there), "item": [science.items.text(one) for one in items],
        "similarity_to_start": alike[:, 0].tolist(), "similarity_to_end": alike[:, 1].tolist(),
        **{name: list(column) for name, column in zip(names, measured, strict=bool(items))},
    }  # fmt: skip
    columns, remarks = judged(loaded, table["item"])
    table, notes = {**table, **columns}, (*notes, *remarks)

    def write(path: Path, overwrite: bool) -> None:
        with open_output(
            loaded.results, str(path), list(table), OutputOptions(origin=origin, overwrite=overwrite)
        ) as out:
            out.write(table)
        summary.update(counts(steps - (left_out + out.left_out).total(), left_out + out.left_out))

    def counts(written: int, lost: Counter[str]) -> dict[str, Any]:
        book = ledger("steps", steps, {"written": written, **lost})
        return {"requested": steps, "written": written, **left_out_by_reason(lost), **book}

    summary = counts(len(there), left_out)
    shown = ["" if is_refusal(one) else science.items.text(one) for one in (found[0], found[-1])]
    notes += _notes_on_ends(loaded, encoded, ends, shown)
    remedy = "Take other ends, or a model that reconstructs them."
    if not isinstance(core, Refusal):
        remedy = f"Ask for at most {len(there)} steps, or let go of the core that both items have."
    elif len(there) > 2:
        remedy = f"Ask for at most {len(there)} steps, or take other ends."
    why = "; ".join(left_out)
    fewer = f"{left_out.total()} of {steps} steps are left out: {why}. {remedy}" if left_out else ""
    return Result(pd.DataFrame(table), summary, notes, write, domain=science.name, fewer=fewer)


def _along_arc(
    loaded: LoadedModel, latents: Float[np.ndarray, "2 latent"], ends: Sequence[Item], steps: int,
    settings: InterpolateSettings,
) -> tuple[list[Item | Refusal], tuple[str, ...]]:  # fmt: skip
    """The items of the arc between two latents. Where these repeat themselves or are implausible, the ends and items
    near the arc, with a note."""
    from sciencegen.latent.geometry import arc

    science, key = loaded.domain, loaded.domain.items.key
    decoded = list(loaded.space.decode_items(arc(latents[0], latents[1], steps)))
    if science.moves is None:  # numbers change from step to step
        return [Refusal("the latent decodes to no item") if is_refusal(one) else one for one in decoded], ()
    keys = [None if is_refusal(one) else key(one) for one in decoded]
    is_plausible = constraint_of(science, [], [], plausible=True)
    odd = [text for end, text in zip(ends, ("start", "end"), strict=True) if not is_plausible(end)]
    judged = settings.plausible and not odd
    accept = constraint_of(science, [], [], plausible=judged, known=ends)
    good = {one for one, item in zip(keys, decoded, strict=True) if one is not None and accept(item)}
    if len(good) == steps and (not loaded.representation.canonical or [keys[0], keys[-1]] == [*map(key, ends)]):
        return decoded, ()
    near = _drawn_near(loaded, latents, DRAWN_FOR_STEPS, settings.seed)
    distinct = {key(one): one for one in (*decoded, *near) if not is_refusal(one)}
    own = {*map(key, ends)}
    candidates = [(one, 0.0) for text, one in distinct.items() if text not in own and accept(one)]
    found = [ends[0], *_even_steps(science, ends, candidates, steps - 2), ends[1]]
    notes = [f"the arc between the latents gives {len(good)} of {steps} steps, without repeated and implausible items: "
             "the steps are chosen among draws near it"]  # fmt: skip
    if settings.plausible and odd:
        notes.append(f"the {' and the '.join(odd)} is implausible, so that the steps may be too")
    return found, tuple(notes)


def _drawn_near(loaded: LoadedModel, ends: Float[np.ndarray, "2 latent"], draws: int, seed: int) -> list[Item]:
    """What the model draws near the arc between two latents, so often at each point and radius."""
    from sciencegen.latent.geometry import arc, latents_near

    points = [
        latents_near(point, radius, draws, seed, at * len(RADII) + which)
        for at, point in enumerate(arc(ends[0], ends[1], DRAWN_AT + 2)[1:-1])
        for which, radius in enumerate(RADII)
    ]
    return [one for one in loaded.space.draft_items(np.concatenate(points)) if not is_refusal(one)]


def _even_steps(
    science: Domain, ends: Sequence[Item], candidates: Sequence[tuple[Item, float]], steps: int
) -> list[Item | Refusal]:
    """The items of the steps between the ends. candidates: items, each with what speaks against it."""
    from sciencegen.latent.geometry import even_path

    alike = science.similarity.matrix([*[item for item, _ in candidates], ends[0]], ends)
    burdens = np.array([burden for _, burden in candidates])
    path = even_path(alike[:-1], float(alike[-1, 1]), burdens, steps)
    return [Refusal("no other item was found this far on the way") if at is None else candidates[at][0] for at in path]


def _notes_on_ends(
    loaded: LoadedModel, encoded: Encoded, ends: Sequence[Item], shown: Sequence[str]
) -> tuple[str, ...]:
    """Notes on ends that the model can't encode, or doesn't reconstruct. shown: the path's first and last item."""
    notes, text_of = list(encoded.notes), loaded.domain.items.text
    for line, text, reason in encoded.refused:
        end = ("start", "end")[line - 1]
        notes.append(f"the {end}, {plain_path(text)}, has no latent ({reason}): no step is drawn from the model")
    same = are_reconstructed(loaded, encoded.latent, encoded.item)
    for index, text, is_same in zip(encoded.index.tolist(), encoded.item, same, strict=True):
        if not is_same:
            end, step = (("start", "first"), ("end", "last"))[index]
            is_given = shown[index] == text_of(ends[index])
            what = "the item itself, not what the model makes of it" if is_given else shown[index] or "empty"
            notes.append(
                f"the {end}, {plain_path(text)}, is not reconstructed from its latent: the {step} step is {what}"
            )
    return tuple(notes)
