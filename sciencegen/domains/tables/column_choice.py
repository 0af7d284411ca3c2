"""The likelihood of each column: by what the column holds, unless the settings name another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from sciencegen.domains.columns import LARGEST_COUNT, NEAR_ZERO, SPREAD, ColumnSchema, automatic, column_with, misfit
from sciencegen.domains.tables.schema import ArraySchema, channel_axis, is_series
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.vae.array_columns import LIKELIHOODS, MULTINOMIAL, ArrayBlock, LikelihoodColumn


def check_likelihoods(names: Sequence[str], chosen: Mapping[str, str]) -> None:
    """Raise an error for an unknown column or likelihood of the settings."""
    for name, likelihood in chosen.items():
        if name not in names:
            raise unknown_name("column with a likelihood", name, names)
        if likelihood not in LIKELIHOODS:
            raise unknown_name(f"likelihood of '{name}'", likelihood, LIKELIHOODS)


def columns_of(
    schema: Sequence[ColumnSchema], chosen: Mapping[str, str], shared: Mapping[str, Sequence[str]] | None = None
) -> list[LikelihoodColumn]:
    """The columns with their likelihoods. chosen: those of the settings, by name. shared: names of the counts that have
    one multinomial likelihood.

    Raises
    ------
    ConfigError
        For an unknown column or likelihood, and a likelihood that doesn't fit the data.
    """
    check_likelihoods([column.name for column in schema], chosen)
    owner = _owners(schema, chosen, shared or {})
    likelihoods = {**chosen, **dict.fromkeys(owner, MULTINOMIAL)}
    return [column_with(one, likelihoods.get(one.name) or automatic(one), owner.get(one.name, "")) for one in schema]


def _owners(
    schema: Sequence[ColumnSchema], chosen: Mapping[str, str], shared: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The multinomial likelihood of each column that has one."""
    owner: dict[str, str] = {}
    for multinomial, names in shared.items():
        if isinstance(names, str) or len(set(names)) < max(2, len(names)):
            raise ConfigError(
                f"Expected two or more different columns of multinomial '{multinomial}', got {names!r}. Name more, or "
                "leave it out."
            )
        for name in names:
            if name not in [column.name for column in schema]:
                raise unknown_name(f"column of multinomial '{multinomial}'", name, [column.name for column in schema])
            if name in owner or name in chosen:
                other = f"multinomial '{owner[name]}'" if name in owner else f"the likelihood {chosen[name]}"
                raise ConfigError(
                    f"Expected '{name}' in one likelihood, got '{multinomial}' and {other}. Leave one out."
                )
            owner[name] = multinomial
    return owner


# Which columns are the numbers of a series or an image, and the likelihood that all of them have.

Kind = Literal["series", "image"]
FEWEST_TIMES = 2


@dataclass(frozen=True)
class BlockSettings:
    """likelihoods: by name of a column, a column of arrays or a series of columns. series, images: names of those.
    multinomial: names of the columns of each multinomial likelihood, or of series of columns."""

    likelihoods: Mapping[str, str]
    series: Sequence[str] = ()
    images: Sequence[str] = ()
    multinomial: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, found, example in (
            ("likelihoods", self.likelihoods, "{visits: poisson}"),
            ("multinomial", self.multinomial, "{counts: [rooms, visits]}"),
        ):
            if not isinstance(found, Mapping):
                raise ConfigError(f"Expected `{name}` by name, such as {example}, got {found!r}.")
        for name, listed in (("series", self.series), ("images", self.images)):
            if isinstance(listed, str):
                raise ConfigError(f"Expected `{name}` as a list of columns, [{listed}], got {listed!r}.")


def columns_and_blocks(
    plain: Sequence[ColumnSchema], arrays: Sequence[ArraySchema], settings: BlockSettings
) -> tuple[list[LikelihoodColumn], list[ArrayBlock]]:
    """The columns of a vector (plain ones, then the numbers of arrays) with their likelihoods, and the blocks.

    Raises
    ------
    ConfigError
        For an unknown name or likelihood, a likelihood that doesn't fit the data, and an array that is no image.
    """
    names = [array.name for array in arrays]
    joined = {name: _times(plain, name) for name in settings.series if name not in names}
    _check_names(plain, arrays, settings, joined)
    inside = {at for places in joined.values() for at in places}
    others = [column for at, column in enumerate(plain) if at not in inside]
    own = {name: one for name, one in settings.likelihoods.items() if name not in (*names, *joined)}
    shared = {name: _with_series(others, members) for name, members in settings.multinomial.items()}
    alone = iter(columns_of(others, own, shared))
    columns = [LikelihoodColumn("gaussian") if at in inside else next(alone) for at in range(len(plain))]
    blocks = []
    for name, places in joined.items():
        made = _columns_of(name, [plain[at] for at in places], "series", settings.likelihoods.get(name))
        for at, column in zip(places, made, strict=True):
            columns[at] = column
        blocks.append(ArrayBlock("series", (1, len(places)), tuple(places)))
    for array in arrays:
        kind = _kind(array, settings)
        made = _columns_of(array.name, array.channels, kind, settings.likelihoods.get(array.name))
        blocks.append(_block(array, kind, len(columns)))
        columns += [made[channel] for channel in array.channel_of]
    return columns, blocks


