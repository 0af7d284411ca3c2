"""The journal only grows, holds each thing once, and survives whatever cut its last line."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.items import JOURNAL_COLUMNS
from sciencegen.optimization import journal as journals
from sciencegen.optimization.journal import Entry, append, read_journal

PROPOSED = Entry(2, "CCN", "proposed", predicted=0.4, lower=0.1, upper=0.7, source="mutation")
MEASURED = Entry(1, "CCO", "measured", value=0.1 + 0.2, value_sd=0.01, source="round1.csv")


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "folder" / "campaign.csv"
    odd = Entry(0, 'a,"b"', "measured", value=-1e-300, source="x, y.csv")
    assert append(path, [MEASURED, PROPOSED, odd]) == 3
    journal = read_journal(path)
    assert journal.entries == (MEASURED, PROPOSED, odd)
    assert (journal.measured, journal.proposed, journal.last_round) == ([MEASURED, odd], [PROPOSED], 2)


def test_a_column_of_names_is_for_people_and_old_journals_stay_as_they_are(tmp_path):
    named = Entry(1, "CCO", "measured", value=1.0, name="ethanol")
    append(tmp_path / "new.csv", [named], "mutant")
    append(tmp_path / "new.csv", [PROPOSED])  # by somebody who knows no names
    lines = (tmp_path / "new.csv").read_text().splitlines()
    assert lines[0].split(",")[:4] == ["round", "item", "mutant", "kind"]
    assert [line.split(",")[2] for line in lines[1:]] == ["ethanol", ""]
    assert read_journal(tmp_path / "new.csv").entries == (named, PROPOSED)
    append(tmp_path / "old.csv", [PROPOSED])
    append(tmp_path / "old.csv", [named], "mutant")
    assert (tmp_path / "old.csv").read_text().splitlines()[0] == ",".join(JOURNAL_COLUMNS)


def test_a_journal_has_one_target_and_old_ones_have_none(tmp_path):
    path, of_yield = tmp_path / "campaign.csv", Entry(1, "CCO", "measured", value=1.0, target="yield")
    append(path, [of_yield])
    append(path, [PROPOSED])  # by somebody who knows no target
    before = path.read_bytes()
    assert read_journal(path).targets == ["yield"]
    with pytest.raises(DataError, match="yield and activity"):
        append(path, [Entry(1, "CCC", "measured", value=2.0, target="activity")])
    assert path.read_bytes() == before
    append(tmp_path / "old.csv", [PROPOSED])
    append(tmp_path / "old.csv", [of_yield])
    assert read_journal(tmp_path / "old.csv").header == JOURNAL_COLUMNS
    assert read_journal(tmp_path / "old.csv").targets == []


def test_no_file_is_an_empty_journal(tmp_path):
    assert read_journal(tmp_path / "none.csv").entries == ()


def test_lines_that_are_there_stay_byte_for_byte(tmp_path):
    path = tmp_path / "campaign.csv"
    append(path, [MEASURED])
    before = path.read_bytes()
    append(path, [PROPOSED])
    assert path.read_bytes().startswith(before)
    assert [one.name for one in tmp_path.iterdir()] == ["campaign.csv"]  # nothing temporary is left


def test_adding_again_adds_nothing_but_replicates_count(tmp_path):
    path = tmp_path / "campaign.csv"
    twice = [MEASURED, MEASURED, PROPOSED, PROPOSED]
    assert append(path, twice) == 3  # two equal replicates, one proposal
    before = path.read_bytes()
    assert append(path, twice) == 0
    assert path.read_bytes() == before
    elsewhere = Entry(1, "CCO", "measured", value=MEASURED.value, value_sd=0.01, source="again.csv")
    assert append(path, [elsewhere]) == 1


@pytest.mark.parametrize("cut", [1, 5, 20, 45])
@pytest.mark.parametrize("cut_off", [PROPOSED, Entry(2, "CCCl", "measured", value=0.5, value_sd=4.25, source="a.csv")])
def test_a_last_line_that_was_cut_short_is_refused_by_its_number(tmp_path, cut, cut_off):
    path = tmp_path / "campaign.csv"
    append(path, [MEASURED, cut_off])
    whole = path.read_bytes()
    last = whole.splitlines()[-1]
    path.write_bytes(torn := whole[: len(whole) - len(last) - 1 + min(cut, len(last) - 12)])
    for use in (lambda: read_journal(path), lambda: append(path, [cut_off])):
        with pytest.raises(DataError, match=r"cells in line 3 of .*campaign.csv, found .*delete it and record"):
            use()
    assert path.read_bytes() == torn
    assert [one.name for one in tmp_path.iterdir()] == ["campaign.csv"]


def test_a_header_that_was_cut_short_is_refused_and_a_whole_one_is_a_journal(tmp_path):
    path = tmp_path / "campaign.csv"
    path.write_text(",".join(JOURNAL_COLUMNS)[:-3])
    with pytest.raises(DataError, match="Expected a journal with the columns"):
        read_journal(path)
    path.write_text(",".join(JOURNAL_COLUMNS))
    assert append(path, [MEASURED]) == 1
    assert read_journal(path).entries == (MEASURED,)


def test_a_last_line_without_its_line_feed_has_lost_no_number(tmp_path):
    path = tmp_path / "campaign.csv"
    append(path, [MEASURED, PROPOSED])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read_journal(path).entries == (MEASURED, PROPOSED)
    append(path, [Entry(3, "C", "proposed")])
    assert len(read_journal(path).entries) == 3


def test_a_spreadsheets_line_ends_and_columns_of_the_users_own_do_no_harm(tmp_path):
    path = tmp_path / "campaign.csv"
    header = ",".join(["note", *JOURNAL_COLUMNS])
    path.write_bytes(b"\xef\xbb\xbf" + f"{header}\r\nfine,1,CCO,measured,2,,,,,lab.csv\r\n".encode())
    append(path, [PROPOSED])
    assert [entry.item for entry in read_journal(path).entries] == ["CCO", "CCN"]
    assert "fine,1,CCO" in path.read_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,CCO,measured,,,,,,x", "a value, in line 2"),
        ("1,CCO,guessed,1,,,,,x", "found 'guessed'"),
        ("1,CCO,measured,high,,,,,x", "Expected a finite number or nothing as value in line 2"),
        ("1,CCO,measured,inf,,,,,x", "finite"),
        ("one,CCO,measured,1,,,,,x", "Expected a round"),
        ("²,CCO,measured,1,,,,,x", "Expected a round"),
        ("9" * 5000 + ",CCO,measured,1,,,,,x", "Expected a round"),
        ("1,CCO,measured,1,,,,x", "Expected 9 cells in line 2"),
    ],
)
def test_a_wrong_line_in_the_middle_is_named(tmp_path, line, message):
    path = tmp_path / "campaign.csv"
    path.write_text(f"{','.join(JOURNAL_COLUMNS)}\n{line}\n2,CCN,proposed,,,,,,\n")
    with pytest.raises(DataError, match=message):
        read_journal(path)


def test_another_table_is_no_journal(tmp_path):
    path = tmp_path / "round1.csv"
    path.write_text("item,value\nCCO,1\n")
    with pytest.raises(DataError, match="sciencegen record"):
        append(path, [MEASURED])
    assert path.read_text() == "item,value\nCCO,1\n"
    with pytest.raises(DataError, match="found a folder"):
        read_journal(tmp_path)


def test_an_item_of_two_lines_is_refused(tmp_path):
    with pytest.raises(DataError, match="one line each"):
        append(tmp_path / "campaign.csv", [Entry(1, "a\nb", "proposed")])
    assert not (tmp_path / "campaign.csv").exists()


def test_those_who_write_at_once_wait_for_each_other(tmp_path):
    path = tmp_path / "campaign.csv"
    entries = [Entry(1, f"item {number}", "proposed") for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda entry: append(path, [entry]), entries))
    assert sorted(entry.item for entry in read_journal(path).entries) == sorted(entry.item for entry in entries)


RECORDS = """
import fcntl, sys
from sciencegen.optimization.journal import Entry, append
fcntl.flock = lambda *_: None
for number in range(40):
    append(sys.argv[1], [Entry(1, f"{sys.argv[2]}{number}", "measured", value=float(number))])
