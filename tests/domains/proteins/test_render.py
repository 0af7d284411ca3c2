"""Pictures are SVG, deterministic, and fit in."""

import xml.etree.ElementTree as ElementTree

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.render import MOST_NAMED, render
from sciencegen.domains.proteins.variants import Reference, variant_name
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


def texts(picture: str) -> str:
    return " ".join(text.text for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("count", [1, 4, 12, MOST_NAMED])
@pytest.mark.parametrize("first", [1, 1000])
def test_changes_stand_there_by_name_and_inside(count, first):
    reference = Reference(GB1, first)
    variant = "".join("A" if place % 2 and place < 2 * count else letter for place, letter in enumerate(GB1))
    names = str(variant_name(reference, variant)).split(":")
    picture = DOMAIN.pictures.letters.render_against(variant, reference)
    words = texts(picture).split()[: 2 * len(names)]
    assert [wild + letter for wild, letter in zip(words[::2], words[1::2], strict=True)] == names
    boxes = [box.attrib for box in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}rect")]
    assert len(boxes) == 2 * len(names) + 1  # of each a box and a mark, and the line under the marks
    assert min(float(box["x"]) for box in boxes) >= 0
    assert max(float(box["x"]) + float(box["width"]) for box in boxes) <= 220
    assert max(float(box["y"]) + float(box["height"]) for box in boxes) <= 160


def test_many_changes_are_framed_and_another_length_is_no_reference():
    variant = "A" * (MOST_NAMED + 20) + GB1[MOST_NAMED + 20 :]
    framed = sum(one != two for one, two in zip(GB1, variant, strict=True))
    assert framed > MOST_NAMED
    assert render(variant, reference=Reference(GB1)).count("stroke=") == framed
    assert render(GB1, reference=Reference(GB1)).count("stroke=") == 0
    assert render(GB1, reference=Reference(GB1[:9])) == render(GB1)


def test_a_deletion_has_a_mark():
    assert "K4-" in texts(render(GB1.replace("K", "-", 1), reference=Reference(GB1))).replace(" ", "")
