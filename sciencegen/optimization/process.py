"""Process parameters of measurements, beside the item: temperature, solvent, concentration.

A campaign's items are then runs, an item at a setting of all parameters. Its space, candidates and measurements are
lifted from items to runs; nothing else of a campaign knows of parameters. A parameter with one value for the whole
plate is open (None) in candidates, and all of its values are tried when the plate is picked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.items import number_of
from sciencegen.optimization.candidates import CampaignSpace, CandidatePool, CandidateSources, Move
from sciencegen.optimization.feature_rows import FeatureRows, ProcessRows
from sciencegen.optimization.journal import run_key
from sciencegen.optimization.plate import Candidates

Setting = tuple[str | None, ...]
"""The value of each parameter, as text; None where it is open."""

GRAMMAR = "'temperature in 25,30,37', 'temperature in 20..40' or 'solvent in DMSO,EtOH'"
_PARAMETER = re.compile(r"^(?P<name>[^=;]+?)\s*(?:=|\sin\s)\s*(?P<values>.+?)(?:\s+else\s+(?P<unstated>\S.*))?$", re.I)
_RANGE = re.compile(r"^(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+?)(?:\s+by\s+(?P<step>\S+))?$")
STEPS = 10
"""Steps of a range without a stated one."""
MOST_VALUES = 200
MOST_RUNS = 200_000
"""Runs of a pool that are candidates; of a larger one each item comes with some of the settings."""


@dataclass(frozen=True)
class Parameter:
    """values: allowed ones, as text. unstated: that of measurements that don't state it, "" if they must."""

    name: str
    values: tuple[str, ...]
    unstated: str = ""

    @property
    def is_number(self) -> bool:
        return all(number_of(one) is not None for one in self.values)


def value_text(cell: object) -> str:
    """A cell as the value of a parameter: 37, 37.0 and "37" are one.

    Examples
    --------
    >>> value_text(37.0), value_text(" 37.0 "), value_text("DMSO"), value_text(None)
    ('37', '37', 'DMSO', '')
    """
    text = "" if cell is None or cell != cell else str(cell).strip()
    number = number_of(text)
    return text if number is None else f"{number:.12g}"


def parse_parameter(text: str) -> Parameter:
    """Parse a parameter with its allowed values: a list, or a range of numbers in steps.

    Examples
    --------
    >>> parse_parameter("temperature in 25,30,37").values, parse_parameter("ph in 6..7 by 0.5").values
    (('25', '30', '37'), ('6', '6.5', '7'))
    >>> parse_parameter("solvent in DMSO,EtOH else DMSO").unstated
    'DMSO'
    """
    found = _PARAMETER.match(" ".join(text.split()))
    if found is None:
        raise ConfigError(f"Expected a parameter with its values like {GRAMMAR}, got '{text[:80]}'.")
    if interval := _RANGE.match(found["values"]):
        ends = [number_of(one) for one in (interval["low"], interval["high"])]
        low, high = (np.nan if one is None else one for one in ends)
        step = (high - low) / STEPS if interval["step"] is None else number_of(interval["step"]) or np.nan
        if not (low < high and 0 < step <= high - low and (high - low) / step <= MOST_VALUES):
            raise ConfigError(f"Expected a range like 'temperature in 20..40 by 5', got '{text[:80]}'.")
        values = tuple(value_text(low + place * step) for place in range(int((high - low) / step + 1e-9) + 1))
    else:
        values = tuple(dict.fromkeys(value_text(one) for one in found["values"].split(",")))
    unstated = value_text(found["unstated"])
    if not all(values) or len(values) > MOST_VALUES or any(set(one) & set("=;\n") for one in (*values, unstated)):
        raise ConfigError(f"Expected 1 to {MOST_VALUES} values without '=' and ';' like {GRAMMAR}, got '{text[:80]}'.")
    return Parameter(found["name"].strip(), values, unstated)


def setting_text(values: Mapping[str, str | None]) -> str:
    """A setting as the journal holds it, in the order of the names.

    Examples
    --------
    >>> setting_text({"temperature": "37", "solvent": "DMSO"})
    'solvent=DMSO;temperature=37'
    """
    return ";".join(f"{name}={'' if values[name] is None else values[name]}" for name in sorted(values))


def setting_values(text: str) -> dict[str, str]:
    """Parameter -> value, of a setting's text."""
    return dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair)


class Run(NamedTuple):
    """An item at a setting."""

    item: Any
    setting: Setting


