"""A panel is one element that is the same for the same name."""

import re

from sciencegen.report.canvas import Overlay, plot


def paint(axes):
    axes.plot([0, 1], [0, 1])
    return [
        Overlay([(0.5, 0.5)], "cloud", "var(--training)"),
        Overlay([(0, 0), (1, 1)], "candidate", labels=["a", "<b>"], rows=[3, -1]),
    ]


def test_equal_panels_are_equal_bytes_and_names_give_ids_of_their_own():
    one, again, other = plot("p", "P", paint), plot("p", "P", paint), plot("q", "P", paint)
    assert one == again
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, other)]
    assert not ids[0] & ids[1]


def test_points_of_a_cloud_are_one_path_and_marks_know_their_rows():
    svg = plot("p", "P", paint)
    assert svg.count("h0") == 1
    assert re.findall(r'data-row="(-?\d+)"', svg) == ["3", "-1"]
    assert "&lt;b&gt;" in svg


def test_a_description_is_the_alternative_text():
    assert 'aria-label="a &lt; b"' in plot("p", "a < b", lambda axes: None)


def test_labels_are_no_longer_than_their_axes():
    label = f"similarity to {'C' * 60}"
    svg = plot("p", "P", lambda axes: axes.set(xlabel=label, ylabel=label) and None, (6.0, 3.0))
    lengths = [len(text) for text in re.findall(r">(similarity to C+…?)<", svg)]
    assert sorted(lengths) == [42, len(label)]
