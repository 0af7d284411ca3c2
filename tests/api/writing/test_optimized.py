"""Figures of a search from its own tables and goals."""

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.optimize import Optimized, SearchRecord
from sciencegen.errors import ConfigError
from sciencegen.items import Origin


def search(*goals: str) -> Optimized:
    values = np.random.default_rng(0).uniform(size=(50, 3))
    scored = pd.DataFrame(values, columns=["qed", "sa", "logp"])
    scored["feasible"] = scored["logp"] < 0.7
    trace = {"method": ["evolution"] * 2, "call": [10, 50], "top_10": [0.1, 0.5], "feasible": [1, 9]}
    summary = {"goals": list(goals), "method": "evolution"}
    record = SearchRecord("molecules", {}, trace, {}, [], summary, None, {}, Origin("optimize"))
    table = scored[scored["feasible"]].head(3)
    return Optimized(table, summary, trace=pd.DataFrame(trace), scored=scored, record=record)


def test_the_two_first_objectives_are_the_axes():
    figure = search("logp <= 0.7", "maximize qed", "minimize sa").plot_pareto()
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("qed, higher is better", "sa, lower is better")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["misses a goal", "meets all goals", "Pareto front", "candidates"]


def test_a_constraint_is_an_axis_with_its_limit_and_no_front():
    figure = search("maximize qed", "logp <= 0.7").plot_pareto()
    assert figure.axes[0].get_ylabel() == "logp"
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [0.7]
    other = search("maximize qed", "minimize sa", "logp <= 0.7").plot_pareto(y="qed")
    assert (other.axes[0].get_xlabel(), other.axes[0].get_ylabel()) == ("sa, lower is better", "qed, higher is better")


def test_one_goal_and_unknown_names_are_errors():
    with pytest.raises(ConfigError, match=r"two goals to plot, got qed only\. Use `plot_trace`"):
        search("maximize qed", "qed >= 0.5").plot_pareto()
    with pytest.raises(ConfigError, match="Did you mean 'logp'"):
        search("maximize qed", "logp <= 0.7").plot_pareto(x="logq")


def test_the_trace():
    assert search("maximize qed").plot_trace().axes[0].lines[0].get_ydata().tolist() == [0.1, 0.5]
