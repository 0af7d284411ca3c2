"""SVG pictures as vectors of matplotlib: the elements that pictures of items consist of, not all of SVG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from typing import Literal
from xml.etree import ElementTree

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.patches import Circle, Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text

from sciencegen.errors import ConfigError

Attributes = Mapping[str, str]

INHERITED = {
    "fill": "black", "fill-opacity": "1", "stroke": "none", "stroke-opacity": "1", "stroke-width": "1",
    "stroke-linecap": "butt", "stroke-linejoin": "miter", "font-family": "sans-serif", "font-size": "16",
    "font-weight": "normal", "text-anchor": "start",
}  # fmt: skip
"""Attributes that elements inherit, with SVG's defaults."""
GROUPS = ("svg", "g")
ELEMENTS = ("path", "line", "rect", "circle", "text", "image")
UNSEEN = ("title", "desc", "metadata")
CODES = {"M": [Path.MOVETO], "L": [Path.LINETO], "Q": 2 * [Path.CURVE3], "C": 3 * [Path.CURVE4]}
CAPS = {"butt": "butt", "round": "round", "square": "projecting"}
ALIGNMENTS: dict[str, Literal["left", "center", "right"]] = {"start": "left", "middle": "center", "end": "right"}
_COMMAND = re.compile(r"([A-DF-Za-df-z])([^A-DF-Za-df-z]*)")  # e belongs to a number
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def draw_svg(axes: Axes, picture: str, points: float) -> None:
    """Draw a picture into axes, whose limits become its view box.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    picture : str
        An `<svg>` element with a view box.
    points : float
        Typographic points of the figure for a unit of the picture: lines and letters have sizes in points.
    """
    try:
        root = ElementTree.fromstring(picture)
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        _draw(axes, points, root, INHERITED)
    except (SyntaxError, KeyError, ValueError, OSError) as error:  # also those of XML and of pictures of pixels
        raise _unknown(f"{type(error).__name__}: {error}") from None
    axes.set(xlim=(left, left + width), ylim=(top + height, top), aspect="equal")
    axes.axis("off")


def path_of(commands: str) -> Path:
    """A path of absolute commands: M, L, Q, C and z."""
    vertices, codes = [np.zeros((0, 2))], list[int]()
    for command, numbers in _COMMAND.findall(commands):
        places = np.array(_NUMBER.findall(numbers), float).reshape(-1, 2)
        if command in "Zz":
            vertices.append(np.zeros((1, 2)))  # its place has no meaning
            codes.append(int(Path.CLOSEPOLY))
        elif command not in CODES or len(places) % len(CODES[command]):
            raise _unknown(f"the command '{command}{numbers.strip()}' of a path")
        else:
            vertices.append(places)
            further = CODES["L" if command == "M" else command]
            codes += map(int, (CODES[command] + further * len(places))[: len(places)])
    return Path(np.concatenate(vertices), codes)


def _draw(axes: Axes, points: float, element: ElementTree.Element, inherited: Attributes) -> None:
    name = _local(element.tag)
    if name in UNSEEN:
        return
    own = {_local(key): value for key, value in element.attrib.items()}
    own |= dict(re.findall(r"([\w-]+)\s*:\s*([^;]+)", own.get("style", "")))
    if (name not in GROUPS and name not in ELEMENTS) or "transform" in own:
        raise _unknown(f"<{name}{' transform' if 'transform' in own else ''}>")
    given = {**inherited, **own}
    if name in GROUPS:
        for part in element:
            _draw(axes, points, part, {key: given[key] for key in INHERITED})
    elif name == "text":
        _draw_text(axes, points, given, "".join(element.itertext()))
    elif name == "image":
        _draw_image(axes, given)
    else:
        _draw_shape(axes, points, name, given)


def _draw_shape(axes: Axes, points: float, name: str, given: Attributes) -> None:
    """A path, a line, a rectangle or a circle."""
    patch: Patch
    if name == "path":
        patch = PathPatch(path_of(given["d"]))
    elif name == "line":
        ends = [[_number(given, f"{axis}{end}") for axis in "xy"] for end in (1, 2)]
        patch = PathPatch(Path(np.array(ends)))
    elif name == "circle":
        patch = Circle((_number(given, "cx"), _number(given, "cy")), _number(given, "r"))
    else:
        x, y, width, height = _box(given)
        patch = Rectangle((x, y), width, height)
    patch.set(
        facecolor=to_rgba(given["fill"], None if given["fill"] == "none" else float(given["fill-opacity"])),
        edgecolor=to_rgba(given["stroke"], None if given["stroke"] == "none" else float(given["stroke-opacity"])),
        linewidth=_number(given, "stroke-width") * points if given["stroke"] != "none" else 0.0,
        capstyle=CAPS[given["stroke-linecap"]],
        joinstyle=given["stroke-linejoin"],
        alpha=None if "opacity" not in given else float(given["opacity"]),
    )
    axes.add_patch(patch)


def _draw_text(axes: Axes, points: float, given: Attributes, text: str) -> None:
    axes.add_artist(Text(
        _number(given, "x"), _number(given, "y"), text, color=given["fill"],
        fontsize=_number(given, "font-size") * points, fontfamily=given["font-family"],
        fontweight=given["font-weight"], horizontalalignment=ALIGNMENTS[given["text-anchor"]],
        verticalalignment="baseline", parse_math=False,
    ))  # fmt: skip


def _draw_image(axes: Axes, given: Attributes) -> None:
    """An embedded picture of pixels, as large as fits into its box."""
    kind, _, data = given["href"].partition(";base64,")
    if not data:
        raise _unknown("an image that isn't embedded by base64")
    pixels = imread(io.BytesIO(base64.b64decode(data)), format=kind.removeprefix("data:image/"))
    x, y, width, height = _box(given)
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    across, down = scale * pixels.shape[1] / 2, scale * pixels.shape[0] / 2
    middle, centre = x + width / 2, y + height / 2
    axes.imshow(
        pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest",
        extent=(middle - across, middle + across, centre + down, centre - down),
    )  # fmt: skip


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def _number(given: Attributes, name: str) -> float:
    return float(given.get(name, "0").removesuffix("px"))


def _box(given: Attributes) -> tuple[float, float, float, float]:
    return _number(given, "x"), _number(given, "y"), _number(given, "width"), _number(given, "height")


def _unknown(found: str) -> ConfigError:
    return ConfigError(
        f"Expected a picture of {', '.join(f'<{name}>' for name in ELEMENTS)} in <svg> and <g>, got {found}. "
        "`draw` writes such pictures as SVG."
    )
