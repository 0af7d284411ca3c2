"""Pictures of backbones: inside the frame, the same from any orientation, never a mirror image."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.render import RAINBOW, _view, render, render_alike
from tests.domains.proteins.backbones.examples import MIRROR, chains, helix, moved, random_backbone, random_chain

NUMBERS = re.compile(r"-?\d+\.\d+")
SIZES = [(220, 160), (60, 300)]


def outline(picture):
    return np.array([float(one) for path in re.findall(r' d="([^"]*)"', picture) for one in NUMBERS.findall(path)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("item", [chains()[0], random_chain(3, 120), backbone(random_backbone(40)), backbone(helix())])
def test_everything_lies_inside_the_frame(item, size):
    picture = render(item, *size)
    root = ElementTree.fromstring(picture)
    assert (root.attrib["width"], root.attrib["height"]) == (f"{size[0]}px", f"{size[1]}px")
    places = outline(picture).reshape(-1, 2)
    assert (places >= 0).all()
    assert (places <= size).all()
    letters = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert [one.text for one in letters] == ["N", "C"]
    assert all(0 <= float(one.attrib["x"]) <= size[0] and 0 <= float(one.attrib["y"]) <= size[1] for one in letters)


def test_a_picture_does_not_depend_on_the_orientation_but_on_the_hand():
    item = random_chain(1, 60)
    places = item.coordinates.astype(float)
    picture = outline(render(item))
    for seed in range(3):
        turned = outline(render(backbone(moved(places, seed))))
        np.testing.assert_allclose(turned, picture, atol=0.25)
    mirrored = outline(render(backbone(places * MIRROR)))
    assert len(mirrored) != len(picture) or abs(mirrored - picture).max() > 5


@pytest.mark.parametrize("seed", range(5))
def test_the_view_is_a_rotation_with_the_start_to_the_upper_left(seed):
    trace = random_chain(seed, 50).trace.astype(float)
    view = _view(trace)
    np.testing.assert_allclose(view.T @ view, np.eye(3), atol=1e-9)
    assert np.linalg.det(view) == pytest.approx(1)
    x, y, z = ((trace - trace.mean(0)) @ view).T
    assert x[0] < x[-1]
    assert y[0] > y[-1]
    assert np.std(x) >= np.std(y) >= np.std(z)


def colours(picture):
    found = re.findall(r'fill="#(\w{2})(\w{2})(\w{2})"', picture)
    return np.array([[int(channel, 16) for channel in one] for one in found])


def test_the_chain_is_coloured_from_blue_to_red():
    flat = random_chain(2, 60).coordinates.astype(float)
    found = colours(render(backbone(flat)))
    hues = (found[:, 0] - found[:, 2]) / np.maximum(found.max(1) - found.min(1), 1)
    assert hues.min() == pytest.approx(-1, abs=0.1)
    assert hues.max() == pytest.approx(1, abs=0.1)
    assert (RAINBOW[0].argmax(), RAINBOW[-1].argmax()) == (2, 0)


def test_what_is_near_is_drawn_last_and_less_pale():
    found = colours(render(backbone(helix(30)))).min(1)
    assert found[-6:].mean() < found[:6].mean()


def test_pictures_of_many_have_one_scale():
    small, large = backbone(helix(12)), backbone(helix(48))
    first, second = (outline(one).reshape(-1, 2) for one in render_alike([small, large]))
    assert np.ptp(second[:, 0]) / np.ptp(first[:, 0]) == pytest.approx(4, rel=0.1)
    assert render_alike([large, small])[0] == render(large)
    assert render_alike([]) == []
