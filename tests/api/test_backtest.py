"""backtest: rows of each campaign and round, fractions of the best value, and errors before anything runs."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.backtest import BACKTEST_COLUMNS, resolve_backtest
from sciencegen.api.propose import Bench
from sciencegen.config import BacktestSettings, ProposeSettings
from sciencegen.optimization.backtest import METHODS

LETTERS = "ACDEFGHIK"
FAST = dict(surrogate="gp", scale="linear", threads=1)
SMALL = dict(batch=6, rounds=2, repeats=2, **FAST)


def value_of(pair):
    return LETTERS.index(pair[0]) * 1.0 + (LETTERS.index(pair[1]) - 4) ** 2 / 4 + 1


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """All 81 pairs of nine letters at two sites, by sequence."""
    monkeypatch.chdir(tmp_path)
    pairs = list(itertools.product(LETTERS, repeat=2))
    found = pd.DataFrame({"item": [f"MK{a}{b}" for a, b in pairs], "value": list(map(value_of, pairs))})
    found.to_csv("table.csv", index=False)
    return found


def test_a_row_for_each_campaign_and_round(table):
    found = sg.backtest("proteins", "table.csv", **SMALL)
    assert list(found.table) == list(BACKTEST_COLUMNS)
    cases = [(method, repeat, number) for repeat in (1, 2) for method in METHODS for number in (1, 2)]
    assert list(found.table[["method", "repeat", "round"]].itertuples(index=False, name=None)) == cases
    assert set(found.table["best"]) <= set(table["value"] / table["value"].max())
    first = found.table[found.table["round"] == 1]
    assert (first.groupby("repeat")["best"].nunique() == 1).all()
    assert first["held"].isna().all()
    last = found.table[found.table["round"] == 2].set_index(["method", "repeat"])["best"]
    for method, statistics in found.summary["methods"].items():
        assert statistics["mean"] == pytest.approx(last[method].mean())
        assert statistics["worst"] == last[method].min()
    assert found.summary["methods"]["random"]["coverage"] is None
    assert 0 <= found.summary["methods"]["propose"]["coverage"] <= 1


def test_hits_are_counted_and_forecast(table):
    hit = float(table["value"].quantile(0.8))
    found = sg.backtest("proteins", "table.csv", hit=hit, **SMALL)
    first, second = (found.table[found.table["round"] == number] for number in (1, 2))
    assert first["hits"].notna().all()
    forecasts = ["hits_expected", "hits_low", "hits_high"]
    assert first[forecasts].isna().all(axis=None)
    modelled = second[second["method"] != "random"]
    assert (modelled["hits_low"] <= modelled["hits_expected"]).all()
    assert (modelled["hits_expected"] <= modelled["hits_high"]).all()
    for method, statistics in found.summary["methods"].items():
        rows = second[second["method"] == method]
        held = (rows["hits_low"] <= rows["hits"]) & (rows["hits"] <= rows["hits_high"])
        assert statistics["hits_coverage"] == (None if method == "random" else held.mean())
    everything = sg.backtest("proteins", "table.csv", hit=-1e9, methods="random", **SMALL).table
    assert set(everything["hits"]) == {SMALL["batch"]}


@pytest.mark.long
def test_same_seed_same_bytes_and_repeats_are_added():
    written = [
        sg.backtest("proteins", "table.csv", **{**SMALL, "repeats": 1, **change}).write(f"{name}.csv").read_text()
        for name, change in {"a": {}, "b": {}, "more": {"repeats": 2}, "other": {"seed": 1}}.items()
    ]
    assert written[0] == written[1] != written[3]
    assert written[2].startswith(written[0])


def test_methods_are_chosen(table):
    alone = sg.backtest("proteins", "table.csv", methods="random", **SMALL)
    among = sg.backtest("proteins", "table.csv", methods=["random", "propose"], **SMALL)
    rows = among.table[among.table["method"] == "random"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.table, rows)
    with pytest.raises(sg.ConfigError, match=r"Unknown method 'rondom'\. Did you mean 'random'"):
        sg.backtest("proteins", "none.csv", methods="rondom")


def test_plates_have_the_settings_of_propose():
    """Other settings than the defaults, one by one."""
    changes = dict(
        acquisition="ucb", surrogate="ensemble", scale="log", exploration=2.0, maximum_similarity=0.5,
        maximum_share=0.25, diversity=1.0, minimize=True, batch=5, rounds=7, seed=3,
    )  # fmt: skip
    for name, value in changes.items():
        plan = resolve_backtest(
            "proteins", "table.csv", BacktestSettings(**{"wild_type": "MKAA", "batch": 4, name: value})
        )
        given = {"wild_type": "MKAA", "rounds": 5, "batch": 4, name: value}
        proposing = Bench("proteins", ProposeSettings(**given))
        assert (plan.bench.batch, plan.bench.minimize) == (proposing.batch, proposing.minimize), name
        assert plan.landscape.minimize == proposing.minimize, name
        for number in (1, 2, 5):
            assert plan.bench.settings_of(number) == proposing.settings_of(number), name


def test_names_of_variants_and_replicates(table):
    """A table of names gives the campaigns of the sequences; the values of replicates are averaged."""
    names = [":".join(f"A{place}{one}" for place, one in ((3, a), (4, b)) if one != "A") or "WT"
             for _, _, a, b in table["item"]]  # fmt: skip
    named = pd.DataFrame({"mutant": names, "fitness": table["value"]})
    pd.concat([named.assign(fitness=named["fitness"] + 0.5), named.assign(fitness=named["fitness"] - 0.5)]).to_csv(
        "named.csv", index=False
    )
    plan = resolve_backtest("proteins", "named.csv", BacktestSettings(target="fitness", wild_type="MKAA", batch=6))
    measured = plan.landscape.measured
    assert [(one.text, one.value, one.replicates) for one in measured] == [
        (item, value, 2) for item, value in table.itertuples(index=False)
    ]
    found = sg.backtest("proteins", "named.csv", target="fitness", wild_type="MKAA", methods="random", **SMALL)
    same = sg.backtest("proteins", "table.csv", methods="random", **SMALL)
    pd.testing.assert_frame_equal(found.table, same.table)


def test_rows_that_can_t_be_read_are_left_out(table):
    strange = pd.DataFrame({"item": ["MKJ1", "MKAAA", "MKWW", "MKWY"], "value": ["1", "3", ">5", None]})
    pd.concat([table, strange]).to_csv("strange.csv", index=False)
    found = sg.backtest("proteins", "strange.csv", methods="random", wild_type="MKAA", **SMALL)
    assert (found.summary["items"], found.summary["refused"], found.summary["unmeasured"]) == (82, 2, 1)
    found.write("campaigns.csv")
    assert pd.read_csv("campaigns.csv.rejects.csv")["item"].tolist() == ["MKJ1", "MKAAA"]


@pytest.mark.parametrize(("batch", "remedy"), [(30, "`batch` 27"), (41, "`batch` 27")])
def test_too_few_rows_are_an_error(batch, remedy):
    with pytest.raises(
        sg.DataError, match=f"at least {3 * batch} different measured items in table.csv .* got 81"
    ) as told:
        sg.backtest("proteins", "table.csv", batch=batch, rounds=3)
    assert remedy in str(told.value)


def test_most_of_a_table_measured_is_noted():
    assert "each campaign measures 60 of 81 items" in sg.backtest(
        "proteins", "table.csv", methods="random", batch=30, rounds=2, repeats=1, threads=1
    ).notes[0]  # fmt: skip


@pytest.mark.parametrize(("shift", "minimize"), [(0, True), (-20, False), (0, False)])
def test_without_a_maximum_above_0_the_median_is_0(table, shift, minimize):
    table.assign(value=table["value"] + shift).to_csv("shifted.csv", index=False)
    found = sg.backtest("proteins", "shifted.csv", methods="random", minimize=minimize, **SMALL)
    values = table["value"].to_numpy() + shift
    zero = np.median(values) if minimize or shift else 0.0
    end = values.min() if minimize else values.max()
    assert (found.summary["zero"], found.summary["best_value"]) == (zero, end)
    possible = (values - zero) / (end - zero)
    assert all(np.isclose(possible, one).any() for one in found.table["best"])
    assert any("table's median" in note for note in found.notes) == bool(minimize or shift)


def test_molecules_that_nobody_would_propose_are_candidates():
    """They have been measured. A peroxide is implausible."""
    items = ["C" * n + end for n in range(1, 8) for end in ("OO", "N", "F")]
    pd.DataFrame({"smiles": items, "value": range(21)}).to_csv("molecules.csv", index=False)
    found = sg.backtest("molecules", "molecules.csv", methods="random", batch=7, rounds=3, repeats=1, threads=1)
    assert found.table["best"].iloc[-1] == 1
    assert found.summary["items"] == 21


def test_items_of_several_lengths(table):
    longer = pd.DataFrame({"item": ["MKAAA", "MKAAC"], "value": [1.0, 2.0]})
    pd.concat([table, longer]).to_csv("lengths.csv", index=False)
    found = sg.backtest("proteins", "lengths.csv", methods="greedy", **SMALL)
    assert found.summary["items"] == 83
    assert any("insertions or deletions" in note for note in found.notes)


def test_the_figure_has_a_curve_for_each_method():
    found = sg.backtest("proteins", "table.csv", methods=["propose", "random"], **SMALL)
    axes = found.plot_campaigns().axes[0]
    assert [line.get_label() for line in axes.lines[:2]] == ["propose", "random"]
    for line in axes.lines[:2]:
        own = found.table[found.table["method"] == line.get_label()]
        assert line.get_xdata().tolist() == [6, 12]
        assert line.get_ydata() == pytest.approx(own.groupby("round")["best"].mean())


def test_a_parquet_table_is_exact():
    found = sg.backtest("proteins", "table.csv", methods="random", **SMALL)
    found.write("campaigns.parquet")
    again = pd.read_parquet("campaigns.parquet")
    assert again["best"].tolist() == found.table["best"].tolist()
    assert Path("campaigns.parquet").exists()
