"""The state of a campaign: the journal, and entries of measured tables."""

import pytest

from sciencegen.api.campaign.history import read_histories
from sciencegen.api.campaign.notes import contradictions, without_value
from sciencegen.api.science import domain_of
from sciencegen.config import ProposeSettings
from sciencegen.optimization.journal import Journal, read_journal

HEAD = "round,item,kind,value,value_sd,predicted,lower,upper,source\n"


@pytest.fixture
def history_of(tmp_path):
    (tmp_path / "journal.csv").write_text(f"{HEAD}1,MKV,proposed,,,1,0,2,pool\n0,MKL,measured,0.5,,,,,a.csv\n")
    (tmp_path / "b.csv").write_text("item,value\nMKV,1.5\nMAV,\n")

    def read(journal, log=print):
        path = str(tmp_path / "journal.csv") if journal else None
        settings = ProposeSettings(measured=str(tmp_path / "b.csv"), journal=path, threads=1)
        entries = read_journal(path) if journal else Journal()
        return read_histories(domain_of("proteins"), settings, ["value"], False, entries, None, log)["value"]

    return read


def test_what_a_table_adds_belongs_to_the_round_that_proposed_it(history_of):
    said = []
    history = history_of(True, said.append)
    assert [(one.item, one.round, one.value) for one in history.new] == [("MKV", 1, 1.5)]
    assert history.next_round == 2
    assert "1 measurements for" in said[0]


def test_without_a_journal_each_table_is_a_round_and_nothing_joins(history_of):
    history = history_of(False)
    assert [(one.item, one.round, one.kind) for one in history.entries] == [
        ("MKV", 1, "measured"), ("MAV", 1, "proposed"),
    ]  # fmt: skip
    assert history.new == []


def test_items_that_contradict_themselves_are_counted_and_the_first_are_named():
    assert contradictions([]) == []
    (told,) = contradictions(list("abcdef"))
    assert told.startswith("Replicates of 6 measured items differ")
    assert "a, b, c, d, e ...." in told


@pytest.mark.parametrize("journal", [True, False])
def test_rows_that_no_plate_proposed_are_told_from_proposals_without_a_value(history_of, tmp_path, journal):
    (tmp_path / "b.csv").write_text("item,value,round\nMAV,,\nMKV,,\nMKA,n.d.,2\nMKC,1,\n")
    history = history_of(journal)
    keys = [history.keys[text] for text in (("MAV",) if journal else ("MAV", "MKV"))]
    assert history.unproposed == frozenset(keys), "a round, or the journal, says that an item was proposed"


@pytest.mark.parametrize(
    ("proposed", "listed", "told"),
    [
        (0, 0, []),
        (1, 0, ["1 proposed item has no value yet and is not proposed again"]),
        (0, 1, ["1 item of the measured tables has no value yet and is not proposed"]),
        (2, 3, ["2 proposed items have no value yet and are not proposed again",
                "3 items of the measured tables have no value yet and are not proposed"]),
    ],
)  # fmt: skip
def test_items_without_a_value_are_counted_by_where_they_come_from(proposed, listed, told):
    assert without_value(proposed, listed) == told
