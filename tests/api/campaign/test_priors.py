"""Earlier measurements from tables and journals."""

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.campaign.history import EarlierMeasurements, is_journal
from sciencegen.optimization.journal import Entry, append
from tests.domains.proteins.examples import GB1

OPTIONS = dict(wild_type="MKAA", space={"positions": "3-4"}, batch=4, surrogate="gp", scale="linear", threads=1)
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def table(path, column, step):
    items = [f"MK{LETTERS[i % 20]}{LETTERS[(step * i) % 20]}" for i in range(20)]
    values = [LETTERS.index(one[2]) + 0.1 * LETTERS.index(one[3]) for one in items]
    pd.DataFrame({"item": items, column: values}).to_csv(path, index=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table("own.csv", "value", 7)
    table("other.csv", "binding", 3)
    return tmp_path


def test_a_table_and_a_journal_are_priors_and_the_plate_says_so(folder):
    append("old.csv", [
        Entry(1, f"MK{one}A", "measured", float(place), target="stability") for place, one in enumerate(LETTERS)
    ])  # fmt: skip
    plate = sg.propose("proteins", "own.csv", prior=["other.csv", "old.csv"], prior_target="binding", **OPTIONS)
    assert set(plate.summary["prior"]) == {"other.csv", "old.csv"}
    assert sum(note.startswith("prior ") for note in plate.notes) == 2
    assert (is_journal("old.csv"), is_journal("other.csv"), is_journal("none.csv")) == (True, False, False)


def test_a_first_plate_is_half_by_the_prior(folder):
    plate = sg.propose("proteins", prior="other.csv", prior_target="binding", **OPTIONS)
    assert "prior other.csv (20 items): it picked half of the plate" in plate.notes
    assert plate.table["predicted"].isna().all()


def test_without_a_prior_nothing_is_said_of_one(folder):
    assert "prior" not in sg.propose("proteins", "own.csv", **OPTIONS).summary


def test_items_of_another_length_are_counted(folder):
    longer = pd.DataFrame({"item": ["MKAAA", "MKAAC", "MKA"], "value": [1.0, 2.0, 3.0]})
    pd.concat([pd.read_csv("other.csv").rename(columns={"binding": "value"}), longer]).to_csv("more.csv", index=False)
    plate = sg.propose("proteins", "own.csv", prior="more.csv", **OPTIONS)
    (note,) = (note for note in plate.notes if note.startswith("prior "))
    assert note.startswith("prior more.csv (20 items; 3 left out, the first: MKAAA: 5 letters, ")


def test_items_that_differ_by_few_edits_are_used_whatever_their_length(folder):
    def deletions(count):
        return [GB1[:place] + GB1[place + count :] for place in range(0, 54, 2)]

    insertions = [GB1[:at] + "W" + GB1[at:] for at in range(0, 55, 2)]
    strange = [deletions(30)[0], GB1[::-1]]
    for name, items in (("insertions", insertions), ("shorter", [*deletions(2), *strange])):
        pd.DataFrame({"item": items, "value": range(len(items))}).to_csv(f"{name}.csv", index=False)
    pd.DataFrame({"item": [*deletions(1), *strange]}).to_csv("pool.csv", index=False)
    options = {"pool": "pool.csv", "batch": 4, "surrogate": "gp", "scale": "linear", "threads": 1}
    plate = sg.propose("proteins", "insertions.csv", prior="shorter.csv", **options)
    (note,) = (note for note in plate.notes if note.startswith("prior "))
    left_out = f"2 left out, the first: {strange[0]}: 26 residues, expected 36 to 76"
    assert note.startswith(f"prior shorter.csv (27 items; {left_out}): ")
    assert plate.summary["refused"] == 2
    assert [line for line, _, _ in plate.proposed.refused] == [29, 30]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prior": "other.csv"}, "value"),
        ({"prior": "none.csv"}, "none.csv"),
        ({"prior": "other.csv", "goals": ("maximize value", "value >= 1")}, "no `prior` with several goals"),
    ],
)
def test_priors_that_cannot_be_used_say_why(folder, options, said):
    with pytest.raises((sg.ConfigError, sg.DataError), match=said):
        sg.propose("proteins", "own.csv", **options, **OPTIONS)


def test_notes_tell_used_from_unused():
    priors = [EarlierMeasurements("a.csv", []), EarlierMeasurements("b.csv", [])]
    weights = {1: 0.5}
    assert [one.note(weights.get(place), place == 0, 10) for place, one in enumerate(priors)] == [
        "prior a.csv (0 items): not used, since its predictions don't follow what was measured",
        "prior b.csv (0 items): its predictions count with weight 0.50",
    ]