def _times(plain: Sequence[ColumnSchema], name: str) -> list[int]:
    """Places of the columns `name0`, `name1`, ..., in the order of their numbers."""
    found = {
        int(match[1]): at
        for at, one in enumerate(plain)
        if (match := re.fullmatch(f"{re.escape(name)}(\\d+)", one.name))
    }
    return [found[number] for number in sorted(found)]


def _with_series(plain: Sequence[ColumnSchema], names: Sequence[str]) -> Sequence[str]:
    """Names of columns, in which that of no column stands for those of `name0`, `name1`, ..."""
    if isinstance(names, str):
        return names
    known = {column.name for column in plain}
    series = {name: [plain[at].name for at in _times(plain, name)] for name in names if name not in known}
    return [one for name in names for one in series.get(name) or [name]]


def _check_names(
    plain: Sequence[ColumnSchema],
    arrays: Sequence[ArraySchema],
    settings: BlockSettings,
    joined: Mapping[str, Sequence[int]],
) -> None:
    names = [array.name for array in arrays]
    check_likelihoods([*(column.name for column in plain), *names, *joined], settings.likelihoods)
    for name in settings.images:
        if name not in names:
            raise unknown_name("column of arrays", name, names)
    for name, places in joined.items():
        if len(places) < FEWEST_TIMES:
            raise ConfigError(
                f"Expected `series` of columns of arrays, or of columns {name}0, {name}1, ..., got '{name}', of which "
                f"there are {len(places)}. Columns: {', '.join([*names, *(column.name for column in plain)])[:300]}."
            )
        if wrong := next((plain[at].name for at in places if not plain[at].numeric), None):
            raise ConfigError(f"Expected numbers in the series '{name}', '{wrong}' holds categories. Leave one out.")


def _kind(array: ArraySchema, settings: BlockSettings) -> Kind:
    if array.name in settings.series and len(array.shape) == 3:
        raise ConfigError(
            f"Expected series [time] or [time channel], '{array.name}' has {list(array.shape)}. Reshape it."
        )
    if array.name in settings.images and len(array.shape) == 1:
        raise ConfigError(f"Expected images [height width], '{array.name}' has {list(array.shape)}. Reshape it.")
    if array.name in settings.series:
        return "series"
    return "image" if array.name in settings.images or not is_series(array.shape) else "series"


def _block(array: ArraySchema, kind: Kind, start: int) -> ArrayBlock:
    """The block of an array whose numbers are the columns from `start` on."""
    index = start + np.arange(array.size).reshape(array.shape)
    axis = len(array.shape) - 1 if kind == "series" and len(array.shape) == 2 else channel_axis(array.shape)
    if kind == "image" and len(array.shape) == 2:
        axis = None
    index = index[None] if axis is None else np.moveaxis(index, axis, 0)
    return ArrayBlock(kind, index.shape, tuple(index.ravel().tolist()))


def automatic_array(channels: Sequence[ColumnSchema], kind: Kind) -> str:
    """The likelihood for what the channels hold."""
    if len({one.categories for one in channels}) == 1 and len(channels[0].categories) == 2:
        return "bernoulli"
    largest = max(max(abs(one.low), abs(one.high)) for one in channels)
    if any(one.kind == "number" for one in channels) or largest > LARGEST_COUNT:
        return "gaussian"
    counts = all(one.kind == "count" and one.low <= NEAR_ZERO for one in channels)
    spread = np.mean([one.std**2 for one in channels]) >= SPREAD * np.mean([one.mean for one in channels])
    return "negative_binomial" if kind == "series" and counts and spread else "discretized_logistic"


def _columns_of(name: str, channels: Sequence[ColumnSchema], kind: Kind, chosen: str | None) -> list[LikelihoodColumn]:
    """The column of each channel, all with one likelihood."""
    likelihood = chosen or automatic_array(channels, kind)
    if likelihood == "categorical" or (likelihood == "bernoulli" and len({one.categories for one in channels}) > 1):
        raise ConfigError(f"Expected a likelihood of numbers for '{name}', got {likelihood}. Leave it out.")
    if wrong := next((one for one in channels if misfit(one, likelihood)), None):
        raise ConfigError(
            f"Expected a likelihood that fits '{name}', got {likelihood}, which needs {misfit(wrong, likelihood)}. "
            f"Leave it out: {automatic_array(channels, kind)} is chosen."
        )
    columns = [column_with(one, likelihood) for one in channels]
    if kind == "series" or likelihood != "discretized_logistic":
        return columns
    limits = min(one.low for one in channels), max(one.high for one in channels)
    return [replace(column, limits=limits) for column in columns]
