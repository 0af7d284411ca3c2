"""Heat maps and logos: each cell and each letter is that of the record, in strips of a page's width."""

import numpy as np
import pytest

from sciencegen.report.content import HeatMap, Logo
from sciencegen.report.letters import LOGO_STRIP, MAP_STRIP, heat_map_figure, heights, logo_figure

LETTERS = list("ACDE")


def heat_map(count: int) -> HeatMap:
    values = np.random.default_rng(0).normal(size=(4, count))
    values[0] = np.nan
    columns = [str(number) for number in range(29, 29 + count)]
    return HeatMap("score", LETTERS, columns, ["A"] * count, values.tolist(), unit="nats", centre_name="the wild type")


@pytest.mark.parametrize("count", [1, 20, MAP_STRIP, MAP_STRIP + 5])
def test_the_cells_are_those_of_the_record(count):
    record = heat_map(count)
    figure = heat_map_figure(record)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == -(-count // MAP_STRIP)
    cells = np.concatenate([np.ma.filled(axes.images[0].get_array(), np.nan) for axes in panels], 1)
    assert np.array_equal(cells[:, :count], np.asarray(record.values), equal_nan=True)
    assert np.isnan(cells[:, count:]).all()
    numbers = [label.get_text() for axes in panels for label in axes.get_xticklabels()]
    assert set(numbers) <= set(record.columns)
    assert figure.get_size_inches()[0] <= 7.2
    assert figure.axes[-1].get_ylabel() == "score (nats), 0 is the wild type"
    figure.draw_without_rendering()


@pytest.mark.parametrize("count", [1, 12, LOGO_STRIP + 3])
def test_stacks_are_as_high_as_their_bits(count):
    counts = np.random.default_rng(1).integers(0, 50, (count, 4)).astype(float)
    record = Logo(
        LETTERS, list(map(str, range(1, count + 1))), {"items": counts.tolist()}, classes={"x": "AC", "y": "DE"}
    )
    panels = logo_figure(record).axes
    patches = [patch for axes in panels for patch in axes.patches]
    drawn = sum(patch.get_path().get_extents().height for patch in patches)
    assert drawn == pytest.approx(heights(counts).sum())
    tops = [patch.get_path().get_extents().y1 for patch in patches]
    assert max(tops) == pytest.approx(heights(counts).sum(1).max())
    assert len({patch.get_facecolor() for patch in patches}) <= 2
