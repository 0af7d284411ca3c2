"""The page of a journal with several targets."""

import pytest

from sciencegen.api.reports.campaign import (
    CampaignReportSettings,
    measured_items,
    pareto_campaign,
    pareto_facts,
    report_campaign,
)
from sciencegen.errors import DataError
from sciencegen.optimization.journal import Entry, append, read_journal

VALUES = {"MKA": (1.0, 5.0), "MKC": (2.0, 4.0), "MKD": (3.0, 1.0), "MKE": (1.0, 6.0)}
SETTINGS = CampaignReportSettings("proteins", threads=1)


def written(path, directions=("maximize", "minimize")):
    entries = [
        Entry(number, item, "measured", value, target=name)
        for number, (item, both) in enumerate(VALUES.items(), 1)
        for name, value in zip(("activity", "toxicity"), both, strict=True)
    ]
    entries += [Entry(2, "MKF", "measured", 9.0, target="activity")]
    entries += [
        Entry(5, "MKG", "proposed", predicted=1.5, target=name, direction=one)
        for name, one in zip(("activity", "toxicity"), directions, strict=True)
    ]
    append(path, entries, several=True)
    return path


def test_the_page_has_the_front_and_its_hypervolume_by_round(tmp_path):
    path = written(tmp_path / "journal.csv")
    figures = report_campaign(path, tmp_path / "page.html", SETTINGS)
    assert figures == {"measured": 5, "complete": 4, "front": 1, "rounds": 5, "hypervolume": 1.0, "pending": 1}
    found = pareto_campaign(path, read_journal(path), SETTINGS)
    assert found.volumes() == pytest.approx({1: 0.0, 2: 0.2, 3: 1.0, 4: 1.0})
    shown = measured_items(found)
    assert shown.items[0] == "MKD"
    assert [list(column.values) for column in shown.columns if column.name == "on the front"] == [[True, *[False] * 3]]
    assert [value for value, _, _ in pareto_facts(found)] == ["1", "1.00", "9", "1", "1"]
    page = (tmp_path / "page.html").read_text()
    assert "hypervolume" in page
    assert "1 of 4 candidates are on the front" in page


def test_the_page_of_one_of_the_targets_is_asked_for_by_name(tmp_path):
    path = written(tmp_path / "journal.csv")
    settings = CampaignReportSettings("proteins", target="toxicity", threads=1)
    assert report_campaign(path, tmp_path / "page.html", settings)["best"] == 1.0


def test_a_journal_that_does_not_say_what_is_better_is_refused(tmp_path):
    path = written(tmp_path / "journal.csv", directions=("", ""))
    with pytest.raises(DataError, match="Propose one with `goals`"):
        report_campaign(path, tmp_path / "page.html", SETTINGS)
