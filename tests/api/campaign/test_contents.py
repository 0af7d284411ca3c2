"""The content of a campaign's journal, item by item."""

import pytest

from sciencegen.api.reports.campaign import CampaignReportSettings, read_campaign
from sciencegen.errors import ConfigError, DataError

HEAD = "round,item,kind,value,value_sd,predicted,lower,upper,source\n"
ROWS = (
    "0,MKVLAW,measured,1.0,,,,,a.csv\n0,MKVLAW,measured,2.0,,,,,a.csv\n0,MAVLAW,measured,0.5,,,,,a.csv\n"
    "1,MRVLAW,proposed,,,2.0,1.0,3.0,pool\n2,MRVLAW,proposed,,,4.0,1.0,5.0,pool\n1,MAVLAW,proposed,,,1.0,0.0,2.0,pool\n"
)


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.csv"
    path.write_text(HEAD + ROWS)
    return path


def test_replicates_are_averaged_and_the_best_stands_first(journal):
    for minimize, expected in ((False, [1.5, 0.5]), (True, [0.5, 1.5])):
        campaign = read_campaign(journal, CampaignReportSettings("proteins", minimize=minimize, threads=1))
        assert [one.value for one in campaign.measured] == expected


def test_the_last_proposal_of_an_item_counts_and_measured_ones_wait_no_more(journal):
    campaign = read_campaign(journal, CampaignReportSettings("proteins", wild_type="MKVLAW", threads=1, shown=1))
    assert [(one.item, one.round) for one in campaign.pending] == [("MRVLAW", 2)]
    assert campaign.foreseen[campaign.keys["MRVLAW"]].predicted == 4.0
    assert campaign.names[1] == "K2A"
    assert campaign.table_rows == [0, -1]


def test_a_journal_without_measurements_says_how_to_add_some(tmp_path):
    (tmp_path / "empty.csv").write_text(HEAD)
    with pytest.raises(DataError, match="sciencegen record"):
        read_campaign(tmp_path / "empty.csv", CampaignReportSettings("proteins"))


def test_the_target_is_that_of_the_journal(journal):
    assert read_campaign(journal, CampaignReportSettings("proteins", threads=1)).settings.target == "value"
    rows = journal.read_text().replace(",value,", ",target,value,", 1).replace("measured,", "measured,binding,")
    journal.write_text(rows.replace("proposed,", "proposed,binding,"))
    assert read_campaign(journal, CampaignReportSettings("proteins", threads=1)).settings.target == "binding"
    with pytest.raises(ConfigError, match="'binding', got 'yield'"):
        read_campaign(journal, CampaignReportSettings("proteins", "yield", threads=1))
