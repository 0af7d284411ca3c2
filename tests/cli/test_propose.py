"""propose and record: rounds continue from measurements, nothing is proposed twice, and wrong tables are errors."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pointclouds import DOMAIN, radius

from sciencegen.api.campaign.candidates import latent_moves
from sciencegen.api.models.folder import load_model
from sciencegen.api.propose import propose
from sciencegen.api.writing import writer as outputs
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import one_plate
from sciencegen.optimization.journal import read_journal
from tests.toy import write_clouds

FAST = (
    "--threads",
    1,
    "--settings",
    "{surrogate: gp, scale: linear, breeding: {children: 60, generations: 2, draws: 40}}",
)
BATCH = ("--batch", 8)


def measure(texts):
    return [radius(DOMAIN.items.parse(text)) for text in texts]


@pytest.fixture
def round_one(tmp_path):
    """40 clouds with their radius, the target."""
    table = pd.read_csv(write_clouds(tmp_path / "clouds.csv", 40))
    table = pd.DataFrame({"item": [DOMAIN.items.text(DOMAIN.items.parse(text)) for text in table["cloud"]]})
    table.assign(value=measure(table["item"])).to_csv("round1.csv", index=False)
    return table


def test_the_next_plate_is_new_predicted_and_better(cli, round_one):
    result = cli("propose", "pointclouds", "--measured", "round1.csv", *BATCH, *FAST, "-o", "round2.csv", "--json")
    assert result.code == 0, result.err
    table = pd.read_csv("round2.csv")
    assert list(table) == ["id", "item", "value", "round", "predicted", "lower", "upper", "source"]
    assert table["value"].isna().all()
    assert (table["round"] == 2).all()
    assert set(table["source"]) == {"mutation"}
    assert not set(table["item"]) & set(round_one["item"])
    assert ((table["lower"] <= table["predicted"]) & (table["predicted"] <= table["upper"])).all()
    assert np.mean(measure(table["item"])) > np.mean(measure(round_one["item"])) + 0.5
    summary = json.loads(result.out)
    assert (summary["round"], summary["proposed"], summary["measured"]) == (2, 8, 40)
    assert "fitting a model to 40 measured items\n" in result.err  # the first of its long steps


def test_same_seed_same_bytes(cli, round_one, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        flags = ("--measured", "round1.csv", *BATCH, *FAST, "--seed", seed, "-o", f"{name}.csv")
        assert cli("propose", "pointclouds", *flags).code == 0
    a, b, c = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_filled_plate_goes_back_as_it_is(cli, round_one):
    assert cli("propose", "pointclouds", "--measured", "round1.csv", *BATCH, *FAST, "-o", "round2.csv").code == 0
    plate = pd.read_csv("round2.csv")
    plate["value"] = measure(plate["item"])
    plate.loc[7, "value"] = np.nan  # the last one failed in the lab
    plate.to_csv("round2.csv", index=False)
    measured = ("--measured", "round1.csv", "--measured", "round2.csv")
    result = cli("propose", "pointclouds", *measured, *BATCH, *FAST, "-o", "round3.csv")
    assert result.code == 0, result.err
    assert "1 proposed item has no value yet and is not proposed again" in result.err
    third = pd.read_csv("round3.csv")
    assert (third["round"] == 3).all()
    assert not set(third["item"]) & {*round_one["item"], *plate["item"]}


def test_a_journal_carries_a_campaign_from_round_to_round(cli, round_one):
    assert cli("record", "pointclouds", "round1.csv", "--journal", "campaign.csv", "--round", 1).code == 0
    best = [max(measure(round_one["item"]))]
    for number in (2, 3):
        name = f"round{number}.csv"
        assert cli("propose", "pointclouds", "--journal", "campaign.csv", *BATCH, *FAST, "-o", name).code == 0
        plate = pd.read_csv(name)
        assert (plate["round"] == number).all()
        plate.assign(value=measure(plate["item"])).to_csv(name, index=False)
        done = cli("record", "pointclouds", name, "--journal", "campaign.csv", "--json")
        assert json.loads(done.out)["recorded"] == 8
        assert json.loads(done.out)["awaited"] == 0
        best.append(max(*measure(plate["item"]), best[-1]))
    assert best[0] < best[1] < best[2]
    entries = read_journal("campaign.csv").entries
    assert [entry.kind for entry in entries] == ["measured"] * 40 + (["proposed"] * 8 + ["measured"] * 8) * 2
    assert [entry.round for entry in entries] == [1] * 40 + [2] * 16 + [3] * 16
    assert len({entry.item for entry in entries}) == 56
    again = cli("record", "pointclouds", "round3.csv", "--journal", "campaign.csv", "--json")
    assert json.loads(again.out)["recorded"] == 0
    assert read_journal("campaign.csv").entries == entries


def test_measured_tables_join_the_journal(cli, round_one):
    flags = ("--measured", "round1.csv", "--journal", "campaign.csv", *BATCH, *FAST)
    assert cli("propose", "pointclouds", *flags, "-o", "a.csv").code == 0
    result = cli("propose", "pointclouds", *flags, "-o", "b.csv")
    assert "0 measurements for campaign.csv, 40 were there" in result.err
    assert not set(pd.read_csv("a.csv")["item"]) & set(pd.read_csv("b.csv")["item"])


def test_a_plate_that_got_lost_is_in_no_journal(cli, round_one, monkeypatch):
    measured = ("--measured", "round1.csv", "--journal", "campaign.csv", *BATCH, *FAST)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "plate.csv")

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_table", full)
        lost = cli("propose", "pointclouds", *measured, "-o", "plate.csv")
    assert (lost.code, lost.err.splitlines()[-1][:40]) == (2, "error: plate.csv: No space left on devic")
    assert not Path("campaign.csv").exists()
    assert cli("propose", "pointclouds", *measured, "-o", "plate.csv").code == 0
    journal = read_journal("campaign.csv")
    assert (len(journal.measured), len(journal.proposed)) == (40, 8)


def test_two_calls_do_not_choose_a_plate_for_one_journal_at_once(cli, round_one):
    measured = ("--measured", "round1.csv", "--journal", "campaign.csv", *BATCH, *FAST)
    with ThreadPoolExecutor(1) as other, one_plate("campaign.csv"):
        refused = other.submit(cli, "propose", "pointclouds", *measured, "-o", "a.csv").result()
        assert other.submit(cli, "record", "pointclouds", "round1.csv", "--journal", "campaign.csv").result().code == 0
    assert (refused.code, "campaign.csv to be free" in refused.err) == (2, True)
    assert not Path("a.csv").exists()
    with ThreadPoolExecutor(1) as other, one_plate("campaign.csv"):
        called = other.submit(propose, "pointclouds", "round1.csv", journal="campaign.csv", batch=2)
        with pytest.raises(ConfigError, match=r"campaign\.csv to be free"):
            called.result()
    assert cli("propose", "pointclouds", "--journal", "campaign.csv", *BATCH, *FAST, "-o", "a.csv").code == 0
    assert not list(Path().glob(".*lock"))


def test_a_plate_does_not_take_the_place_of_its_journal(cli, round_one):
    result = cli("propose", "pointclouds", "--measured", "round1.csv", "--journal", "j.csv", "-o", "./j.csv")
    assert (result.code, "another file for -o than the journal" in result.err) == (2, True)


@pytest.mark.parametrize("journal", [(), ("--journal", "campaign.csv")])
def test_rows_without_a_value_wait_whichever_table_holds_them(cli, round_one, journal):
    table = pd.read_csv("round1.csv")
    table.loc[[0, 20], "value"] = np.nan  # of either table one
    table[:20].to_csv("a.csv", index=False)
    table[20:].to_csv("b.csv", index=False)
    round_one.loc[[0, 20, *range(30, 40)]].to_csv("pool.csv", index=False)
    flags = ("--measured", "a.csv", "--measured", "b.csv", "--pool", "pool.csv", *BATCH, *FAST, *journal)
    result = cli("propose", "pointclouds", *flags, "-o", "plate.csv")
    assert "2 items of the measured tables have no value yet and are not proposed" in result.err
    assert "proposed item" not in result.err
    assert not Path("plate.csv").exists() or pd.read_csv("plate.csv").empty, "what waits was proposed again"


def test_a_torn_journal_is_refused_and_nothing_is_lost(cli, round_one, tmp_path):
    assert cli("record", "pointclouds", "round1.csv", "--journal", "campaign.csv").code == 0
    path = tmp_path / "campaign.csv"
    torn = path.read_bytes()[:-30]
    path.write_bytes(torn)
    for words in (
        ("propose", "pointclouds", *BATCH, *FAST, "-o", "round2.csv"),
        ("record", "pointclouds", "round1.csv"),
    ):
        result = cli(*words, "--journal", path)
        assert result.code == DataError.exit_code
        assert "cells in line 41 of" in result.err
    assert path.read_bytes() == torn
    assert not (tmp_path / "round2.csv").exists()


def test_measurements_none_of_which_can_be_used_are_an_error(cli, round_one, tmp_path):
    pd.DataFrame({"item": ["junk"] * 3, "value": [1.0, 2.0, 3.0]}).to_csv("wrong.csv", index=False)
    result = cli("propose", "pointclouds", "--measured", "wrong.csv", *BATCH, *FAST, "-o", "round2.csv")
    assert result.code == DataError.exit_code
    assert "3 rows that are refused, the first, 'junk'" in result.err
    assert not (tmp_path / "round2.csv").exists()


def test_replicates_are_averaged_and_bad_rows_are_listed(cli, round_one):
    rows = [*round_one["item"], *round_one["item"], "junk", round_one["item"][0]]
    errors = [0.1] * 80 + [0.1, -1]
    values = [*measure(round_one["item"]), *measure(round_one["item"]), 1.0, 2.0]
    pd.DataFrame({"item": rows, "value": values, "value_sd": errors}).to_csv("twice.csv", index=False)
    done = cli("record", "pointclouds", "twice.csv", "--journal", "campaign.csv", "--json")
    assert json.loads(done.out)["recorded"] == 81
    rejects = pd.read_csv("campaign.csv.rejects.csv")
    assert rejects["line"].tolist() == [82, 83]
    assert "expected 0 or more" in rejects["reason"][1]
    result = cli("propose", "pointclouds", "--journal", "campaign.csv", *BATCH, *FAST, "-o", "p.csv", "--json")
    assert json.loads(result.out)["measured"] == 40


def test_what_is_no_number_is_listed_and_an_empty_cell_is_unmeasured(cli, round_one):
    cells = ["1.5", "", ">5", "<0.1", "inf", "n.d.", "nan", "2.5"]
    errors = ["0.1", "", "", "", "", "", "", "low"]
    items = [f'"{text}"' for text in round_one["item"][: len(cells)]]
    rows = [",".join(row) for row in zip(items, cells, errors, strict=True)]
    Path("plate.csv").write_text("\n".join(["item,value,value_sd", *rows]) + "\n")
    result = cli("record", "pointclouds", "plate.csv", "--journal", "journal.csv", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["recorded"], summary["unmeasured"], summary["refused"]) == (4, 1, 4)
    rejects = pd.read_csv("journal.csv.rejects.csv")
    assert rejects["line"].tolist() == [6, 7, 8, 9]
    for cell, reason in zip([*cells[4:7], "low"], rejects["reason"], strict=True):
        assert f"'{cell}' in 'value" in reason
    assert pd.read_csv("journal.csv")["value"].tolist() == ["1.5", ">5.0", "<0.1", "2.5"]
    mended = [items[0] + ",1.5,0.1", items[2] + ",5.2,", items[7] + ",2.5,0.2"]
    Path("plate.csv").write_text("\n".join(["item,value,value_sd", *mended]) + "\n")
    result = cli("record", "pointclouds", "plate.csv", "--journal", "journal.csv", "--json")
    assert json.loads(result.out)["refused"] == 0
    assert not Path("journal.csv.rejects.csv").exists(), "nothing of the file is refused any more"


def test_a_pool_is_picked_from_within_its_cost_and_patterns(cli, round_one):
    pool = pd.read_csv(write_clouds(Path("pool.csv"), 200, seed=5))
    pool["price"] = np.where(np.arange(200) % 2 == 0, 1.0, 3.0)
    pool.to_csv("pool.csv", index=False)
    flags = ("--measured", "round1.csv", "--pool", "pool.csv", "--cost", "price", "--cost-limit", 12, "--keep", "right")
    result = cli("propose", "pointclouds", *flags, *BATCH, *FAST, "-o", "p.csv")
    table = pd.read_csv("p.csv")
    assert result.code in (0, 5), result.err
    assert table["price"].sum() <= 12
    assert set(table["source"]) == {"pool"}
    assert all(DOMAIN.moves.constraint(["right"], [])(DOMAIN.items.parse(text)) for text in table["item"])
    costly = ("--measured", "round1.csv", "--pool", "pool.csv", "--cost", "price", *BATCH, *FAST)
    assert "costs have no effect: thompson only keeps --cost-limit" in cli("propose", "pointclouds", *costly).err
    wrong = cli("propose", "pointclouds", "--measured", "round1.csv", "--pool", "pool.csv", "--cost", "prize", *FAST)
    assert wrong.code == 3
    assert "Expected a cost above 0 in 'prize'" in wrong.err


def test_a_model_brings_candidates_of_its_latent_space(cli, workspace, round_one):
    flags = ("--measured", "round1.csv", "--model", workspace.model, "--batch", 40, *FAST)
    result = cli("propose", "pointclouds", *flags, "-o", "p.csv", "--json")
    assert result.code == 0, result.err
    assert {"latent", "prior"} & set(json.loads(result.out)["sources"])
    first = cli("propose", "pointclouds", "--model", workspace.model, *BATCH, *FAST, "-o", "first.csv")
    table = pd.read_csv("first.csv")
    assert first.code == 0
    assert (table["round"] == 1).all()
    assert table["predicted"].isna().all()


def test_steps_in_the_latent_space_stay_near_the_parent(workspace, round_one):
    near, draw = latent_moves(load_model("pointclouds", workspace.model, "cpu", 1))
    parents = [DOMAIN.items.parse(text) for text in round_one["item"][:20]]
    children, strangers = near(parents, np.random.default_rng(0)), draw(20, np.random.default_rng(0))
    distance = lambda some: np.mean([np.abs(a - b).mean() for a, b in zip(parents, some, strict=True)])  # noqa: E731
    assert distance(children) < 0.7 * distance(strangers)


@pytest.mark.long
def test_a_plate_without_a_journal_waits_in_one_once_it_is_recorded(cli, round_one):
    assert cli("propose", "pointclouds", "--measured", "round1.csv", *BATCH, *FAST, "-o", "plate.csv").code == 0
    plate = pd.read_csv("plate.csv", dtype=object)
    plate["value"] = ["1", "", "n.d.", "0", "1", "0", "1", "2"]
    plate.to_csv("plate.csv", index=False)
    done = json.loads(cli("record", "pointclouds", "plate.csv", "--journal", "j.csv", "--json").out)
    assert (done["recorded"], done["unmeasured"], done["refused"], done["awaited"]) == (6, 1, 1, 2)
    again = json.loads(cli("record", "pointclouds", "plate.csv", "--journal", "j.csv", "--json").out)
    assert (again["recorded"], again["known"], again["awaited"]) == (0, 6, 2)
    flags = ("--measured", "round1.csv", "--journal", "j.csv", *BATCH, *FAST, "-o", "q.csv", "--json")
    assert json.loads(cli("propose", "pointclouds", *flags).out)["pending"] == 2
    plate.drop(columns="round").to_csv("library.csv", index=False)  # measured in part: nothing was proposed
    of_library = json.loads(cli("record", "pointclouds", "library.csv", "--journal", "other.csv", "--json").out)
    assert of_library["awaited"] == 0


def test_predictions_are_no_measurements(cli, round_one):
    pd.read_csv("round1.csv").assign(value_lower=0.0, value_upper=1.0).to_csv("candidates.csv", index=False)
    for verb in (
        ("record", "pointclouds", "candidates.csv"),
        ("propose", "pointclouds", "--measured", "candidates.csv"),
    ):
        wrong = cli(*verb, "--journal", "j.csv")
        assert wrong.code == 3
        assert "got some with value_lower and value_upper, as predictions have" in wrong.err


def test_items_to_begin_from_are_measured_first(cli, round_one):
    start = round_one["item"][0]
    assert cli("propose", "pointclouds", "--start", start, *BATCH, *FAST, "-o", "p.csv").code == 0
    table = pd.read_csv("p.csv")
    assert table["item"][0] == start
    assert table["source"].tolist() == ["start"] + ["mutation"] * 7


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        ((), 2, "Pass --measured, --journal, --pool, --also, --model or --start"),
        (("--measured", "none.csv"), 3, "Expected a table of measurements at none.csv, found nothing"),
        (("--measured", "round1.csv", "--target", "valeu"), 3, "Did you mean 'value'"),
        (
            ("--measured", "round1.csv", "--target", "id"),
            2,
            "Expected a --target beside a plate's own columns, got 'id'",
        ),
        (("--measured", "round1.csv", "--acquisition", "tompson"), 2, "Did you mean 'thompson'"),
        (("--measured", "round1.csv", "--surrogate", "gpp"), 2, "Did you mean 'gp'"),
        (("--measured", "round1.csv", "--space", "sites=1"), 2, "has no design space"),
        (("--measured", "round1.csv", "--cost-limit", "5"), 2, "Pass --pool"),
        (("--measured", "round1.csv", "--settings", "{breeding: {childs: 3}}"), 2, "Did you mean 'children'"),
        (("--measured", "round1.csv", "--keep", "up"), 2, "Unknown pattern"),
        (("--journal", "round1.csv"), 3, "Expected a journal with the columns"),
    ],
)
def test_errors_say_what_to_do(cli, round_one, flags, code, message):
    result = cli("propose", "pointclouds", *flags, "--threads", 1)
    assert result.code == code, result.err
    assert message in " ".join(result.err.split())


def test_what_waits_with_a_value_that_is_no_number_is_said(cli, round_one):
    values = ["n.d.", "", *measure(round_one["item"][2:])]
    round_one.assign(value=values).to_csv("round1.csv", index=False)
    result = cli("propose", "pointclouds", "--measured", "round1.csv", *BATCH, *FAST, "-o", "p.csv")
    assert "2 items of the measured tables have no value yet and are not proposed" in result.err
    assert "1 of the items without a value has an entry in the measured tables that is no number: it" in result.err


@pytest.mark.parametrize(("cell", "said"), [("", "all are empty"), ("n.d.", "isn't empty holds 'n.d.'")])
@pytest.mark.parametrize("source", ["plate.csv", "-"])
def test_a_plate_without_any_value_is_told_from_one_without_the_column(cli, round_one, source, cell, said):
    rows = [f'"{text}",{cell}' for text in round_one["item"][:4]]
    Path("plate.csv").write_text("\n".join(["item,value", *rows]) + "\n")
    result = cli("record", "pointclouds", source, "--journal", "journal.csv", stdin=Path("plate.csv").read_bytes())
    assert result.code == 3
    assert f"Expected values in column 'value' of {source}, no row has one yet" in result.err
    assert said in result.err
    assert not Path("journal.csv").exists()


def test_too_few_measurements_are_an_error(cli, round_one):
    pd.read_csv("round1.csv")[:2].to_csv("few.csv", index=False)
    result = cli("propose", "pointclouds", "--measured", "few.csv", *FAST)
    assert result.code == 3
    assert "at least 3 measured items" in result.err
    blank = pd.read_csv("round1.csv").assign(value="")
    blank.to_csv("blank.csv", index=False)
    result = cli("record", "pointclouds", "blank.csv", "--journal", "campaign.csv")
    assert result.code == 3
    assert "Fill in what was measured" in result.err


@pytest.mark.parametrize("name", ["escape", "Immune-Escape", "EVEscape", "escape:mine"])
def test_a_target_that_nothing_is_designed_for_is_refused_with_the_reason(cli, name):
    """Before any file is read, in every verb."""
    journal = ("--journal", "campaign.csv", "--target", name)
    for verb in (("propose", "proteins", "--measured", "none.csv"), ("record", "proteins", "none.csv")):
        result = cli(*verb, *journal)
        assert result.code == 2
        assert f"'{name}' can't be the target of a plate: escape from immunity is a risk to watch" in result.err
    assert not Path("campaign.csv").exists()


def test_python_gives_a_table(round_one):
    settings = dict(threads=1, batch=4, surrogate="gp", scale="linear", breeding={"children": 40, "generations": 1})
    found = propose("pointclouds", "round1.csv", **settings)
    assert len(found.table) == 4
    assert found.summary["round"] == 2
    assert found.table.attrs["summary"] == found.summary  # where it stood before version 0.2


def test_help_tells_the_defaults(cli):
    shown = " ".join(cli("propose", "--help").out.replace("│", " ").split())
    assert "Number of items on the plate. [default: 96]" in shown
    assert "the domain's usual names]" in shown
