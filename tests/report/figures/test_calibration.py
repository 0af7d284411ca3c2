"""Calibration: shares are those of the data, and one panel shows one condition."""

import numpy as np
import pytest

from sciencegen.report.content import CheckedPredictions
from sciencegen.report.plots import conditions_figure, predictions_figure


def predictions(count: int, width: float) -> CheckedPredictions:
    generator = np.random.default_rng(0)
    measured = generator.normal(size=count)
    predicted = measured + 0.3 * generator.normal(size=count)
    return CheckedPredictions(measured, predicted, predicted - width, predicted + width, 0.9)


@pytest.mark.parametrize("count", [1, 7, 25, 1000])
@pytest.mark.parametrize("width", [0.0, 0.5, 100.0])
def test_the_bins_hold_all_predictions(count, width):
    record = predictions(count, width)
    scatter, coverage = predictions_figure(record, "value").axes
    assert scatter.get_title(loc="left").startswith(f"n = {count}, ")
    assert sum(len(one.get_offsets()) for one in scatter.collections if hasattr(one, "get_sizes")) == count
    shares = coverage.containers[0].lines[0].get_ydata()
    assert len(shares) == max(1, min(8, count // 10))
    sizes = np.array([len(rows) for rows in np.array_split(np.arange(count), len(shares))])
    assert (shares * sizes).sum() / count == pytest.approx(record.inside.mean())
    assert coverage.get_title(loc="left") == f"all: {record.inside.mean():.1%}"


def test_each_condition_has_a_panel_with_its_unit():
    rows = [{"asked": x, "got": x + 1.0, "lower": x - 1.0, "upper": x + 2.0} for x in (3.0, 1.0, 2.0)]
    lost = {"asked": 9.0, "draws": 5, "got": float("nan")}
    figure = conditions_figure({"logp": rows, "tpsa": [*rows, lost], "qed": [lost]}, {"tpsa": "Å²"})
    assert [axes.get_xlabel() for axes in figure.axes] == ["requested logp", "requested tpsa (Å²)", "requested qed"]
    for axes in figure.axes[:2]:
        points = axes.containers[0].lines[0]
        assert points.get_xdata().tolist() == [1.0, 2.0, 3.0]
        assert points.get_ydata().tolist() == [2.0, 3.0, 4.0]
