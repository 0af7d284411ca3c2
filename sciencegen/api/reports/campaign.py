"""The page of a campaign's journal: results by round, agreement with predictions, and pending items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.campaign.contents import Campaign, CampaignReportSettings, read_campaign, several_targets
from sciencegen.api.campaign.diagnosis import causes, diagnosis_notes, evidence
from sciencegen.api.campaign.history import contradictions
from sciencegen.api.reports.campaign_provenance import campaign_provenance
from sciencegen.api.reports.pareto_campaign import report_pareto
from sciencegen.api.reports.sites import plate_of
from sciencegen.api.science.letters import align, letters_of, picture
from sciencegen.items import NAME_COLUMN, Direction
from sciencegen.optimization.measurements import Measurement
from sciencegen.report import heat_map_content as heat_maps
from sciencegen.report.candidate_content import Candidates, Column
from sciencegen.report.content import Fact, ReportContent
from sciencegen.report.letters import changes_of, logo_of
from sciencegen.report.page import write_report
from sciencegen.report.round_content import Agreement, Rounds
from sciencegen.report.round_plots import inside
from sciencegen.report.site_content import Logo

FORETOLD = ("predicted", "lower", "upper")
REACH = 1.6449
"""Standard errors to either end of a 90% interval."""

BEST_SHARE, FEWEST = 0.1, 10
"""Share of the measured items, and smallest number, that a logo compares with all measured items."""


def report_campaign(journal: str | Path, page: str | Path, settings: CampaignReportSettings) -> dict[str, Any]:
    """Write the page of a journal and return its figures. A journal with several targets has one for all of them, and
    one for each if settings name it."""
    if (several := several_targets(journal, settings)) is not None:
        return report_pareto(Path(journal), several, page, settings)
    campaign = read_campaign(journal, settings)
    content = campaign_content(campaign)
    write_report(content, Path(page))
    best = campaign.measured[0].value
    figures = {"measured": len(campaign.measured), "rounds": campaign.journal.last_round, "best": best}
    if content.agreement is not None:
        figures["inside_interval"] = float(inside(content.agreement).mean())
    decided = [one.held for one in campaign.outcomes if one.held is not None]
    if decided:
        figures["forecasts_held"] = float(np.mean(decided))
    return {**figures, "pending": len(campaign.pending)}


def campaign_content(campaign: Campaign) -> ReportContent:
    """The complete content of the page."""
    settings, measured = campaign.settings, campaign.measured
    expected = agreement(campaign)
    sites, values = campaign.sites, [one.value for one in measured]
    letters = letters_of(campaign.science)
    maps = [] if sites is None or letters is None else heat_maps.of_items(
        letters, sites, values, settings.target, settings.direction
    )  # fmt: skip
    return ReportContent(
        title=f"{settings.domain}: {campaign.path.stem}",
        summary=f"{len(measured)} items measured up to round {campaign.journal.last_round}.",
        goals=[f"{settings.direction} {settings.target}"],
        facts=facts(campaign, expected),
        warnings=warnings(campaign),
        candidates=best_measured(campaign),
        plate=plate(campaign),
        rounds=rounds(campaign),
        agreement=expected,
        heat_maps=maps,
        logo=logo(campaign),
        provenance=campaign_provenance(campaign),
        headings={"candidates": "Best measured", "changes": "Which letter where", "plate": "Not measured yet"},
    )


def warnings(campaign: Campaign) -> list[str]:
    """Sentences on values that are no numbers, and replicates that contradict each other."""
    unread = (
        f"{campaign.unread} of the {len(campaign.pending)} items not measured yet stand in "
        f"{campaign.path.name}.rejects.csv with a value that is no number, such as a bound: they are not used."
    )
    apart = contradictions([campaign.name_of(key) for key in campaign.discordant])
    last = evidence(campaign.journal, campaign.keys, campaign.settings.minimize)
    poor = [f"{note[0].upper()}{note[1:]}." for note in diagnosis_notes(last, causes(last))]
    return [*_bounds(campaign.measured), *([unread] if campaign.unread else []), *apart, *poor]


def _bounds(measured: Sequence[Measurement]) -> list[str]:
    """A sentence on censored values."""
    bounds = [one.text_of_value for one in measured if one.limits is not None]
    if not bounds:
        return []
    return [
        f"{len(bounds)} of the {len(measured)} measured values are bounds, such as {bounds[0]}: tables and pictures "
        "show the number of the bound."
    ]


def facts(campaign: Campaign, expected: Agreement | None) -> list[Fact]:
    """The best value, how many items are measured, inside their predicted intervals, and not yet measured."""
    best = campaign.measured[0]
    made = [
        Fact(f"{best.value:.3g}", f"best {campaign.settings.target}", campaign.names[0][:60]),
        Fact(str(len(campaign.measured)), "measured", f"{len(campaign.journal.measured)} measurements"),
    ]
    if expected is not None:
        share = inside(expected)
        made.append(Fact(f"{100 * share.mean():.0f} %", "inside their 90 % interval", f"of {len(share)} predicted"))
    if campaign.pending:
        made.append(Fact(str(len(campaign.pending)), "not measured yet", "proposed"))
    return made + forecast_facts(campaign)


def forecast_facts(campaign: Campaign) -> list[Fact]:
    """The hits that are expected on a plate without a value, and how many earlier forecasts held."""
    found, past = [], campaign.outcomes
    if (last := campaign.forecast) is not None:
        sign = "at most" if campaign.settings.minimize else "at least"
        what = f"{sign} {last.threshold:.3g}, among {last.items}; {last.expected:.1f} expected"
        found.append(Fact(f"{last.lower} to {last.upper}", "hits to come (90 % interval)", what))
    decided = [one.held for one in past if one.held is not None]
    if decided:
        hits = ", ".join(str(one.hits) for one in past)
        found.append(Fact(f"{sum(decided)} of {len(decided)}", "forecasts of hits held", f"hits by plate: {hits}"))
    return found


def best_measured(campaign: Campaign) -> Candidates:
    """The best measured items with pictures and their earlier predictions."""
    settings, shown = campaign.settings, campaign.measured[: campaign.settings.shown]
    before = [campaign.foreseen.get(campaign.keys[one.text]) for one in shown]
    columns = [_column(settings.target, shown, settings.direction)]
    if campaign.names[: len(shown)] != [one.text for one in shown]:
        columns.insert(0, Column(NAME_COLUMN, campaign.names[: len(shown)]))
    if any(one.replicates > 1 for one in shown):
        columns.append(Column("replicates", [one.replicates for one in shown]))
    columns.append(Column("round", [one.round for one in shown]))
    if any(before):
        cells = {name: [None if one is None else vars(one)[name] for one in before] for name in FORETOLD}
        what = "what was expected of one measurement, with its 90 % interval"
        columns.append(
            Column("predicted", cells["predicted"], lower=cells["lower"], upper=cells["upper"], description=what)
        )
        columns.append(Column("source", [one.source if one else None for one in before]))
    pictures = [picture(campaign.science, one.item, campaign.frame) for one in shown]
    texts = [one.text for one in shown]
    return Candidates(texts, columns, pictures, total=len(campaign.measured), noun="measured items")


def _column(name: str, shown: Sequence[Measurement], direction: Direction) -> Column:
    """A column of means with 90 % intervals from their standard errors, if known, as predictions have."""
    values, errors = np.array([one.value for one in shown]), np.array([one.error for one in shown])
    known = np.isfinite(errors).any()
    lower, upper = ((values + way * REACH * errors).tolist() if known else () for way in (-1, 1))
    what = "mean, with its 90 % interval by its standard error (1.645 of them each way)"
    return Column(name, values.tolist(), "", lower, upper, direction=direction, description=what)


def rounds(campaign: Campaign) -> Rounds:
    """All measured items with their rounds, best first; items that the table doesn't show have row -1."""
    measured, settings = campaign.measured, campaign.settings
    return Rounds(
        settings.target, [one.round for one in measured], [one.value for one in measured], campaign.names,
        campaign.table_rows, direction=settings.direction,
    )  # fmt: skip


def agreement(campaign: Campaign) -> Agreement | None:
    """Measured items that had a prediction when they were proposed; None if there are none."""
    rows = []
    for name, table_row, one in zip(campaign.names, campaign.table_rows, campaign.measured, strict=True):
        before = campaign.foreseen.get(campaign.keys[one.text])
        if before is not None and None not in (before.predicted, before.lower, before.upper):
            rows.append((before.round, before.predicted, before.lower, before.upper, one.value, name, table_row))
    return Agreement(campaign.settings.target, *map(list, zip(*rows, strict=True))) if rows else None  # type: ignore[arg-type]


def plate(campaign: Campaign) -> Candidates | None:
    """Items not measured yet with their predictions, last round first; None if there are none."""
    waiting = campaign.pending
    if not waiting:
        return None
    sites = align(campaign.science, [one.item for one in waiting], campaign.frame)
    names = [] if sites is None else [changes_of(sites, row) for row in sites.rows]
    table: dict[str, list[Any]] = {"item": [one.item for one in waiting]}
    table |= {NAME_COLUMN: names} if any(names) else {}
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
