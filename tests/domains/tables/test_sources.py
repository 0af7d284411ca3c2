"""Tables in files as columns and records."""

import warnings

import pytest

from sciencegen.domains.tables.sources import open_source


def test_lost_letters_are_told_by_column(tmp_path):
    (tmp_path / "table.csv").write_bytes("x,city,name\n1,Köln,a\n2,Oslo,b\n".encode("latin-1"))
    with pytest.warns(UserWarning, match="letters in city are lost.*iconv -f latin1 -t utf-8 table.csv"):
        open_source(tmp_path / "table.csv")


def test_texts_that_count_as_missing_are_told(tmp_path):
    rows = ["None,1", "None,NA", "beer,3", ",4", "wine,5"]
    (tmp_path / "table.csv").write_text("drink,x\n" + "\n".join(rows) + "\n")
    with pytest.warns(
        UserWarning, match="2 cells of 'drink' in .* count as missing: 'None' 2 times. If one is"
    ) as told:
        source = open_source(tmp_path / "table.csv")
    notes = [one for one in told if one.category is UserWarning]
    assert len(notes) == 1, "a column of numbers has no such note"
    assert next(record for _, record in source.records()) == [None, 1]


def test_few_marks_among_many_texts_are_not_told(tmp_path):
    (tmp_path / "table.csv").write_text("drink\n" + "beer\nwine\n" * 100 + "-\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        open_source(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (range(1, 31), True),
        (range(30), True),
        (range(5, 35), False),
        ([*range(1, 30), 1], False),
        (range(2, 62, 2), False),
        ([f"a{row}" for row in range(30)], False),
    ],
)
def test_a_column_that_numbers_the_rows_is_told(tmp_path, values, told):
    (tmp_path / "table.csv").write_text("no,x\n" + "".join(f"{value},{len(str(value))}\n" for value in values))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        open_source(tmp_path / "table.csv")
        open_source(tmp_path / "table.csv", ["x"])  # a column that isn't learned has no note
    notes = [str(one.message) for one in found if one.category is UserWarning]
    assert [note.partition(" in ")[0] for note in notes] == ["'no'"] * told
    assert all("call it 'id' or leave it out" in note for note in notes)


def test_ids_number_rows_without_a_note(tmp_path):
    (tmp_path / "table.csv").write_text("id,x\n" + "".join(f"{row},{row % 7}\n" for row in range(30)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        open_source(tmp_path / "table.csv")
