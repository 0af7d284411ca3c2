import math
import re

import numpy as np
import pytest

from sciencegen.report.canvas import COLOUR, MAX_CLOUD
from sciencegen.report.comparisons import histogram, largest_groups, latent_map, value_range
from sciencegen.report.content import GoalAxis, SearchCurve
from sciencegen.report.plots import calibration, front_corners, pareto, trace

WEST, EAST = (GoalAxis("x", direction=way) for way in ("minimize", "maximize"))


def traced(*curves: SearchCurve) -> str:
    return trace("best", curves, "", "calls")


def plots() -> dict[str, str]:
    calls = np.arange(1, 20)
    return {
        "distribution": histogram("mass", [1.0, 2.5], [1.5, 3.0, 2.2], unit="kg", goal_range=(1.0, 2.0)),
        "map": latent_map([(0, 0), (1, 1)], [(0, 1), (2, 2)]),
        "pareto": pareto(EAST, WEST, [(0, 1), (1, 0)], [False, True]),
        "trace": traced(
            SearchCurve("search", calls, calls / 20), SearchCurve("chance", calls, calls / 40, control=True)
        ),
        "calibration": calibration("mass", [{"asked": 1, "got": 1.1}, {"asked": 2, "got": 2.2}], 0.2, "kg"),
    }


def front(points: np.ndarray, signs: np.ndarray) -> np.ndarray:
    scores = points * signs
    beaten = [((scores >= s).all(1) & (scores > s).any(1)).any() for s in scores]
    return ~np.array(beaten)


@pytest.mark.parametrize("name", plots())
def test_a_plot_is_an_element_of_the_page(name):
    svg = plots()[name]
    assert re.match(r'<svg viewBox="0 0 [\d.]+ [\d.]+" role="img" aria-label="[^"]+">', svg)
    for alien in ("<?xml", "<metadata", "<style", "xmlns", "xlink", "DejaVu", "http"):
        assert alien not in svg
    assert not [colour for colour in COLOUR.values() if colour in svg]
    assert re.findall(r"#[0-9a-f]{6}", svg) == []  # every colour is the page's, so that it follows light and dark
    assert len(svg) < 20_000


def test_units_stand_on_the_axes():
    assert ">mass (kg)<" in plots()["distribution"]
    assert ">mass asked (kg)<" in plots()["calibration"]


def test_marks_know_their_row_and_skip_points_that_are_not_numbers():
    svg = latent_map([(0, 0), (math.nan, 1), (2, 2)], labels=["a", "b", "c"])
    assert re.findall(r'data-row="(\d)" data-label="(\w)"', svg) == [("0", "a"), ("2", "c")]


def test_marks_lie_on_the_axes_ticks():
    """The overlay's coordinates are matplotlib's: a point at (1, 1) lies on the grid lines of 1."""
    svg = pareto(EAST, EAST, [(0, 0), (1, 1), (2, 2)], [False, False, True])
    x, y = map(float, re.search(r'cx="([\d.]+)" cy="([\d.]+)" r="3.4" data-row="1"', svg).groups())
    vertical = [float(m) for m in re.findall(r'd="M([\d.]+) [\d.]+L\1 [\d.]+', svg)]
    horizontal = [float(m) for m in re.findall(r'd="M[\d.]+ ([\d.]+)L[\d.]+ \1["z]', svg)]
    assert min(abs(x - line) for line in vertical) <= 0.11
    assert min(abs(y - line) for line in horizontal) <= 0.11


def test_big_clouds_are_thinned():
    cloud = np.random.default_rng(0).normal(size=(50_000, 2))
    svg = latent_map([(0, 0)], cloud)
    assert MAX_CLOUD / 2 < svg.count("h0") <= MAX_CLOUD
    assert len(svg) < 100_000


@pytest.mark.parametrize("x", [WEST, EAST])
@pytest.mark.parametrize("y", [WEST, EAST])
def test_the_staircase_is_the_set_that_no_point_beats(x, y):
    points = np.random.default_rng(1).normal(size=(60, 2)).round(1)
    expected = np.unique(points[front(points, np.array([x.sign, y.sign]))], axis=0)
    stairs = front_corners(points, x, y)
    assert np.array_equal(np.unique(stairs, axis=0), expected)
    assert (np.diff(stairs[:, 0]) > 0).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: histogram("x", [], []),
        lambda: histogram("x", [3.0], [3.0, 3.0]),
        lambda: histogram("x", [math.nan], [1, 2, 3], goal_range=(None, None)),
        lambda: histogram("x", [1e-300, 1e300], [5.0]),
        lambda: latent_map([]),
        lambda: pareto(EAST, EAST, [], []),
        lambda: pareto(EAST, EAST, [(math.nan, 1)], [True]),
        traced,
        lambda: traced(SearchCurve("c", [], [])),
        lambda: calibration("x", []),
    ],
)
def test_too_little_to_plot_is_still_a_plot(make):
    assert make().startswith("<svg")


def test_values_colour_the_map_from_the_lowest_to_the_highest():
    points, values = [(n, n) for n in range(101)], [*range(100), math.nan]
    svg = latent_map([(0, 0)], points, values=values, value_name="mass")
    shades = re.findall(r"stroke:color-mix\(in oklab,var\(--scale-high\) (\d+)%", svg)
    assert (shades[0], shades[-1]) == ("0", "100")
    assert shades == sorted(shades, key=int)
    assert svg.count("h0") == 101
    assert svg.count("stroke:var(--training)") == 1  # what has no value stays grey
    assert "coloured by mass" in svg


@pytest.mark.parametrize("values", [(), [1.0, 1.0], [math.nan, math.nan]])
def test_a_map_without_different_values_is_grey(values):
    assert "scale-high" not in latent_map([(0, 0)], [(0, 0), (1, 1)], values=values, value_name="mass")
    assert value_range(values) is None


def test_groups_colour_the_map_the_largest_first():
    groups = [*"aab", "", *(f"g{number}" for number in range(6)), "b", "a"]
    svg = latent_map([(0, 0)], [(n, n) for n in range(len(groups))], groups=groups, value_name="clade")
    assert largest_groups(groups) == [("a", 3), ("b", 2), ("g0", 1), ("g1", 1), ("g2", 1), ("g3", 1)]
    clouds = re.findall(r'd="([^"]*)"[^>]*stroke:var\(--([\w-]+)\)', svg)
    counts = [(stroke, path.count("h0")) for path, stroke in clouds]
    assert counts == [("training", 3), *((f"series-{place}", n) for place, n in enumerate([3, 2, 1, 1, 1, 1], 1))]
    assert "coloured by clade" in svg
