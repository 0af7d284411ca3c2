"""The figure of replayed campaigns: lines are means, bands reach from the worst to the best campaign."""

import numpy as np

from sciencegen.report.plots import campaigns_figure


def test_lines_are_means_within_the_bands():
    best = {"propose": [(0.2, 0.6), (0.4, 1.0)], "random": [(0.2, 0.3), (0.4, 0.4)]}
    rows = [
        (method, number, 8 * number, value)
        for method, campaigns in best.items() for campaign in campaigns for number, value in enumerate(campaign, 1)
    ]  # fmt: skip
    names = ("method", "round", "measured", "best")
    figure = campaigns_figure(dict(zip(names, zip(*rows, strict=True), strict=True)), 0.9)
    axes = figure.axes[0]
    for line, band, campaigns in zip(axes.lines, axes.collections, best.values(), strict=False):
        assert line.get_xdata().tolist() == [8, 16]
        assert np.allclose(line.get_ydata(), np.mean(campaigns, 0))
        extent = band.get_paths()[0].vertices[:, 1]
        assert (extent.min(), extent.max()) == (np.min(campaigns), np.max(campaigns))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(best)
