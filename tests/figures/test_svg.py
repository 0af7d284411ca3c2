"""Pictures of each domain become vectors of matplotlib."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path
from rdkit import Chem

from sciencegen.domains.molecules.items import render as molecule_picture
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.render import render as backbone_picture
from sciencegen.domains.proteins.render import render as sequence_picture
from sciencegen.domains.tables.render import render as row_picture
from sciencegen.errors import ConfigError
from sciencegen.figures.svg import draw_svg, path_of
from tests.domains.proteins.backbones.examples import helix


def drawn(picture: str, points: float = 0.5) -> Axes:
    axes = Figure().add_subplot()
    draw_svg(axes, picture, points)
    return axes


def framed(elements: str) -> str:
    return f'<svg viewBox="0 0 20 10">{elements}</svg>'


def test_a_path_keeps_its_places_and_curves():
    path = path_of("M1,2L3 4 5,-6.5Q0 0 1e1 .5C1 1 2 2 3 3z")
    assert path.vertices[:4].tolist() == [[1, 2], [3, 4], [5, -6.5], [0, 0]]
    assert path.vertices[4].tolist() == [10, 0.5]
    assert path.codes.tolist() == [1, 2, 2, *2 * [Path.CURVE3], *3 * [Path.CURVE4], Path.CLOSEPOLY]


def test_elements_inherit_from_groups_and_sizes_follow_the_scale():
    axes = drawn(framed(
        '<title>x</title><g stroke="#f00" fill="none" stroke-width="4"><rect x="1" y="2" width="3" height="4"/>'
        '<circle cx="5" cy="6" r="2" style="fill:#0000ff;stroke:none;fill-opacity:0.5"/></g>'
        '<g font-size="8" text-anchor="middle"><text x="3" y="4">$A</text></g>'
    ))  # fmt: skip
    box, disc = axes.patches
    assert (box.get_edgecolor(), box.get_facecolor(), box.get_linewidth()) == ((1, 0, 0, 1), (0, 0, 0, 0), 2.0)
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((1, 2), 3, 4)
    assert (disc.get_facecolor(), disc.get_linewidth()) == ((0, 0, 1, 0.5), 0)
    text = axes.texts[0]
    assert (text.get_text(), text.get_fontsize(), text.get_ha(), text.get_va()) == ("$A", 4, "center", "baseline")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 20), (10, 0))


def test_a_line_joins_its_ends():
    line = drawn(framed('<line x1="1" y1="2" x2="3" y2="4" stroke="#f00" opacity="0.5"/>')).patches[0]
    assert (line.get_path().vertices.tolist(), line.get_alpha()) == ([[1, 2], [3, 4]], 0.5)


def test_a_molecule_has_the_bonds_and_letters_of_its_picture():
    picture = molecule_picture(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"), 180, 140)
    axes = drawn(picture)
    assert len(axes.patches) == picture.count("<path") > 13
    ends = np.concatenate([patch.get_path().vertices for patch in axes.patches])
    assert ((ends >= 0) & (ends <= [180, 140])).all()
    assert {patch.get_edgecolor()[:3] for patch in axes.patches} == {(0, 0, 0), (1, 0, 0)}


def test_a_sequence_is_drawn_as_letters():
    axes = drawn(sequence_picture("MKVLAT", 180, 140))
    assert [text.get_text() for text in axes.texts] == list("MKVLAT")


def test_a_backbone_is_a_ribbon_with_both_ends_named():
    axes = drawn(backbone_picture(backbone(helix()), 180, 140))
    assert [text.get_text() for text in axes.texts] == ["N", "C"]
    filled, edges = axes.patches[::2], axes.patches[1::2]
    assert len(filled) == len(edges) > 5
    assert all(patch.get_path().codes[-1] == Path.CLOSEPOLY for patch in filled)
    assert all(patch.get_facecolor()[3] == 0 for patch in edges)


def test_arrays_are_lines_and_pixels():
    values = np.random.default_rng(0)
    row = {"series": values.random((30, 2)).tolist(), "image": values.random((4, 8)).tolist(), "x": 1.5, "name": "<a>"}
    axes = drawn(row_picture(row, 180, 140))
    assert len(axes.patches) == 2
    left, right, bottom, top = axes.images[0].get_extent()
    assert (right - left) == pytest.approx(2 * (bottom - top))  # square pixels
    assert [text.get_text() for text in axes.texts] == ["x", "1.5", "name", "<a>"]


@pytest.mark.parametrize(
    "element",
    [
        '<path d="M0 0 l1 1"/>', '<path d="M0 0 Q1 1"/>', '<ellipse rx="1" ry="2"/>', '<g transform="scale(2)"/>',
        '<rect fill="url(#a)"/>', '<image href="picture.png"/>', '<image href="data:image/png;base64,AAAA"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>', "<path/>", "<g>",
    ],
)  # fmt: skip
def test_what_can_not_be_drawn_is_named(element):
    with pytest.raises(ConfigError, match=r"Expected a picture of <path>, <line>.*`draw` writes such pictures as SVG"):
        drawn(framed(element))
