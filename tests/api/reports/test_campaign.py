"""The figures of a campaign's page."""

import pytest

from sciencegen.api.reports.campaign import (
    CampaignReportSettings,
    agreement,
    best_measured,
    facts,
    plate,
    read_campaign,
    report_campaign,
    warnings,
)
from sciencegen.optimization.forecast import Forecast
from sciencegen.optimization.journal import Entry, append

JOURNAL = """round,item,kind,value,value_sd,predicted,lower,upper,source
0,MKV,measured,1.0,,,,,a.csv
1,MKL,proposed,,,2.0,1.0,3.0,pool
1,MKL,measured,5.0,,,,,b.csv
1,MAL,proposed,,,2.0,1.0,3.0,pool
1,MAL,measured,2.5,,,,,b.csv
2,MAV,proposed,,,4.0,3.5,5.0,pool
"""


@pytest.fixture
def campaign(tmp_path):
    (tmp_path / "journal.csv").write_text(JOURNAL)
    return read_campaign(tmp_path / "journal.csv", CampaignReportSettings("proteins", threads=1))


def test_only_items_with_a_prediction_are_held_against_it(campaign):
    found = agreement(campaign)
    assert len(found.measured) == 2
    assert warnings(campaign) == []
    assert plate(campaign).items == ["MAV"]


def test_the_page_says_what_its_figures_say(campaign, tmp_path):
    figures = report_campaign(campaign.path, tmp_path / "page.html", campaign.settings)
    assert figures == {"measured": 3, "rounds": 2, "best": 5.0, "inside_interval": 0.5, "pending": 1}
    assert [value for value, _, _ in facts(campaign, agreement(campaign))] == ["5", "3", "50 %", "1"]
    assert best_measured(campaign).items[0] == "MKL"


def test_the_page_says_what_was_forecast_and_how_it_did(tmp_path):
    path = tmp_path / "journal.csv"
    first, second = (Forecast(2.0, 2, 1.25, *ends, 1.0, 0.5).to_text() for ends in ((1, 2), (0, 1)))
    known = dict(target="value", direction="maximize")
    append(path, [
        Entry(1, "MKV", "measured", 1.0, **known),
        Entry(2, "MKL", "proposed", source="pool", forecast=first, **known),
        Entry(2, "MAL", "proposed", source="pool", **known),
        *(Entry(2, item, "measured", 2.5, **known) for item in ("MKL", "MAL")),
        Entry(3, "MAV", "proposed", source="pool", forecast=second, **known),
    ])  # fmt: skip
    campaign = read_campaign(path, CampaignReportSettings("proteins", threads=1))
    told = {label: value for value, label, _ in facts(campaign, agreement(campaign))}
    assert told["hits to come (90 % interval)"] == "0 to 1"
    assert told["forecasts of hits held"] == "1 of 1"
    assert report_campaign(path, tmp_path / "page.html", campaign.settings)["forecasts_held"] == 1.0
    append(path, [Entry(3, "MAV", "measured", 0.0, **known)])
    measured = read_campaign(path, CampaignReportSettings("proteins", threads=1))
    assert measured.forecast is None
    assert [one.held for one in measured.outcomes] == [True, True]
