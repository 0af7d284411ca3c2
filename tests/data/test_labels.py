"""Labels of items by their names."""

import pytest

from sciencegen.data.tables import grouped, read_labels
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import DataError, UnknownNameError

NAMES = ["BLAT_ECOLX/24-286", "", "row17/3-9"]


def test_a_table_names_with_a_range_or_without(tmp_path):
    table = tmp_path / "clades.tsv"
    table.write_text("clade\tName\nA\trow17\nB\tBLAT_ECOLX/24-286\nC\n")
    assert read_labels(table) == ("clade", {"row17": "A", "BLAT_ECOLX/24-286": "B"})
    assert grouped(DOMAIN.items.labels, str(table), NAMES) == ("clade", ["B", "", "A"])


def test_what_names_tell_themselves():
    assert grouped(DOMAIN.items.labels, "taxon", NAMES) == ("taxon", ["ECOLX", "", ""])


def test_what_tells_nothing_is_said(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'taxon'"):
        grouped(DOMAIN.items.labels, "taxons", NAMES, ["mutations"])
    with pytest.raises(DataError, match="such as 'row17/3-9'; found none in 'taxon'"):
        grouped(DOMAIN.items.labels, "taxon", NAMES[1:])
    with pytest.raises(DataError, match="none has one: prepare the data again"):
        grouped(DOMAIN.items.labels, "taxon", ["", ""])
    (tmp_path / "odd.csv").write_text("sequence,clade\nMKV,A\n")
    with pytest.raises(DataError, match=r"Expected columns 'name' and a label in .*odd.csv, found sequence, clade"):
        grouped(DOMAIN.items.labels, str(tmp_path / "odd.csv"), NAMES)
