"""Finished campaigns of a backtest that was stopped, in a hidden file beside its output, so that it can go on.

    {"sciencegen": "0.3.0", "format": ["number", "measured", "best", ...], "table": "<sha256 of the measurements>", ...}
    {"method": "propose", "repeat": 1, "rounds": [[1, 96, 0.51, null, null, null, null, null, null], ...]}

The first line says what the campaigns depend on, and the names of a plate's numbers. Each other one is a campaign: the
numbers of a `ReplayedRound` for each of its plates.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write
from sciencegen.items import Json, none_if_nan
from sciencegen.optimization.replay import ReplayedRound

Case = tuple[str, int]
"""Method and repeat."""


def unfinished_path(output: str | Path) -> Path | None:
    """The file beside an output; None for standard output."""
    return None if str(output) == "-" else Path(output).with_name(f".{Path(output).name}.unfinished")


def is_unfinished(output: str | Path) -> bool:
    """Whether a stopped backtest left campaigns for this output."""
    path = unfinished_path(output)
    return path is not None and path.is_file()


class FinishedCampaigns:
    """The finished campaigns of one backtest. `add` appends one to the file and waits until the disk has it.

    path: None keeps them in memory alone. identity: everything that they depend on. force: ignore campaigns of another
    backtest instead of raising an error.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Json], force: bool = False) -> None:
        self.path, self._appends = path, False
        self._identity = json.loads(json.dumps(identity))
        self.rounds: dict[Case, list[ReplayedRound]] = {}
        if path is not None and path.is_file():
            try:
                self.rounds = _read(path, self._identity)
            except (ConfigError, DataError):
                if not force:
                    raise

    def add(self, case: Case, rounds: Sequence[ReplayedRound]) -> None:
        """Keep a campaign. The first call writes the file anew, without an incomplete line or another backtest."""
        self.rounds[case] = list(rounds)
        if self.path is None:
            return
        if not self._appends:
            with atomic_write(self.path) as file:
                file.write(f"{json.dumps(self._identity)}\n")
                file.writelines(_line_of(one, some) for one, some in self.rounds.items())
            self._appends = True
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(_line_of(case, rounds))
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Call it once the output is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _read(path: Path, identity: Mapping[str, Json]) -> dict[Case, list[ReplayedRound]]:
    """The campaigns of the same backtest. An incomplete last line is dropped."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    if lines and (other := _difference(lines[0], identity)):
        raise ConfigError(
            f"Expected the settings of the unfinished backtest in {path}, got {other}. Pass the same ones to go on, "
            "`force` to begin anew, or another `output`."
        )
    return dict(_campaign_of(line, f"line {number} of {path}") for number, line in enumerate(lines[1:], start=2))


def _difference(line: str, identity: Mapping[str, Json]) -> str:
    """What differs from the identity in a line, in words; "" if nothing does."""
    try:
        found = json.loads(line)
        before = {name: found.get(name) for name in identity}
        settings, own = before.pop("settings"), identity["settings"]
        differing = {name: (settings.get(name), value) for name, value in own.items() if settings.get(name) != value}
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"another file there: {line[:40]!r}"
    if differing:
        name, (there, here) = next(iter(differing.items()))
        return f"`{name}` {here} for {there}"
    other = [name for name, value in before.items() if value != identity[name]]
    return f"another {other[0]}" if other else ""


def _line_of(case: Case, rounds: Sequence[ReplayedRound]) -> str:
    method, repeat = case
    cells = [[none_if_nan(number) for number in astuple(one)] for one in rounds]
    return json.dumps({"method": method, "repeat": repeat, "rounds": cells}) + "\n"


def _campaign_of(line: str, place: str) -> tuple[Case, list[ReplayedRound]]:
    try:
        found = json.loads(line)
        rounds = [
            ReplayedRound(int(number), int(measured), *(math.nan if one is None else float(one) for one in others))
            for number, measured, *others in found["rounds"]
        ]
        return (str(found["method"]), int(found["repeat"])), rounds
    except (ValueError, TypeError, KeyError):
        raise DataError(
            f"Expected a finished campaign in {place}, found {line[:40]!r}. Pass `force`, or remove the file."
        ) from None
