"""Campaigns with several targets, from tables to journal, plate and page."""

from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.optimization.journal import read_journal

GOALS = ("maximize activity", "minimize toxicity")
OPTIONS = dict(wild_type="MKAA", space={"positions": "3-4"}, batch=4, surrogate="gp", scale="linear", threads=1)
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def activity(item):
    return LETTERS.index(item[2]) / 10


def toxicity(item):
    return LETTERS.index(item[3]) / 10 + 0.3 * LETTERS.index(item[2]) / 10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A table with a gap and a bound."""
    monkeypatch.chdir(tmp_path)
    items = [f"MK{LETTERS[i % 20]}{LETTERS[(7 * i) % 20]}" for i in range(20)]
    table = pd.DataFrame({
        "item": items, "activity": [f"{activity(one):.2f}" for one in items],
        "toxicity": [f"{toxicity(one):.2f}" for one in items],
    })  # fmt: skip
    table.loc[3, "toxicity"] = ""
    table.loc[19, "activity"] = ">1.8"
    table.to_csv("measured.csv", index=False)
    return tmp_path


@pytest.mark.long
def test_a_campaign_with_two_targets_goes_round(folder):
    plate = sg.propose("proteins", "measured.csv", goals=GOALS, journal="journal.csv", **OPTIONS)
    assert {"activity", "toxicity", "predicted_activity", "lower_toxicity"} <= set(plate.table)
    assert "feasible" not in plate.table
    assert (plate.summary["proposed"], plate.summary["measured"], plate.summary["candidates"]) == (4, 20, 380)
    assert 0 < plate.summary["hypervolume"] < 1
    plate.write("plate.csv")
    journal = read_journal("journal.csv")
    assert journal.targets == ["activity", "toxicity"]
    assert (len(journal.measured), len(journal.proposed)) == (39, 8)
    done = pd.read_csv("plate.csv", dtype=object)
    done["activity"] = [activity(one) for one in done["item"]]
    done.loc[1:, "toxicity"] = [toxicity(one) for one in done["item"][1:]]
    done.to_csv("done.csv", index=False)
    found = sg.record("proteins", "journal.csv", "done.csv", wild_type="MKAA").summary
    assert (found["recorded"], found["awaited"]) == (7, 0)
    assert sg.record("proteins", "journal.csv", "done.csv", wild_type="MKAA").summary["recorded"] == 0
    with pytest.raises(sg.DataError, match="Pass `goals` with all of them, such as 'maximize activity'"):
        sg.propose("proteins", journal="journal.csv", **OPTIONS)
    again = sg.propose("proteins", goals=(*GOALS, "activity >= 0.5"), journal="journal.csv", **OPTIONS)
    assert again.summary["measured"] == 24
    assert not set(again.table["item"]) & set(done["item"])
    assert again.table["feasible"].between(0, 1).all()


def test_an_equal_seed_gives_an_equal_plate_and_controls_are_on_it(folder):
    plates = [sg.propose("proteins", "measured.csv", goals=GOALS, controls=["WT"], **OPTIONS) for _ in range(2)]
    assert plates[0].table.equals(plates[1].table)
    assert plates[0].table["source"].tolist().count("control") == 1
    assert plates[0].table["predicted_activity"].notna().all()


def test_one_goal_is_a_target_and_its_direction(folder):
    named = sg.propose("proteins", "measured.csv", target="toxicity", minimize=True, journal="a.csv", **OPTIONS)
    asked = sg.propose("proteins", "measured.csv", goals="minimize toxicity", journal="b.csv", **OPTIONS)
    named.write("one.csv")
    asked.write("two.csv")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_a_first_plate_is_random_and_its_page_waits_for_values(folder):
    plate = sg.propose("proteins", goals=GOALS, journal="journal.csv", **OPTIONS)
    assert plate.table["predicted_activity"].isna().all()
    assert plate.summary["hypervolume"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"goals": GOALS, "target": "activity"}, "`goals` alone, got `target`"),
        ({"goals": GOALS, "minimize": True}, "`goals` alone, got `minimize`"),
        ({"goals": GOALS, "acquisition": "ucb"}, "no `acquisition` with several goals"),
        ({"goals": GOALS, "hit": 1.0}, "no `hit` with several goals"),
        ({"goals": ("activity >= 1", "toxicity <= 1")}, "an objective among the goals"),
        ({"goals": (*GOALS, "activity in domain")}, "goals on measured columns"),
        ({"goals": ("maximize activity", "minimize price")}, "found none of price"),
        ({"goals": ("maximize activity", "minimize source")}, "source"),
    ],
)
def test_goals_that_cannot_be_met_say_why(folder, options, said):
    with pytest.raises((sg.ConfigError, sg.DataError), match=said):
        sg.propose("proteins", "measured.csv", **{**OPTIONS, **options})


def test_several_columns_are_recorded_at_once_into_a_new_journal(folder):
    found = sg.record("proteins", "journal.csv", "measured.csv", target=("activity", "toxicity"), wild_type="MKAA")
    assert found.summary["recorded"] == 39
    assert "1 of the values are bounds, such as >1.8" in found.notes[0]
    with pytest.raises(sg.ConfigError, match="got 'price'"):
        sg.record("proteins", "journal.csv", "measured.csv", target="price", wild_type="MKAA")