@dataclass(frozen=True)
class Process:
    """The parameters of a campaign.

    Parameters
    ----------
    parameters : tuple of Parameter
    per_plate : frozenset of str
        Names of those that have one value on a plate.
    change_cost : float
        How much better the best item of a plate must be expected to be, in the target's unit, for each of these that
        isn't as on the plate before.
    before : Setting
        Setting of the plate before; None where nothing is known.
    measured : tuple of Setting
        Distinct settings of the measurements, which may have categories that aren't allowed.
    """

    parameters: tuple[Parameter, ...] = ()
    per_plate: frozenset[str] = frozenset()
    change_cost: float = 0.0
    before: Setting = ()
    measured: tuple[Setting, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parameters)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.parameters]

    def text(self, setting: Setting) -> str:
        return setting_text(dict(zip(self.names, setting, strict=True)))

    def setting(self, text: str) -> Setting:
        values = setting_values(text)
        return tuple(values.get(one.name) or one.unstated or None for one in self.parameters)

    def completed(self, text: str) -> str:
        """The text of a setting with values of parameters that it doesn't state; "" if one must be stated."""
        found = self.setting(text)
        return "" if None in found else self.text(found)

    @property
    def levels(self) -> list[Parameter]:
        """The parameters, whose categories have the measured values too."""
        seen = list(zip(*self.measured, strict=True)) or [()] * len(self.parameters)
        return [
            one if one.is_number else replace(one, values=tuple(dict.fromkeys([*one.values, *filter(None, own)])))
            for one, own in zip(self.parameters, seen, strict=True)
        ]

    @property
    def free(self) -> list[Setting]:
        """All settings, in which the parameters of the whole plate are open."""
        return list(product(*((None,) if one.name in self.per_plate else one.values for one in self.parameters)))

    @property
    def shared(self) -> list[Setting]:
        """All values of the parameters of the whole plate; the others are open."""
        return list(product(*(one.values if one.name in self.per_plate else (None,) for one in self.parameters)))

    @property
    def example(self) -> Setting:
        return tuple(one.values[0] for one in self.parameters)

    @property
    def groups(self) -> tuple[int, ...]:
        """The parameter of each column of `columns`."""
        return tuple(k for k, one in enumerate(self.levels) for _ in range(1 if one.is_number else len(one.values)))

    def columns(self, settings: Sequence[Setting]) -> Float[np.ndarray, "run column"]:
        """Numbers as shares of their allowed range, categories one-hot, two at a squared distance of 1. Open ones are
        as on the plate before."""
        parts = []
        for k, one in enumerate(self.levels):
            usual = self.before[k] if self.before and self.before[k] else one.values[0]
            texts = [usual if setting[k] is None else setting[k] for setting in settings]
            if one.is_number:
                ends = np.array(one.values, float)
                span = np.ptp(ends) or max(abs(ends[0]), 1.0)
                parts.append((np.array(texts, float)[:, None] - ends.min()) / span)
            else:
                parts.append((np.array(texts, object)[:, None] == np.array(one.values, object)) * np.sqrt(0.5))
        return np.concatenate(parts, 1, dtype=float) if settings else np.empty((0, len(self.groups)))

    def drawn(self, count: int, generator: np.random.Generator) -> list[Setting]:
        """Random settings; the parameters of the whole plate are open."""
        free = self.free
        return [free[place] for place in generator.integers(len(free), size=count)]


def read_process(texts: Sequence[str], per_plate: Sequence[str], change_cost: float) -> Process:
    """The process that settings describe."""
    parameters = tuple(map(parse_parameter, texts))
    names = [one.name for one in parameters]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f"Expected each parameter once, got {twice[0]} twice. Name all of its values in one.")
    for name in per_plate:
        if name not in names:
            raise unknown_name("parameter in `per_plate`", name, names or ["none; pass `parameters`"])
    return Process(parameters, frozenset(per_plate), change_cost)


def most_frequent(settings: Sequence[Setting]) -> Setting:
    """The setting that most of these are, the first of equals; () of none."""
    return Counter(settings).most_common(1)[0][0] if settings else ()


# A campaign's space and candidates, lifted from items to runs.


