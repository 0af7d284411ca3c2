"""What replayed campaigns need: a measured table as their pool, and the file of finished ones beside an output."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from sciencegen.api.campaign.history import History, contradictions, read_history
from sciencegen.api.campaign.journal_items import awaited_keys, discordant_keys, measurements_of
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.space import edit_features, features_for, marks_for, unlike_lengths
from sciencegen.data.writers import Refused
from sciencegen.domains.capabilities import Edits
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write
from sciencegen.items import Item, Json, none_if_nan
from sciencegen.optimization.candidates import CampaignSpace
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.replay import Landscape, ReplayedRound, landscape_of

# A user's measured table as the pool of replayed campaigns.

Log = Callable[[str], None]


@dataclass(frozen=True)
class MeasuredPool:
    """landscape: the measured items, replicates averaged. refused: rows that aren't used. unmeasured: items without a
    value. notes: messages for the user."""

    landscape: Landscape
    refused: list[Refused]
    unmeasured: int
    notes: list[str]


def measured_pool(request: ProposeRequest, rounds: int, log: Log) -> MeasuredPool:
    """Read the table as `propose` reads measured ones, and compute the features of its items once.

    All measured items are candidates, whatever patterns and plausibility: they have been made.
    """
    science = request.domain
    history = read_history(science, request.history, request.reference, log)
    known = measurements_of(science, history.journal, history.keys)
    _check_enough(request, rounds, known, history.refused)
    log(f"computing the features of {len(known):,} measured items")
    unmeasured = len(awaited_keys(history.journal, history.keys))
    edits = edit_features(science, _origin(request), [one.item for one in known])
    landscape = landscape_of(_space(request, known, edits), known)
    return MeasuredPool(landscape, history.refused, unmeasured, _notes(request, rounds, history, known, edits))


def _origin(request: ProposeRequest) -> Item | None:
    return None if request.space is None else request.space.origin


def _space(request: ProposeRequest, known: Sequence[Measurement], edits: Edits | None) -> CampaignSpace:
    """The same features, similarities and marks as in a design round."""
    science = request.domain
    features, _ = features_for(science, _origin(request), [one.item for one in known], edits)
    marks = marks_for(science, request.space, request.plate.campaign.plate.maximum_share)
    return CampaignSpace(science.items.key, features, science.similarity.matrix, marks=marks)


def _check_enough(
    request: ProposeRequest, rounds: int, known: Sequence[Measurement], refused: Sequence[Refused]
) -> None:
    batch, (table,) = request.plate.batch, request.history.tables
    if len(known) >= batch * rounds:
        return
    reason = f" ({len(refused)} rows are refused, the first: {refused[0][2]})" if refused else ""
    most = f"`batch` {len(known) // rounds}" if len(known) >= rounds else "fewer `rounds`"
    raise DataError(
        f"Expected at least {batch * rounds:,} different measured items in {table} for {rounds} plates of {batch}, got "
        f"{len(known):,}{reason}. Pass {most}, or a larger table."
    )


def _notes(
    request: ProposeRequest, rounds: int, history: History, known: Sequence[Measurement], edits: Edits | None
) -> list[str]:
    asked = request.plate.batch * rounds
    apart = set(discordant_keys(history.journal, history.keys))
    found = contradictions([one.text for one in known if history.keys[one.text] in apart])
    found += unlike_lengths(request.domain, _origin(request), [one.item for one in known], edits)
    if 2 * asked > len(known):
        found.append(
            f"each campaign measures {asked:,} of {len(known):,} items: methods hardly differ where most of a table is "
            "measured. Smaller plates, fewer rounds or a larger table tell them apart"
        )
    return found


# Finished campaigns of a backtest that was stopped, in a hidden file beside its output, so that it can go on.
#
#     {"sciencegen": "0.3.0", "format": ["number", "measured", "best", ...], "table": "<sha256 of the measurements>",
# ...}
#     {"method": "propose", "repeat": 1, "rounds": [[1, 96, 0.51, null, null, null, null, null, null], ...]}
#
# The first line says what the campaigns depend on, and the names of a plate's numbers. Each other one is a campaign:
# the
# numbers of a `ReplayedRound` for each of its plates.

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
