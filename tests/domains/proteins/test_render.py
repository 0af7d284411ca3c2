"""Pictures are SVG, deterministic, and fit in."""

import xml.etree.ElementTree as ElementTree

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.render import render
from tests.domains.proteins.examples import GB1


@pytest.mark.parametrize("length", [1, 7, 56, 263, 2000, 10_000])
@pytest.mark.parametrize("size", [(220, 160), (600, 90), (60, 300)])
def test_every_residue_lies_inside(length, size):
    picture = DOMAIN.render((GB1 * 200)[:length], *size)
    assert picture == DOMAIN.render((GB1 * 200)[:length], *size)
    root = ElementTree.fromstring(picture)
    assert root.attrib["width"] == f"{size[0]}px"
    boxes = [box.attrib for box in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert boxes
    assert max(float(box["x"]) + float(box["width"]) for box in boxes) <= size[0] + 0.2
    assert max(float(box["y"]) + float(box["height"]) for box in boxes) <= size[1] + 0.2


def test_letters_are_shown_where_there_is_room():
    root = ElementTree.fromstring(DOMAIN.render(GB1))
    assert "".join(text.text for text in root.iter("{http://www.w3.org/2000/svg}text")) == GB1
    assert "<text" not in DOMAIN.render(GB1 * 50)


def test_what_differs_from_a_reference_stands_out():
    picture = render("MKVLA-", reference="MKALAW")
    assert picture.count("stroke=") == 2
    assert render("MKVLA-").count("stroke=") == 0
    assert render("MKVLA", reference="MK").count("stroke=") == 0, "another length can't be compared"
