"""The figures of a campaign's page."""

import pytest

from sciencegen.api.campaign.contents import CampaignReportSettings, read_campaign
from sciencegen.api.reports.campaign import agreement, campaign_content, plate, report_campaign, warnings

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
    content = campaign_content(campaign)
    assert [fact.value for fact in content.facts] == ["5", "3", "50 %", "1"]
    assert content.candidates.items[0] == "MKL"
