"""Figures look alike whatever the caller's settings are, and change none of them."""

import io

import matplotlib
import pytest

from sciencegen.report.plots import trace_figure

TRACE = {"method": ["a"] * 3, "call": [10, 20, 30], "top_10": [0.1, 0.2, 0.4]}


def drawn() -> bytes:
    stream = io.BytesIO()
    trace_figure(TRACE, "a").savefig(stream, format="png")
    return stream.getvalue()


def test_the_callers_style_is_neither_used_nor_changed():
    before = drawn()
    with matplotlib.rc_context({"lines.linewidth": 9.0, "axes.labelsize": 30.0}):
        assert drawn() == before
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_no_window_is_opened():
    from matplotlib import pyplot

    open_ones = pyplot.get_fignums()
    trace_figure(TRACE, "a")
    assert pyplot.get_fignums() == open_ones


def test_a_name_is_no_formula():
    figure = trace_figure({**TRACE, "method": ["$x^"] * 3}, "other")
    figure.savefig(io.BytesIO())  # an error where the name is parsed
    assert pytest.approx(figure.get_size_inches()[0]) == 3.5


def test_fonts_in_files_are_those_that_journals_take():
    figure = trace_figure(TRACE, "a")
    written = {}
    for kind in ("pdf", "svg"):
        stream = io.BytesIO()
        figure.savefig(stream, format=kind)
        written[kind] = stream.getvalue()
    assert b"/CIDFontType2" in written["pdf"]
    assert b"/Type3" not in written["pdf"]
    assert b"<text" in written["svg"]
    assert matplotlib.rcParams["pdf.fonttype"] == matplotlib.rcParamsDefault["pdf.fonttype"]
