"""Logos: what a height stands for."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.report.letters import glyphs, heights, logo
from tests.report.example_sites import logo as logo_record


@pytest.mark.parametrize("letters", [4, 20])
def test_a_settled_column_tells_all_and_an_even_one_nothing(letters):
    """As many items as one likes: log2(s) bits, and 0."""
    settled, even = np.zeros(letters), np.full(letters, 1e9)
    settled[1] = 1e9
    tall = heights(np.stack([settled, even]))
    assert tall[0].sum() == pytest.approx(math.log2(letters), abs=1e-6)
    assert tall[1].sum() == pytest.approx(0, abs=1e-6)


def test_random_columns_tell_nothing_on_average():
    """The correction's law: without it, 20 items of 4 letters alike would tell 0.11 bits."""
    counts = np.random.default_rng(0).multinomial(20, np.full(4, 0.25), size=20_000)
    shares = counts / 20
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(1)
    assert (2 - entropy).mean() == pytest.approx(3 / (2 * math.log(2) * 20), rel=0.1)
    assert heights(counts).sum(1).mean() < 0.5 * (2 - entropy).mean()


def test_letters_share_a_stack_as_they_share_the_items():
    tall = heights(np.array([[30.0, 10.0, 0.0], [0.0, 0.0, 0.0]]))
    assert tall[0, 0] == pytest.approx(3 * tall[0, 1])
    assert (tall[0, 2], tall[1].sum()) == (0, 0)


def test_stacks_stand_on_the_floor_with_the_most_frequent_letter_on_top():
    (svg,) = logo(replace(logo_record(1), counts={"g": [[5.0, 90.0, 5.0]]}))
    found = re.findall(r'href="#glyph-(\d+)" transform="translate\([\d.]+ ([\d.]+)\) scale\(\d+ ([\d.]+)\)"', svg)
    bottoms, tall = ([float(one[index]) for one in found] for index in (1, 2))
    assert chr(int(found[-1][0])) == "B"
    assert bottoms[1:] == pytest.approx([bottoms[0] - sum(tall[: n + 1]) for n in range(len(tall) - 1)], abs=0.2)


def test_glyphs_fill_their_box():
    for shape in re.findall(r' d="([^"]+)"', glyphs("AIQW")):
        values = np.array([float(value) for value in re.findall(r"-?\d+\.\d+", shape)]).reshape(-1, 2)
        assert values.min(0) == pytest.approx([0, -1], abs=0.02)
        assert values.max(0) == pytest.approx([1, 0], abs=0.02)