"""


def test_two_processes_lose_no_line_where_flock_does_nothing(tmp_path):
    path = tmp_path / "campaign.csv"
    processes = [subprocess.Popen([sys.executable, "-c", RECORDS, str(path), name]) for name in "ab"]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert {entry.item for entry in read_journal(path).entries} == {f"{n}{i}" for n in "ab" for i in range(40)}


def test_a_line_added_before_the_rename_is_kept_where_no_lock_holds(tmp_path, monkeypatch):
    path = tmp_path / "campaign.csv"
    append(path, [MEASURED])
    other, write = Entry(1, "CCC", "measured", value=2.0), journals.atomic_write

    def beside(place):  # another node writes between our reading and our rename
        monkeypatch.setattr(journals, "atomic_write", write)
        append(path, [other])
        return write(place)

    monkeypatch.setattr(journals, "turn_at", nullcontext)
    monkeypatch.setattr(journals, "atomic_write", beside)
    assert append(path, [PROPOSED]) == 1
    assert read_journal(path).entries == (MEASURED, other, PROPOSED)


def test_a_pipe_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / "journal.csv")
    with pytest.raises(ConfigError, match="device or a pipe"):
        read_journal(tmp_path / "journal.csv")


@pytest.mark.parametrize(("old", "new"), [("target", "value"), (",0.30000000000000004,", ",3_0,")])
def test_edits_that_leave_a_value_open_are_errors(tmp_path, old, new):
    path = tmp_path / "campaign.csv"
    append(path, [Entry(1, "CCO", "measured", value=0.1 + 0.2, source="a.csv", target="kd")])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"different names|finite number"):
        read_journal(path)
