"""Items in common columns."""

from sciencegen.report.content import Change, Sites
from sciencegen.report.letters import changes_of


def test_items_without_columns_have_no_row_and_no_changes():
    sites = Sites(["MK", None, "MR"], ["24", "25"], "MK")
    assert [changes_of(sites, row) for row in sites.rows] == ["WT", "", "K25R"]
    assert changes_of(Sites(["MK"], ["24", "25"], ""), "MK") == ""


def test_changes_are_equal_by_their_site_and_letters():
    assert Change("K", 25, "R") == Change("K", 25, "R") != Change("K", 26, "R")
