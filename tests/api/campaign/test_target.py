"""A campaign has one target and one direction, and its journal knows them."""

import pytest

from sciencegen.api.campaign.journal_items import is_minimized, target_of
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import Entry, append, read_journal

MEASURED = Entry(1, "CCO", "measured", value=0.5, source="round1.csv", target="activity")


def read_target(requested, path):
    return target_of(requested, read_journal(path), path)


def read_minimized(requested, path):
    return is_minimized(requested, read_journal(path), path)


def test_the_target_is_that_of_the_journal_unless_it_has_none(tmp_path):
    path = tmp_path / "journal.csv"
    assert (read_target(None, path), read_target("yield", path)) == ("value", "yield")
    append(path, [Entry(1, "CCO", "measured", value=0.5)])  # as version 0.1 wrote it
    assert (read_target(None, path), read_target("yield", path)) == ("value", "yield")
    path.unlink()
    append(path, [MEASURED])
    assert read_target(None, path) == read_target("activity", path) == "activity"


def test_another_target_than_the_journal_s_is_refused(tmp_path):
    append(tmp_path / "journal.csv", [MEASURED])
    with pytest.raises(ConfigError, match="'activity', got 'yield'"):
        read_target("yield", tmp_path / "journal.csv")


def test_a_journal_of_two_targets_is_refused(tmp_path):
    path = tmp_path / "journal.csv"
    append(path, [MEASURED])
    path.write_text(path.read_text() + "1,CCN,measured,yield,,2,,,,,,lab.csv\n")
    with pytest.raises(DataError, match="activity, yield"):
        read_target(None, path)


@pytest.mark.parametrize("direction", ["", "maximize", "minimize"])
def test_the_direction_is_that_of_the_journal_s_plates(tmp_path, direction):
    path = tmp_path / "journal.csv"
    append(path, [MEASURED, Entry(1, "CCN", "proposed", predicted=0.4, target="activity", direction=direction)])
    assert read_minimized(False, path) == (direction == "minimize")
    if direction == "maximize":
        with pytest.raises(ConfigError, match="larger values to be better"):
            read_minimized(True, path)
    else:
        assert read_minimized(True, path)


def test_a_journal_without_the_column_knows_no_direction(tmp_path):
    path = tmp_path / "journal.csv"
    path.write_text("round,item,kind,target,value,value_sd,predicted,lower,upper,source\n1,CCN,proposed,a,,,1,0,2,x\n")
    append(path, [Entry(2, "CCO", "proposed", target="a", direction="minimize")])
    assert not read_minimized(False, path)


def test_another_direction_is_refused(tmp_path):
    path = tmp_path / "journal.csv"
    append(path, [Entry(1, "CCN", "proposed", target="a", direction="minimize")])
    path.write_text(path.read_text().replace("minimize", "lower"))
    with pytest.raises(DataError, match=r"maximize, minimize or nothing as direction in line 2 .*'lower'"):
        read_minimized(False, path)
