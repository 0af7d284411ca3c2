"""Pictures of items in one image, and plots of latent maps."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from sciencegen.domains.galaxies.render import png
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.latent.drawing import HEIGHT, MOST_GROUPS, WIDTH, caption, grid, pictures_figure
from sciencegen.latent.explorer import LatentSpace
from tests.toy.models import latent_space, untrained

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" viewBox="0 0 9 9"><circle r="3"/></svg>'
PIXEL = f"data:image/png;base64,{b64encode(png(np.full((1, 1, 1), 9, np.uint8))).decode()}"


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return replace(latent_space(*untrained()), render=lambda item, width, height: PICTURE)


def test_a_figure_has_empty_axes_for_an_item_without_a_picture():
    image = f'<img width="80" height="60" alt="galaxy" src="{PIXEL}">'
    figure = pictures_figure([PICTURE, "", image], ["a", "$none$", "x" * 60], 2)
    assert [len(axes.get_children()) - len(Figure().add_subplot().get_children()) for axes in figure.axes] == [2, 1, 2]
    assert figure.axes[2].images[0].get_extent() == [60, 120, 100, 40]  # square pixels in the middle
    assert figure.axes[2].texts[0].get_text() == "x" * 29 + "…"
    figure.savefig(io.BytesIO())  # an error where a caption is a formula


def test_a_grid_has_a_place_and_a_caption_for_each_picture():
    image = '<img width="80" height="60" alt="galaxy" src="data:image/png;base64,AAAA">'
    root = ElementTree.fromstring(grid([PICTURE, "", image], ["a <b>", "none", "x" * 60], 2).svg)
    places = [group.get("transform") for group in root.findall(f"{SVG}g")]
    assert places == ["translate(0 0)", f"translate({WIDTH} 0)", f"translate(0 {HEIGHT + 18})"]
    assert [text.text for text in root.iter(f"{SVG}text")] == ["a <b>", "none", "x" * 29 + "…"]
    drawn = root.find(f".//{SVG}image")
    assert (drawn.get("href"), drawn.get("x"), drawn.get("y")) == ("data:image/png;base64,AAAA", "50", "40")
    assert (root.get("width"), root.get("height")) == (str(2 * WIDTH), str(2 * (HEIGHT + 18)))


def test_grids_that_do_not_fit_are_errors(space, tmp_path):
    with pytest.raises(ShapeError, match="a caption for each of 1 items, got 2"):
        grid([PICTURE], ["a", "b"], 2)
    with pytest.raises(ShapeError, match="at least 1 column"):
        grid([PICTURE], ["a"], 0)
    with pytest.raises(ConfigError, match=r"ends in \.png, \.pdf, \.svg, got"):
        grid([PICTURE], ["a"], 1).write(tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="without `render`"):
        replace(space, render=None).draw("x")


def test_walks_are_drawn_step_by_step(space, tmp_path):
    first, second = space.decode(space.sample(2))
    figure = space.plot_interpolation(first, second, steps=5, columns=3)
    assert [len(axes.patches) for axes in figure.axes] == [1] * 5
    captions = [axes.texts[-1].get_text() for axes in figure.axes]
    assert [text.split(":")[0] for text in captions] == ["1", "2", "3", "4", "5"]
    lefts, tops = np.round([[axes.get_position().x0, axes.get_position().y1] for axes in figure.axes], 6).T
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4] < lefts[2]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4]
    figure.savefig(tmp_path / "walk.pdf")
    traversal = space.plot_traversal(first, 1, [-0.5, 0.5])
    assert [axes.texts[-1].get_text() for axes in traversal.axes] == ["z[1] = -0.5", "z[1] = 0.5"]
    assert traversal.get_size_inches()[0] == pytest.approx(7.2 * 2 / 5)


def test_the_pictures_of_a_path_have_a_common_scale(space):
    def alike(items, width, height):
        return [PICTURE.replace("3", str(len(items)))] * len(items)

    scaled = replace(space, render_alike=alike)
    first, second = space.decode(space.sample(2))
    figures = scaled.plot_interpolation(first, second, steps=4), scaled.plot_traversal(first, 0, [0, 1])
    assert [figure.axes[0].patches[0].get_radius() for figure in figures] == [4, 2]
    assert scaled.draw([first]) == space.draw([first])


def test_drawings_are_written_as_svg(space, tmp_path):
    first = space.decode(space.sample(1))[0]
    drawing = space.draw([first])
    assert drawing._repr_svg_() == drawing.write(tmp_path / "one.svg").read_text(encoding="utf-8")
    assert space.draw([first, "junk"]).svg.count("<circle") == 1
    with pytest.raises(DataError, match="none of 2 can be read, such as 'junk'"):
        space.draw(["junk", "designs.pdb"])
    assert (caption("CCO"), caption("C" * 200)) == ("CCO", "")


def test_drawings_are_written_as_pixels_and_pages_with_the_same_bytes(tmp_path):
    for ending, start in (("png", b"\x89PNG"), ("PDF", b"%PDF")):
        one, other = (grid([PICTURE], ["a"], 1).write(tmp_path / f"{name}.{ending}").read_bytes() for name in "xy")
        assert one.startswith(start)
        assert one == other


def test_a_map_is_coloured_by_numbers_or_texts(space):
    items = space.decode(space.sample(40))
    plain = space.plot_map(items)
    assert len(plain.axes[0].collections[0].get_offsets()) == 40
    assert "first principal axis" in plain.axes[0].get_xlabel()
    numbers = space.plot_map(items, np.arange(40.0), "activity")
    assert numbers.axes[1].get_ylabel() == "activity"
    groups = space.plot_map(items, [f"group {at % (MOST_GROUPS + 3)}" for at in range(40)], "class")
    legend = groups.axes[0].get_legend()
    assert (legend.get_title().get_text(), len(legend.get_texts())) == ("class", MOST_GROUPS + 1)
    with pytest.raises(ShapeError, match="a value for each of 40 items, got 3"):
        space.plot_map(items, [1.0, 2.0, 3.0])


def test_items_that_can_not_be_encoded_are_left_out_of_a_map_with_a_warning(space):
    items = space.decode(space.sample(5))
    with pytest.warns(UserWarning, match="1 of 6 items can't be encoded, such as 'junk'"):
        points = space.map([*items, "junk"])
    assert np.isfinite(points[:5]).all()
    assert np.isnan(points[5]).all()
    assert points[:5] == pytest.approx(space.map(items), abs=1e-6)
    with pytest.raises(DataError, match="2 can't, such as 'junk'"):
        space.map(["junk", "other"])


def test_the_first_axis_may_follow_the_values(space):
    items = space.decode(space.sample(60))
    column = space.encode(items)[:, 1]
    figure = space.plot_map([*items], column, "y", along_values=True)
    assert "direction of y (leave-one-out R² 1.00" in figure.axes[0].get_xlabel()
    shown = figure.axes[0].collections[0].get_offsets()[:, 0]
    assert np.corrcoef(shown, column)[0, 1] > 0.999
