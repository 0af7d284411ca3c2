"""A campaign has one target, and its journal knows it."""

import pytest

from sciencegen.api.campaign.target import target_of
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import Entry, append

MEASURED = Entry(1, "CCO", "measured", value=0.5, source="round1.csv", target="activity")


def test_the_target_is_that_of_the_journal_unless_it_has_none(tmp_path):
    path = tmp_path / "journal.csv"
    assert (target_of(None, path), target_of("yield", path)) == ("value", "yield")
    append(path, [Entry(1, "CCO", "measured", value=0.5)])  # as version 0.1 wrote it
    assert (target_of(None, path), target_of("yield", path)) == ("value", "yield")
    path.unlink()
    append(path, [MEASURED])
    assert target_of(None, path) == target_of("activity", path) == "activity"


def test_another_target_than_the_journal_s_is_refused(tmp_path):
    append(tmp_path / "journal.csv", [MEASURED])
    with pytest.raises(ConfigError, match="'activity', got 'yield'"):
        target_of("yield", tmp_path / "journal.csv")


def test_a_journal_of_two_targets_is_refused(tmp_path):
    path = tmp_path / "journal.csv"
    append(path, [MEASURED])
    path.write_text(path.read_text() + "1,CCN,measured,yield,2,,,,,lab.csv\n")
    with pytest.raises(DataError, match="activity, yield"):
        target_of(None, path)
