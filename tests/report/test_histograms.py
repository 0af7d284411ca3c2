"""Histograms."""

import re

import numpy as np
import pytest

from sciencegen.report.comparisons import histogram, spans_decades


@pytest.mark.parametrize(
    ("low", "high", "named"), [(400, 60_000, {"1000", "3000", "10000"}), (2e3, 1e8, {"10000", "100000", "1000000"})]
)
def test_a_logarithmic_axis_has_plain_numbers(low, high, named):
    drawn = histogram("flux", [], np.geomspace(low, high, 200), unit="nJy")
    texts = [text.replace("\u202f", "") for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]
    assert named <= {*texts}
    assert "$" not in "".join(texts)


def test_what_spans_decades_has_a_logarithmic_axis():
    fluxes = np.geomspace(1e3, 1e5, 200)
    wide = histogram("flux", [2e3, 1e6], fluxes, unit="nJy")
    assert wide.count("10") > 2
    assert "1e6" not in wide
    assert spans_decades([fluxes.tolist()])
    assert not spans_decades([fluxes.tolist(), [0.0, 1.0]])
    assert not spans_decades([np.linspace(0.001, 1, 99).tolist()])  # near 0, but no tail
    assert not spans_decades([])
