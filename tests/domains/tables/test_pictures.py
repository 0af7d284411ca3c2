"""Pictures of rows with arrays."""

import base64
import re
from xml.etree import ElementTree

import numpy as np
from matplotlib import image

from sciencegen.domains.tables.render import render
from tests.domains.tables.arrays_table import items


def test_a_row_is_an_svg_with_its_images_lines_and_cells():
    drawn = render(items()[0], 220, 160)
    ElementTree.fromstring(drawn)
    assert drawn.count("<image") == 1
    assert drawn.count("<path") == 2 + 1 + 3
    assert ">phase<" in drawn
    assert ">kind<" in drawn


def test_the_pixels_are_those_of_the_image(tmp_path):
    cell = [[0, 4, 1, 3, 0], [2, 4, 0, 0, 4], [4, 0, 2, 2, 1]]
    (content,) = re.findall('base64,([^"]+)', render({"x": cell}, 60, 60))
    (tmp_path / "a.png").write_bytes(base64.b64decode(content))
    pixels = image.imread(tmp_path / "a.png")[..., 0]
    np.testing.assert_allclose(pixels, np.array(cell) / 4, atol=0.01)


def test_a_gap_parts_a_line():
    (path,) = re.findall('<path d="([^"]+)"', render({"x": [1, 2, None, 4, 5]}, 60, 60))
    assert path.count("M") == 2
