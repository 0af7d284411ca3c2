"""The items of a journal: by key, whatever their texts."""

import pytest

from sciencegen.api.campaign.journal_items import keys_of, latest_proposals, measurements_of, pending_entries
from sciencegen.api.science import domain_of
from sciencegen.errors import DataError
from sciencegen.optimization.journal import Entry, Journal

SCIENCE = domain_of("proteins")


def test_an_item_of_a_journal_that_cannot_be_read_is_named():
    assert keys_of("proteins", ["MKV", "MKV"], 1, "j.csv") == {"MKV": SCIENCE.items.key(SCIENCE.items.parse("MKV"))}
    with pytest.raises(DataError, match=r"j\.csv, found 'M1'"):
        keys_of("proteins", ["M1"], 1, "j.csv")


def test_a_journal_is_read_by_item_whatever_its_texts():
    proposed = [Entry(1, "MKV", "proposed"), Entry(1, "MAV", "proposed"), Entry(2, "mav", "proposed")]
    measured = [Entry(1, "MKV", "measured", 1.0), Entry(2, "mkv", "measured", 2.0), Entry(0, "MKL", "measured", 5.0)]
    journal, keys = Journal((*proposed, *measured)), {"MKV": "a", "mkv": "a", "MAV": "b", "mav": "b", "MKL": "c"}
    assert latest_proposals(journal, keys) == {"a": proposed[0], "b": proposed[2]}
    assert pending_entries(journal, keys) == [proposed[2]]
    found = [(one.text, one.value, one.replicates) for one in measurements_of(SCIENCE, journal, keys)]
    assert found == [("MKV", 1.5, 2), ("MKL", 5.0, 1)]
