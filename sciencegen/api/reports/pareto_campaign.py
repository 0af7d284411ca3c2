"""The page of a journal with several targets: the Pareto front, its hypervolume by round, and pending items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.api.campaign.contents import Campaign, CampaignReportSettings
from sciencegen.api.campaign.journal_items import keys_of, measured_by_key
from sciencegen.api.reports.campaign_provenance import campaign_provenance
from sciencegen.api.reports.sites import plate_of
from sciencegen.api.science.letters import picture
from sciencegen.errors import DataError
from sciencegen.items import Direction
from sciencegen.optimization.journal import Journal
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.pareto import hypervolume, in_unit_box, nondominated_ranks
from sciencegen.report.candidate_content import Candidates, Column
from sciencegen.report.content import Fact, Objective, Pareto, ReportContent
from sciencegen.report.page import write_report
from sciencegen.report.round_content import Rounds

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


def report_pareto(path: Path, journal: Journal, page: str | Path, settings: CampaignReportSettings) -> dict[str, Any]:
    """Write the page and return its figures."""
    found = pareto_campaign(path, journal, settings)
    write_report(pareto_content(found), Path(page))
    volumes = found.volumes()
    return {
        "measured": len(set(found.campaign.keys[one.item] for one in journal.measured)),
        "complete": len(found.complete),
        "front": found.front,
        "rounds": journal.last_round,
        "hypervolume": list(volumes.values())[-1] if volumes else None,
        "pending": len(found.campaign.pending),
    }


def pareto_content(found: ParetoCampaign) -> ReportContent:
    """The complete content of the page."""
    campaign, volumes = found.campaign, found.volumes()
    settings, count = campaign.settings, len(found.complete)
    rounds = Rounds("hypervolume", list(volumes), list(volumes.values()), [f"round {one}" for one in volumes])
    return ReportContent(
        title=f"{settings.domain}: {campaign.path.stem}",
        summary=f"{count} items with all objectives measured up to round {campaign.journal.last_round}.",
        goals=[f"{direction} {name}" for name, direction in found.directions.items()],
        facts=_facts(found, volumes),
        notes=[
            "Hypervolume: the share of the box between the worst and the best measured values of all objectives that "
            "the measured items dominate. Constraints are not in the journal, so that items that miss one count too."
        ],
        candidates=_candidates(found),
        plate=_plate(found),
        rounds=rounds if volumes else None,
        pareto=pictures(found),
        provenance=campaign_provenance(campaign),
        headings={"candidates": "Measured, front by front", "plate": "Not measured yet"},
    )


def _facts(found: ParetoCampaign, volumes: Mapping[int, float]) -> list[Fact]:
    made = [
        Fact(str(found.front), "on the Pareto front", f"of {len(found.complete)} items with all objectives"),
    ]
    if volumes:
        made.append(Fact(f"{list(volumes.values())[-1]:.2f}", "hypervolume", "1 is one item that is best in all"))
    for name, direction in found.directions.items():
        values = [one.value for one in found.measured[name].values()]
        best = min(values) if direction == "minimize" else max(values)
        made.append(Fact(f"{best:.3g}", f"best {name}", f"{len(values)} items measured"))
    waiting = len(found.campaign.pending)
    return [*made, Fact(str(waiting), "not measured yet", "proposed")] if waiting else made


def _candidates(found: ParetoCampaign) -> Candidates:
    """The items with all objectives, front by front, with every target."""
    science, shown = found.campaign.science, found.complete[: found.campaign.settings.shown]
    texts = [found.text_of(key) for key in shown]
    columns = [
        Column(
            name, [found.measured[name][key].value if key in found.measured[name] else None for key in shown],
            direction=found.directions.get(name),
        )
        for name in found.targets
    ]  # fmt: skip
    columns += [
        Column("on the front", [place < found.front for place in range(len(shown))]),
        Column("round", found.rounds[: len(shown)]),
    ]
    pictures_ = [picture(science, science.items.parse(text), found.campaign.frame) for text in texts]
    return Candidates(texts, columns, pictures_, total=len(found.complete), noun="measured items")


def pictures(found: ParetoCampaign) -> list[Pareto]:
    """Each pair of objectives, with the front."""
    names = list(found.directions)
    axes = [Objective(name, found.directions[name]) for name in names]
    values = np.array([[found.measured[name][key].value for name in names] for key in found.complete])
    front = [place < found.front for place in range(len(found.complete))]
    labels = [found.text_of(key) for key in found.complete]
    pairs = list(combinations(range(len(names)), 2))[:MOST_PAIRS] if found.complete else []
    return [Pareto(axes[x], axes[y], values[:, [x, y]].tolist(), front, labels=labels) for x, y in pairs]


def _plate(found: ParetoCampaign) -> Candidates | None:
    """Items without any value, with the predictions of each target."""
    campaign = found.campaign
    waiting = campaign.pending
    if not waiting:
        return None
    table: dict[str, list[Any]] = {"item": [one.item for one in waiting], "round": [one.round for one in waiting]}
    foreseen = {(campaign.keys[one.item], one.target): one.predicted for one in campaign.journal.proposed}
    for name in found.targets:
        table[f"predicted_{name}"] = [foreseen.get((campaign.keys[one.item], name)) for one in waiting]
    table["source"] = [one.source for one in waiting]
    return plate_of(campaign.science, table, campaign.frame, campaign.settings.shown)
