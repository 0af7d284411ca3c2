"""Tables of measurements: rows with a value, and why others have none."""

import pytest

from sciencegen.api.campaign.history import read_measured
from sciencegen.api.science import domain_of
from sciencegen.config import RecordSettings
from sciencegen.errors import DataError
from sciencegen.optimization.journal import Entry

SCIENCE = domain_of("proteins")


def table_of(path):
    return read_measured(SCIENCE, path, "value", RecordSettings(threads=1))


def write(folder, text):
    path = folder / "lab.csv"
    path.write_text(text)
    return path


def test_values_errors_and_rounds_are_read_and_what_is_no_number_is_refused(tmp_path):
    path = write(tmp_path, "item,value,value_sd,round\nMKV,1.5,0.1,2\nMKL,n.d.,,\nMAV,2,-1,\nMAL,,,3\n")
    table = table_of(path)
    assert [(one.text, one.value, one.error, one.round) for one in table.rows] == [
        ("MKV", 1.5, 0.1, 2), ("MKL", None, None, None), ("MAV", 2.0, None, None), ("MAL", None, None, 3),
    ]  # fmt: skip
    assert [line for line, _, _ in table.refused] == [3, 4]
    assert table.unmeasured == 1
    entries = table.measured({table.rows[2].key: 7}, 0)
    assert [(one.item, one.round) for one in entries] == [("MKV", 2), ("MAV", 7)]
    assert [one.item for one in table.awaiting(set()).values()] == ["MAL"]


@pytest.mark.parametrize(
    ("cell", "read"),
    [(">5", (5.0, ">")), ('"≤ 0,1"', None), ("<= 0.1", (0.1, "<")), ("> five", None), ("007", None), ("7", (7.0, ""))],
)
def test_bounds_are_measurements_and_codes_are_not(tmp_path, cell, read):
    table = table_of(write(tmp_path, f"item,value\nMKV,1.5\nMKL,{cell}\n"))
    row = table.rows[1]
    assert (row.value, row.bound) == (read or (None, ""))
    assert [reason.endswith(": not recorded") for _, _, reason in table.refused] == [True] * (read is None)
    assert table.measured({}, 0)[1:] == [
        Entry(0, "MKL", "measured", *([read[0]] if read else []), source="lab.csv", bound=read[1]) for _ in [0] if read
    ]


def test_a_column_of_bounds_alone_is_read_and_decimal_commas_too(tmp_path):
    table = table_of(write(tmp_path, "item;value\nMKV;>1,5\nMKL;<0,5\n"))
    assert [(row.value, row.bound) for row in table.rows] == [(1.5, ">"), (0.5, "<")]
    assert "2 of the values are bounds, such as >1.5" in table.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item,valeu\nMKV,1\n", "valeu"),
        ("item,value\nMKV,\n", "all are empty"),
        ("item,value\nMKV,n.d.\n", "holds 'n.d.'"),
        ("item,value,value_lower,value_upper\nMKV,1,0,2\n", "as predictions have"),
    ],
)
def test_a_table_without_measured_values_says_what_it_has(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        table_of(write(tmp_path, text))
