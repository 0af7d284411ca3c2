"""Measurements that are no number: their items stay pending, and are counted."""

from sciencegen.api.campaign.journal_items import NOT_RECORDED, count_unread, rejected
from sciencegen.api.science import domain_of
from sciencegen.data.writers import write_rejects


def reason(column):
    return f"'>5' in '{column}', expected a finite number{NOT_RECORDED}"


def test_items_count_by_key_and_only_for_the_target():
    refused = [(2, "mkv", reason("value")), (3, "MAV", reason("other")), (4, "MAL", "no item")]
    waiting = [("MKV", ""), ("MAV", ""), ("MAL", "")]
    assert count_unread(domain_of("proteins"), waiting, refused, "value", None) == 1
    assert count_unread(domain_of("proteins"), waiting, [], "value", None) == 0


def test_names_count_too():
    assert count_unread(domain_of("proteins"), [("MKV", "A2K")], [(2, "A2K", reason("value"))], "value", None) == 1


def test_refusals_beside_a_journal_are_read_back(tmp_path):
    assert list(rejected(tmp_path / "j.csv")) == []
    write_rejects(tmp_path / "j.csv.rejects.csv", [(2, "MKV", "why, so")])
    assert list(rejected(tmp_path / "j.csv")) == [(0, "MKV", "why, so")]
    write_rejects(tmp_path / "j.csv.rejects.csv", [(2, "-1;=2", "why, so")])
    assert list(rejected(tmp_path / "j.csv")) == [(0, "-1;=2", "why, so")]
