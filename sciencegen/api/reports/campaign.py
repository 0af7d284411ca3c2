"""The page of a campaign's journal: results by round, agreement with predictions, and pending items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen import __version__
from sciencegen.api.campaign.journal_items import (
    count_unread,
    discordant_keys,
    is_minimized,
    keys_of,
    latest_proposals,
    measured_by_key,
    measurements_of,
    pending_entries,
    rejected,
    target_of,
)
from sciencegen.api.campaign.notes import (
    ForecastOutcome,
    causes,
    contradictions,
    diagnosis_notes,
    evidence,
    outcomes,
)
from sciencegen.api.reports.sections import Fact, plate_of
from sciencegen.api.science import align, domain_of, letters_of, picture, reference_of
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import DataError
from sciencegen.files import found_at, sha256_of
from sciencegen.items import NAME_COLUMN, Direction
from sciencegen.optimization.forecast import Forecast, read_forecast
from sciencegen.optimization.journal import Entry, Journal, read_journal, run_key
from sciencegen.optimization.measurements import Measurement, settled_values
from sciencegen.optimization.pareto import hypervolume, in_unit_box, nondominated_ranks
from sciencegen.report import sections
from sciencegen.report.content import CandidateContent, CheckedPredictions, GoalAxis, Logo, Rounds, Sites, TableColumn
from sciencegen.report.letters import changes_of, logo_of, of_items
from sciencegen.report.page import render_page, write_page
from sciencegen.runs import provenance

# The content of a campaign's journal, item by item.


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
    def outcomes(self) -> list[ForecastOutcome]:
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
        return next(name for name, one in zip(self.names, self.measured, strict=True) if self.run(one) == key)

    def run(self, measurement: Measurement) -> str:
        """The key of a measured item, with its process parameters."""
        return run_key(self.keys[measurement.text], measurement.parameters)

    @cached_property
    def sites(self) -> Sites | None:
        return align(self.science, [one.text for one in self.measured], self.frame)

    @cached_property
    def names(self) -> list[str]:
        """Changes of each measured item relative to the wild type, else the item itself."""
        texts = [one.text for one in self.measured]
        if self.sites is not None:
            texts = [changes_of(self.sites, row) or text for row, text in zip(self.sites.rows, texts, strict=True)]
        return [run_key(text, one.parameters) for text, one in zip(texts, self.measured, strict=True)]

    @property
    def table_rows(self) -> list[int]:
        shown = self.settings.shown
        return [row if row < shown else -1 for row in range(len(self.measured))]


# The provenance of a campaign's page.


def campaign_provenance(campaign: Campaign) -> str:
    """The command, versions and the journal's hash."""
    made, settings = provenance([], 0), campaign.settings
    options = f" --wild-type {settings.wild_type}" if settings.wild_type else ""
    options += f" --target {settings.target}" if settings.target not in ("", "value") else ""
    options += " --minimize" if settings.minimize else ""
    return sections.provenance(
        commands=[f"sciencegen report {campaign.path} --domain {settings.domain}{options}"],
        versions={"sciencegen": __version__, "python": made["python"], **made["libraries"]},
        hashes={campaign.path.name: sha256_of(campaign.path)},
    )


# The page of a journal with several targets: the Pareto front, its hypervolume by round, and pending items.

MOST_PAIRS = 6
"""Pairs of objectives with a picture."""


