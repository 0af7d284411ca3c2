"""Lines of the journal: an entry comes back from its line, with the target if the journal has a column for it."""

from pathlib import Path

import pytest

from sciencegen.items import JOURNAL_COLUMNS
from sciencegen.optimization.journal import Entry, entry_of, line_of, new_header, parse_header

ENTRY = Entry(3, 'a,"b"', "measured", value=0.1 + 0.2, source="x, y.csv", name="wt", target="yield, %")


@pytest.mark.parametrize("names", ["", "mutant"])
@pytest.mark.parametrize("target", ["yield, %", ""])
def test_an_entry_comes_back_from_its_line(names, target):
    header = parse_header(",".join(new_header(names, bool(target))), Path("journal.csv"))
    found = entry_of(line_of(ENTRY, header, names), header, "line 2")
    assert (found, found.target) == (ENTRY, target)
    assert header[-1] == JOURNAL_COLUMNS[-1] == "source"  # text, so that a truncated line has lost no digit of a number