def lifted_space(space: CampaignSpace, process: Process, barred: frozenset[str] = frozenset()) -> CampaignSpace:
    """The space of runs. barred: keys of items that may not be proposed at any setting."""

    def items_of(runs: Sequence[Run]) -> tuple[list[Any], list[int]]:
        """The distinct items, and the place of each run's item."""
        places: dict[int, int] = {}
        at = [places.setdefault(id(run.item), len(places)) for run in runs]
        return list({id(run.item): run.item for run in runs}.values()), at

    def features(runs: Sequence[Run]) -> FeatureRows:
        items, at = items_of(runs)
        columns, rows = process.columns([run.setting for run in runs]), space.features(items)
        assert not isinstance(rows, ProcessRows)
        return ProcessRows(rows, np.array(at, int), columns, process.groups)

    def accept(runs: Sequence[Run]) -> list[bool]:
        items, at = items_of(runs)
        flags = [flag and space.key(item) not in barred for flag, item in zip(space.accept(items), items, strict=True)]
        return [flags[place] for place in at]

    def opened(setting: Setting) -> Setting:
        return tuple(
            None if name in process.per_plate else value for name, value in zip(process.names, setting, strict=True)
        )

    def moved(move: Move) -> Move:
        def of_runs(parents: Sequence[Run], generator: np.random.Generator) -> list[Run | None]:
            children = move([parent.item for parent in parents], generator)
            return [
                None if child is None else Run(child, opened(parent.setting))
                for parent, child in zip(parents, children, strict=False)
            ]

        return of_runs

    def other_setting(parents: Sequence[Run], generator: np.random.Generator) -> list[Run | None]:
        settings = process.drawn(len(parents), generator)
        return [Run(parent.item, setting) for parent, setting in zip(parents, settings, strict=True)]

    def drawing(draw: Callable[[int, np.random.Generator], Sequence[Any]]) -> Callable[..., list[Run | None]]:
        def of_runs(count: int, generator: np.random.Generator) -> list[Run | None]:
            items = draw(count, generator)
            settings = process.drawn(len(items), generator)
            return [None if item is None else Run(item, own) for item, own in zip(items, settings, strict=True)]

        return of_runs

    def named(name: Callable[[Any], str]) -> Callable[[Run], str]:
        return lambda run: run_key(name(run.item), process.text(run.setting))

    def common(candidates: Candidates, excluded: set[str]) -> list[tuple[Candidates, np.ndarray, float]]:
        keys = [space.key(run.item) for run in candidates.items]
        found = []
        for shared in process.shared:
            runs = [
                Run(run.item, tuple(b if a is None else a for a, b in zip(run.setting, shared, strict=True)))
                for run in candidates.items
            ]
            names = [run_key(key, process.text(run.setting)) for key, run in zip(keys, runs, strict=True)]
            at = np.array([place for place, name in enumerate(names) if name not in excluded], int)
            rows = candidates.rows[at]
            if isinstance(rows, ProcessRows):
                rows = replace(rows, settings=process.columns([runs[place].setting for place in at]))
            changed = sum(
                value is not None and old is not None and value != old
                for value, old in zip(shared, process.before or (None,) * len(shared), strict=True)
            )
            own = Candidates(
                [runs[place] for place in at], rows, candidates.costs[at],
                [candidates.marks[place] for place in at] if candidates.marks else (),
                [candidates.materials[place] for place in at] if candidates.materials else (),
            )  # fmt: skip
            found.append((own, at, changed * process.change_cost))
        return found

    marks, materials, compound = space.marks, space.materials, space.compound
    moves = {name: moved(move) for name, move in space.moves.items()}
    return replace(
        space,
        key=named(space.key),
        features=features,
        similarity=lambda some, others: space.similarity([one.item for one in some], [one.item for one in others]),
        accept=accept,
        moves={**moves, "parameters": other_setting} if moves else moves,
        draws={name: drawing(draw) for name, draw in space.draws.items()},
        marks=None if marks is None else lambda runs: marks([run.item for run in runs]),
        materials=None if materials is None else lambda runs: materials([run.item for run in runs]),
        may_be_parent=lambda run: space.may_be_parent(run.item),
        compound=None if compound is None else named(compound),
        common=common if process.per_plate else None,
    )


def lifted_sources(sources: CandidateSources, process: Process, generator: np.random.Generator) -> CandidateSources:
    """Start items and suggestions at random settings; of a pool all settings, or as many as `MOST_RUNS` allow."""

    def at_random(items: Sequence[Any]) -> list[Run]:
        return [Run(item, own) for item, own in zip(items, process.drawn(len(items), generator), strict=True)]

    pool, free = sources.pool, process.free
    if pool is not None:
        each = max(1, min(len(free), MOST_RUNS // max(len(pool.items), 1)))
        every = np.arange(len(free))
        settings = [
            every if each == len(free) else np.sort(generator.permutation(len(free))[:each]) for _ in pool.items
        ]
        runs = [Run(item, free[k]) for item, own in zip(pool.items, settings, strict=True) for k in own]
        texts = [process.text(setting) for setting in free]
        keys = [run_key(key, texts[k]) for key, own in zip(pool.keys, settings, strict=True) for k in own]
        pool = CandidatePool(runs, keys, np.repeat(pool.costs, each))
    return replace(sources, pool=pool, start=at_random(sources.start), suggestions=at_random(sources.suggestions))