@dataclass(frozen=True)
class ParetoCampaign:
    """A journal with several targets. directions: of the targets that are objectives, as the last plate says."""

    campaign: Campaign
    targets: Sequence[str]
    directions: Mapping[str, Direction]

    @cached_property
    def measured(self) -> dict[str, dict[str, Measurement]]:
        """Target -> key of an item -> its measurement."""
        entries, keys = self.campaign.journal.entries, self.campaign.keys
        journals = {name: Journal(tuple(one for one in entries if one.target == name)) for name in self.targets}
        return {name: measured_by_key(one, keys) for name, one in journals.items()}

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Key -> front of each item with all objectives, 0 for the Pareto front."""
        keys = dict.fromkeys(key for own in self.measured.values() for key in own)
        every = [key for key in keys if all(key in self.measured[name] for name in self.directions)]
        ranks = nondominated_ranks(self._gains_of(every)).tolist() if every else []
        return dict(zip(every, ranks, strict=True))

    @cached_property
    def complete(self) -> list[str]:
        """Keys of the items with all objectives, front by front."""
        return sorted(self.ranks, key=self.ranks.__getitem__)

    @property
    def front(self) -> int:
        """How many of the complete items are on the Pareto front; they come first."""
        return list(self.ranks.values()).count(0)

    def _gains_of(self, keys: Sequence[str]) -> Float[np.ndarray, "item objective"]:
        signs = {name: -1.0 if one == "minimize" else 1.0 for name, one in self.directions.items()}
        table = [[sign * self.measured[name][key].value for name, sign in signs.items()] for key in keys]
        return np.array(table, float).reshape(len(keys), len(signs))

    @cached_property
    def rounds(self) -> list[int]:
        """The round in which each complete item had its last objective measured."""
        return [max(self.measured[name][key].round for name in self.directions) for key in self.complete]

    def volumes(self) -> dict[int, float]:
        """Round -> hypervolume of the items measured up to it, above the worst values of all, as a share of the box of
        the best and the worst values."""
        if not self.complete:
            return {}
        scaled, rounds = in_unit_box(self._gains_of(self.complete)), np.array(self.rounds)
        return {one: hypervolume(scaled[rounds <= one], np.zeros(scaled.shape[1])) for one in sorted(set(rounds))}

    def text_of(self, key: str) -> str:
        return next(own[key].text for own in self.measured.values() if key in own)


def pareto_campaign(path: Path, journal: Journal, settings: CampaignReportSettings) -> ParetoCampaign:
    """The campaign of a journal with several targets; an error if no plate says what is better."""
    directions = {one.target: one.direction for one in journal.proposed if one.direction and one.target}
    if not directions:
        raise DataError(
            f"Expected a plate in {path} that says what of {', '.join(journal.targets)} is maximized or minimized, "
            "found none. Propose one with `goals`, or pass `target` for the page of one of them."
        )
    keys = keys_of(settings.domain, [entry.item for entry in journal.entries], settings.threads, str(path))
    order: dict[str, Direction] = {
        name: "minimize" if directions[name] == "minimize" else "maximize"
        for name in journal.targets if name in directions
    }  # fmt: skip
    return ParetoCampaign(Campaign(path, journal, keys, settings), journal.targets, order)


def read_campaign(path: str | Path, settings: CampaignReportSettings) -> Campaign | ParetoCampaign:
    """Read the campaign of a journal: of all targets, if there are several and the settings name none. A missing file,
    no measurements or a wrong wild type are errors."""
    if not Path(path).is_file():
        raise DataError(f"Expected a campaign's journal or a run's folder at {path}, found {found_at(path)}.")
    journal = read_journal(path)
    if not journal.measured:
        raise DataError(f"Expected measurements in {path}, found none. Write them down with `sciencegen record` first.")
    if len(journal.targets) > 1 and not settings.target:
        return pareto_campaign(Path(path), journal, settings)
    reference_of(domain_of(settings.domain), settings.wild_type)  # a wrong one is an error before items are parsed
    if len(journal.targets) > 1 and settings.target in journal.targets:
        journal = replace(journal, entries=tuple(one for one in journal.entries if one.target == settings.target))
        minimize = settings.minimize or journal.direction == "minimize"
    else:
        minimize = is_minimized(settings.minimize, journal, path)
        settings = replace(settings, target=target_of(settings.target or None, journal, path))
    texts = [entry.item for entry in journal.entries]
    keys = keys_of(settings.domain, texts, settings.threads, str(path))
    settings = replace(settings, minimize=minimize)
    return Campaign(Path(path), journal, keys, settings)


def report_pareto(found: ParetoCampaign, page: str | Path) -> dict[str, Any]:
    """Write the page and return its figures."""
    write_page(pareto_page(found), Path(page))
    volumes = found.volumes()
    return {
        "measured": len(set(one.run(found.campaign.keys) for one in found.campaign.journal.measured)),
        "complete": len(found.complete),
        "front": found.front,
        "rounds": found.campaign.journal.last_round,
        "hypervolume": list(volumes.values())[-1] if volumes else None,
        "pending": len(found.campaign.pending),
    }


def pareto_page(found: ParetoCampaign) -> str:
    """The complete page."""
    campaign, volumes = found.campaign, found.volumes()
    settings, count = campaign.settings, len(found.complete)
    rounds = Rounds("hypervolume", list(volumes), list(volumes.values()), [f"round {one}" for one in volumes])
    told = (
        "Hypervolume: the share of the box between the worst and the best measured values of all objectives that "
        "the measured items dominate. Constraints are not in the journal, so that items that miss one count too."
    )
    return render_page(
        f"{settings.domain}: {campaign.path.stem}",
        {
            "candidates": sections.candidates(measured_items(found)),
            "plate": sections.plate(_plate(found)),
            "rounds": sections.rounds(rounds),
            "pareto": sections.trade_offs(pictures(found)),
            "notes": sections.notes([told]),
            "provenance": campaign_provenance(campaign),
        },
        summary=f"{count} items with all objectives measured up to round {campaign.journal.last_round}.",
        goals=[f"{direction} {name}" for name, direction in found.directions.items()],
        facts=pareto_facts(found),
        headings={"candidates": "Measured, front by front", "plate": "Not measured yet"},
    )


def pareto_facts(found: ParetoCampaign) -> list[Fact]:
    """The front, its hypervolume, the best value of each objective, and how many items are not yet measured."""
    made = [(str(found.front), "on the Pareto front", f"of {len(found.complete)} items with all objectives")]
    if volumes := found.volumes():
        made.append((f"{list(volumes.values())[-1]:.2f}", "hypervolume", "1 is one item that is best in all"))
    for name, direction in found.directions.items():
        values = [one.value for one in found.measured[name].values()]
        best = min(values) if direction == "minimize" else max(values)
        made.append((f"{best:.3g}", f"best {name}", f"{len(values)} items measured"))
    waiting = len(found.campaign.pending)
    return [*made, (str(waiting), "not measured yet", "proposed")] if waiting else made


def measured_items(found: ParetoCampaign) -> CandidateContent:
    """The items with all objectives, front by front, with every target."""
    science, shown = found.campaign.science, found.complete[: found.campaign.settings.shown]
    texts = [found.text_of(key) for key in shown]
    columns = [
        TableColumn(
            name, [found.measured[name][key].value if key in found.measured[name] else None for key in shown],
            direction=found.directions.get(name),
        )
        for name in found.targets
    ]  # fmt: skip
    columns += [
        TableColumn("on the front", [place < found.front for place in range(len(shown))]),
        TableColumn("round", found.rounds[: len(shown)]),
    ]
    pictures_ = [picture(science, science.items.parse(text), found.campaign.frame) for text in texts]
    return CandidateContent(texts, columns, pictures_, total=len(found.complete), noun="measured items")


def pictures(found: ParetoCampaign) -> list[str]:
    """Each pair of objectives, with the front."""
    axes = [GoalAxis(name, direction=direction) for name, direction in found.directions.items()]
    values = np.array([[found.measured[axis.name][key].value for axis in axes] for key in found.complete])
    front = [place < found.front for place in range(len(found.complete))]
    labels = [found.text_of(key) for key in found.complete]
    pairs = list(combinations(range(len(axes)), 2))[:MOST_PAIRS] if found.complete else []
    return [sections.pareto(axes[x], axes[y], values[:, [x, y]].tolist(), front, labels=labels) for x, y in pairs]


def _plate(found: ParetoCampaign) -> CandidateContent | None:
    """Items without any value, with the predictions of each target."""
    campaign = found.campaign
    waiting = campaign.pending
    if not waiting:
        return None
    table: dict[str, list[Any]] = {"item": [one.item for one in waiting], "round": [one.round for one in waiting]}
    foreseen = {(one.run(campaign.keys), one.target): one.predicted for one in campaign.journal.proposed}
    for name in found.targets:
        table[f"predicted_{name}"] = [foreseen.get((one.run(campaign.keys), name)) for one in waiting]
    table["source"] = [one.source for one in waiting]
    return plate_of(campaign.science, table, campaign.frame, campaign.settings.shown)


FORETOLD = ("predicted", "lower", "upper")
REACH = 1.6449
"""Standard errors to either end of a 90% interval."""

BEST_SHARE, FEWEST = 0.1, 10
"""Share of the measured items, and smallest number, that a logo compares with all measured items."""


def report_campaign(journal: str | Path, page: str | Path, settings: CampaignReportSettings) -> dict[str, Any]:
    """Write the page of a journal and return its figures. A journal with several targets has one for all of them, and
    one for each if settings name it."""
    campaign = read_campaign(journal, settings)
    if isinstance(campaign, ParetoCampaign):
        return report_pareto(campaign, page)
    expected = agreement(campaign)
    write_page(campaign_page(campaign, expected), Path(page))
    best = campaign.measured[0].value
    figures = {"measured": len(campaign.measured), "rounds": campaign.journal.last_round, "best": best}
    if expected is not None:
        figures["inside_interval"] = float(expected.inside.mean())
    decided = [one.held for one in campaign.outcomes if one.held is not None]
    if decided:
        figures["forecasts_held"] = float(np.mean(decided))
    return {**figures, "pending": len(campaign.pending)}


def campaign_page(campaign: Campaign, expected: CheckedPredictions | None) -> str:
    """The complete page. expected: of the measured items."""
    settings, measured = campaign.settings, campaign.measured
    sites, values = campaign.sites, [one.value for one in measured]
    letters = letters_of(campaign.science)
    maps = [] if sites is None or letters is None else of_items(
        letters, sites, values, settings.target, settings.direction
    )  # fmt: skip
    return render_page(
        f"{settings.domain}: {campaign.path.stem}",
        {
            "candidates": sections.candidates(best_measured(campaign)),
            "plate": sections.plate(plate(campaign)),
            "rounds": sections.rounds(rounds(campaign), expected),
            "changes": sections.heat_maps(maps),
            "logo": sections.logo(logo(campaign)),
            "provenance": campaign_provenance(campaign),
        },
        summary=f"{len(measured)} items measured up to round {campaign.journal.last_round}.",
        goals=[f"{settings.direction} {settings.target}"],
        facts=facts(campaign, expected),
        warnings=warnings(campaign),
        headings={"candidates": "Best measured", "changes": "Which letter where", "plate": "Not measured yet"},
    )


def warnings(campaign: Campaign) -> list[str]:
    """Sentences on bounds, values that are no numbers, replicates that contradict each other, and poor rounds."""
    unread = (
        f"{campaign.unread} of the {len(campaign.pending)} items not measured yet stand in "
        f"{campaign.path.name}.rejects.csv with a value that is no number, such as a bound: they are not used."
    )
    apart = contradictions([campaign.name_of(key) for key in campaign.discordant])
    last = evidence(campaign.journal, campaign.keys, campaign.settings.minimize)
    poor = [f"{note[0].upper()}{note[1:]}." for note in diagnosis_notes(last, causes(last))]
    bounds = [one.text_of_value for one in campaign.measured if one.limits is not None]
    censored = [
        f"{len(bounds)} of the {len(campaign.measured)} measured values are bounds, such as {one}: tables and pictures "
        "show the number of the bound."
        for one in bounds[:1]
    ]
    return [*censored, *([unread] if campaign.unread else []), *apart, *poor]


def facts(campaign: Campaign, expected: CheckedPredictions | None) -> list[Fact]:
    """The best value, how many items are measured, as predicted, and not yet measured, and what was forecast."""
    best = campaign.measured[0]
    made = [
        (f"{best.value:.3g}", f"best {campaign.settings.target}", campaign.names[0][:60]),
        (str(len(campaign.measured)), "measured", f"{len(campaign.journal.measured)} measurements"),
    ]
    if expected is not None:
        share = expected.inside
        made.append((f"{100 * share.mean():.0f} %", "inside their 90 % interval", f"of {len(share)} predicted"))
    if campaign.pending:
        made.append((str(len(campaign.pending)), "not measured yet", "proposed"))
    # the hits that are expected on a plate without a value, and how many earlier forecasts held
    past = campaign.outcomes
    if (last := campaign.forecast) is not None:
        sign = "at most" if campaign.settings.minimize else "at least"
        what = f"{sign} {last.threshold:.3g}, among {last.items}; {last.expected:.1f} expected"
        made.append((f"{last.lower} to {last.upper}", "hits to come (90 % interval)", what))
    decided = [one.held for one in past if one.held is not None]
    if decided:
        hits = ", ".join(str(one.hits) for one in past)
        made.append((f"{sum(decided)} of {len(decided)}", "forecasts of hits held", f"hits by plate: {hits}"))
    return made


def best_measured(campaign: Campaign) -> CandidateContent:
    """The best measured items with pictures and their earlier predictions."""
    settings, shown = campaign.settings, campaign.measured[: campaign.settings.shown]
    before = [campaign.foreseen.get(campaign.run(one)) for one in shown]
    columns = [_column(settings.target, shown, settings.direction)]
    if campaign.names[: len(shown)] != [one.text for one in shown]:
        columns.insert(0, TableColumn(NAME_COLUMN, campaign.names[: len(shown)]))
    if any(one.replicates > 1 for one in shown):
        columns.append(TableColumn("replicates", [one.replicates for one in shown]))
    columns.append(TableColumn("round", [one.round for one in shown]))
    if any(before):
        cells = {name: [None if one is None else vars(one)[name] for one in before] for name in FORETOLD}
        what = "what was expected of one measurement, with its 90 % interval"
        columns.append(
            TableColumn("predicted", cells["predicted"], lower=cells["lower"], upper=cells["upper"], description=what)
        )
        columns.append(TableColumn("source", [one.source if one else None for one in before]))
    pictures = [picture(campaign.science, one.item, campaign.frame) for one in shown]
    texts = [one.text for one in shown]
    return CandidateContent(texts, columns, pictures, total=len(campaign.measured), noun="measured items")


def _column(name: str, shown: Sequence[Measurement], direction: Direction) -> TableColumn:
    """A column of means with 90 % intervals from their standard errors, if known, as predictions have."""
    values, errors = np.array([one.value for one in shown]), np.array([one.error for one in shown])
    known = np.isfinite(errors).any()
    lower, upper = ((values + way * REACH * errors).tolist() if known else () for way in (-1, 1))
    what = "mean, with its 90 % interval by its standard error (1.645 of them each way)"
    return TableColumn(name, values.tolist(), "", lower, upper, direction=direction, description=what)


def rounds(campaign: Campaign) -> Rounds:
    """All measured items with their rounds, best first; items that the table doesn't show have row -1."""
    measured, settings = campaign.measured, campaign.settings
    return Rounds(
        settings.target, [one.round for one in measured], [one.value for one in measured], campaign.names,
        campaign.table_rows, direction=settings.direction,
    )  # fmt: skip


