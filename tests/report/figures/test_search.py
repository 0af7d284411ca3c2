"""The trace and the front of a search: curves are the table's, and no scored item lies beyond the front."""

import numpy as np
import pytest

from sciencegen.optimization.pareto import nondominated
from sciencegen.report.content import GoalAxis
from sciencegen.report.plots import AVERAGED, pareto_figure, trace_figure


def test_each_method_has_a_curve_that_begins_with_a_whole_mean():
    calls = np.arange(1, 41)
    trace = {"method": ["own"] * 40 + ["prior"] * 40, "call": [*calls, *calls], "top_10": [*calls / 40, *calls / 80]}
    lines = trace_figure(trace, "own").axes[0].lines
    assert [line.get_label() for line in lines] == ["own", "prior (control)"]
    for line, scale in zip(lines, (40, 80), strict=True):
        assert line.get_xdata().tolist() == list(range(AVERAGED, 41))
        assert np.allclose(line.get_ydata(), calls[AVERAGED - 1 :] / scale)


def test_a_short_search_has_a_curve_too():
    trace = {"method": ["own"] * 3, "call": [1, 2, 3], "top_10": [None, 0.1, 0.2]}
    axes = trace_figure(trace, "own").axes[0]
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axes.get_legend() is None


@pytest.mark.parametrize("x", ["maximize", "minimize"])
@pytest.mark.parametrize("y", ["maximize", "minimize"])
def test_no_feasible_item_is_beyond_the_steps_of_the_front(x, y):
    points = np.random.default_rng(0).normal(size=(300, 2))
    signs = np.array([1.0 if one == "maximize" else -1.0 for one in (x, y)])
    front = nondominated(points * signs)
    figure = pareto_figure(points, np.ones(300, bool), front, points[:0], (GoalAxis("a", "", x), GoalAxis("b", "", y)))
    (line,) = figure.axes[0].lines
    corners = line.get_path().vertices  # with the corners of the steps
    for corner in corners:
        assert not ((points - corner) * signs > 1e-12).all(1).any()


def test_axes_tell_units_directions_and_limits():
    goals = GoalAxis("logp", "", None, 1.0, 4.0), GoalAxis("mass_of_it", "g/mol", "minimize")
    points = np.array([[0.0, 300.0], [2.0, np.nan]])
    figure = pareto_figure(points, np.array([False, True]), np.zeros(2, bool), points[:1], goals)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("logp", "mass of it (g/mol), lower is better")
    assert sorted(line.get_xdata()[0] for line in axes.lines) == [1.0, 4.0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["misses a goal", "candidates"]
