"""Charts: what is drawn of which group."""

import re

import numpy as np
import pytest

from sciencegen.report import comparisons
from sciencegen.report.canvas import COLOUR
from sciencegen.report.comparisons import FEWEST, OVER_CONTOURS, SHARES, contours_of, shares_within
from sciencegen.report.content import Axis, Chart, Line
from tests.report.example import chart as example

X, Y = Axis("residues"), Axis("radius", "Å")


def chart(record):
    return comparisons.chart(record, contours_of(record))


def test_a_chart_is_an_element_of_the_page():
    svg = chart(example())
    assert re.match(r'<svg viewBox="0 0 [\d.]+ [\d.]+" role="img" aria-label="[^"]+">', svg)
    assert not [colour for colour in COLOUR.values() if colour in svg]
    assert re.findall(r"#[0-9a-f]{6}", svg) == []
    assert svg == chart(example())
    assert ">angle (°)<" in svg
    for tick in ("−180", "−60", "0", "120"):
        assert f">{tick}<" in svg


def test_contours_are_nested_and_of_the_training_set():
    svg = chart(example())
    assert svg.count("var(--training)") == len(SHARES)
    assert len(set(re.findall(r"fill: var\(--training\); fill-opacity: ([\d.]+)", svg))) == len(SHARES)


def test_few_training_points_are_points():
    few = Chart("t", example().x, example().y, [], np.zeros((FEWEST - 1, 2)), contours=True)
    svg = chart(few)
    assert svg.count("h0") == FEWEST - 1
    assert contours_of(few) is None


@pytest.mark.parametrize(("outside", "contoured"), [(0, True), (1, True), (2, False), (30, False)])
def test_contours_hold_their_shares_or_are_left_out(outside, contoured):
    points = np.random.default_rng(0).uniform(0, 1, (100, 2))
    points[:outside] += 5
    record = Chart("t", Axis("a", low=0, high=1), Axis("b", low=0, high=1), points[:1], points, contours=True)
    assert (contours_of(record) is not None) == contoured
    assert ("fill-opacity" in chart(record)) == contoured


def test_candidates_with_labels_know_their_rows():
    record = Chart("t", X, Y, [(1, 2), (np.nan, 1), (3, 4)], [(0, 0)], [(5, 5)], ["a", "b", "c"])
    svg = chart(record)
    assert re.findall(r'data-row="(\d)" data-label="(\w)"', svg) == [("0", "a"), ("2", "c")]
    assert svg.count("h0") == 2


def test_axes_without_ends_hold_every_point_and_the_line():
    record = Chart("t", X, Y, [(50, 30)], [(10, 5)], [(1, 0)], ["a"], line=Line("law", [(0, 1), (60, 40)]))
    svg = chart(record)
    width, height = map(float, re.match(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    places = re.findall(r"M([\d.-]+) ([\d.-]+)h0", svg) + re.findall(r'cx="([\d.-]+)" cy="([\d.-]+)"', svg)
    assert len(places) == 3
    assert all(0 < float(x) < width and 0 < float(y) < height for x, y in places)
    assert "var(--ink)" in svg


def test_points_over_contours_are_thinned_but_all_are_counted():
    rng = np.random.default_rng(0)
    far, near = np.full((5000, 2), 170.0), rng.normal(0, 20, (5000, 2))
    record = Chart("t", example().x, example().y, far, rng.normal(0, 20, (4000, 2)), near, contours=True)
    assert chart(record).count("h0") == 2 * OVER_CONTOURS
    (draws, inside), (candidates, outside) = shares_within(record, contours_of(record))
    assert (draws, candidates) == ("draws", "candidates")
    assert inside == pytest.approx(SHARES[0], abs=0.02)
    assert outside == 0