def agreement(campaign: Campaign) -> CheckedPredictions | None:
    """Measured items that had a prediction when they were proposed; None if there are none."""
    rows = []
    for name, table_row, one in zip(campaign.names, campaign.table_rows, campaign.measured, strict=True):
        before = campaign.foreseen.get(campaign.run(one))
        if before is not None and None not in (before.predicted, before.lower, before.upper):
            rows.append((one.value, before.predicted, before.lower, before.upper, before.round, name, table_row))
    if not rows:
        return None
    measured, predicted, lower, upper, round_, labels, table_rows = map(list, zip(*rows, strict=True))
    return CheckedPredictions(
        measured, predicted, lower, upper, name=campaign.settings.target, rounds=round_, labels=labels,
        table_rows=table_rows,
    )  # fmt: skip


def plate(campaign: Campaign) -> CandidateContent | None:
    """Items not measured yet with their predictions, last round first; None if there are none."""
    waiting = campaign.pending
    if not waiting:
        return None
    sites = align(campaign.science, [one.item for one in waiting], campaign.frame)
    names = [] if sites is None else [changes_of(sites, row) for row in sites.rows]
    table: dict[str, list[Any]] = {"item": [one.item for one in waiting]}
    table |= {NAME_COLUMN: names} if any(names) else {}
    if any(one.parameters for one in waiting):
        table["parameters"] = [one.parameters for one in waiting]
    table |= {name: [vars(one)[name] for one in waiting] for name in ("round", *FORETOLD)}
    table["source"] = [one.source for one in waiting]
    return plate_of(campaign.science, table, campaign.frame, campaign.settings.shown)


def logo(campaign: Campaign) -> Logo | None:
    """A logo of the best measured items and one of all measured items."""
    letters = letters_of(campaign.science)
    if campaign.sites is None or letters is None:
        return None
    count = len(campaign.measured)
    best = min(count, max(FEWEST, round(BEST_SHARE * count)))
    groups = {f"{best} best measured": range(best), f"all {count} measured": range(count)}
    return logo_of(letters, campaign.sites, groups, np.ones(count))
