"""The content of a campaign's journal, item by item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sciencegen.api.campaign.forecasts import Outcome, outcomes
from sciencegen.api.campaign.journal_items import (
    discordant_keys,
    keys_of,
    latest_proposals,
    measurements_of,
    pending_entries,
)
from sciencegen.api.campaign.non_numeric import count_unread, rejected
from sciencegen.api.campaign.target import is_minimized, target_of
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.letters import align
from sciencegen.api.science.naming import reference_of
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import DataError
from sciencegen.files import found_at
from sciencegen.items import Direction
from sciencegen.optimization.forecast import Forecast, read_forecast
from sciencegen.optimization.journal import Entry, Journal, read_journal
from sciencegen.optimization.measurements import Measurement, settled_values
from sciencegen.report.letters import changes_of
from sciencegen.report.sites import Sites


@dataclass(frozen=True)
class CampaignReportSettings:
    """target: the measured column; "" means that of the journal. wild_type: the reference that items are aligned with.
    shown: rows with pictures."""

    domain: str
    target: str = ""
    minimize: bool = False
    wild_type: str | None = None
    shown: int = 100
    threads: int = 0

    @property
    def direction(self) -> Direction:
        return "minimize" if self.minimize else "maximize"


@dataclass(frozen=True)
class Campaign:
    """A journal. keys: text of an item -> its key."""

    path: Path
    journal: Journal
    keys: dict[str, str]
    settings: CampaignReportSettings

    @property
    def science(self) -> Domain:
        return domain_of(self.settings.domain)

    @cached_property
    def frame(self) -> Reference | None:
        return reference_of(self.science, self.settings.wild_type)

    @cached_property
    def measured(self) -> list[Measurement]:
        """Means of replicates, best first."""
        found = measurements_of(self.science, self.journal, self.keys)
        settled = settled_values(found, self.settings.minimize)
        sign = 1.0 if self.settings.minimize else -1.0
        return [one for _, one in sorted(zip(settled, found, strict=True), key=lambda pair: sign * pair[0])]

    @cached_property
    def foreseen(self) -> dict[str, Entry]:
        """Key of an item -> its last proposal."""
        return latest_proposals(self.journal, self.keys)

    @cached_property
    def pending(self) -> list[Entry]:
        """Items that were proposed and not measured, last round first."""
        return sorted(pending_entries(self.journal, self.keys), key=lambda entry: -entry.round)

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """Forecasts of hits of earlier plates, and what was measured since."""
        return outcomes(self.journal, self.keys, self.settings.minimize)

    @cached_property
    def forecast(self) -> Forecast | None:
        """That of the last plate, as long as none of its items is measured."""
        number = self.journal.last_round
        texts = [entry.forecast for entry in self.journal.planned if entry.round == number and entry.forecast]
        if not texts or any(one.round == number for one in self.outcomes):
            return None
        return read_forecast(texts[0], f"round {number} of {self.path}")

    @cached_property
    def unread(self) -> int:
        """How many pending items have a value in the journal's file of rejects that is no number."""
        waiting = [(entry.item, entry.name) for entry in self.pending]
        listed = list(rejected(self.path))
        return count_unread(self.science, waiting, listed, self.settings.target, self.frame)

    @cached_property
    def discordant(self) -> list[str]:
        """Keys of the measured items whose replicates contradict each other."""
        return discordant_keys(self.journal, self.keys)

    def name_of(self, key: str) -> str:
        """The name of a measured item."""
        return next(name for name, one in zip(self.names, self.measured, strict=True) if self.keys[one.text] == key)

    @cached_property
    def sites(self) -> Sites | None:
        return align(self.science, [one.text for one in self.measured], self.frame)

    @cached_property
    def names(self) -> list[str]:
        """Changes of each measured item relative to the wild type, else the item itself."""
        texts = [one.text for one in self.measured]
        if self.sites is None:
            return texts
        return [changes_of(self.sites, row) or text for row, text in zip(self.sites.rows, texts, strict=True)]

    @property
    def table_rows(self) -> list[int]:
        shown = self.settings.shown
        return [row if row < shown else -1 for row in range(len(self.measured))]


def several_targets(path: str | Path, settings: CampaignReportSettings) -> Journal | None:
    """The journal if it has several targets and the settings name none."""
    journal = read_journal(path) if Path(path).is_file() and not settings.target else Journal()
    return journal if len(journal.targets) > 1 and journal.measured else None


def read_campaign(path: str | Path, settings: CampaignReportSettings) -> Campaign:
    """Read the campaign of a journal. A missing file, no measurements or a wrong wild type are errors."""
    if not Path(path).is_file():
        raise DataError(f"Expected a campaign's journal or a run's folder at {path}, found {found_at(path)}.")
    journal = read_journal(path)
    if not journal.measured:
        raise DataError(f"Expected measurements in {path}, found none. Write them down with `sciencegen record` first.")
    reference_of(domain_of(settings.domain), settings.wild_type)  # a wrong one is an error before items are parsed
    if len(journal.targets) > 1 and settings.target in journal.targets:
        journal = replace(journal, entries=tuple(one for one in journal.entries if one.target == settings.target))
        minimize = settings.minimize or journal.direction == "minimize"
    else:
        minimize = is_minimized(settings.minimize, path)
        settings = replace(settings, target=target_of(settings.target or None, path))
    texts = [entry.item for entry in journal.entries]
    keys = keys_of(settings.domain, texts, settings.threads, str(path))
    settings = replace(settings, minimize=minimize)
    return Campaign(Path(path), journal, keys, settings)
