"""A matplotlib panel as a small SVG element of the page, with the page's colours.

Colours are drawn as placeholders and replaced by CSS variables, so that one drawing is used for light, dark and print.
Points are drawn here, not by matplotlib: a cloud is one path (12 bytes per point), and a mark has its table row.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.report.markup import element

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLES = ("ink", "muted", "line", "candidate", "training", "generated", "requested", "front")
LETTER = 0.07
"""Width of a letter of a label in inches, at most."""
SERIES = 6
CONTROLS = 3
_NAMES = (*ROLES, *(f"series-{i}" for i in range(1, SERIES + 1)), *(f"control-{i}" for i in range(1, CONTROLS + 1)))
COLOUR = {name: f"#0a0b{index + 16:02x}" for index, name in enumerate(_NAMES)}
"""Role -> placeholder colour, which `_inline` replaces by var(--role)."""

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text is kept as text: small, searchable, in the page's font
    "svg.hashsalt": "sciencegen",
    "text.parse_math": False,  # a '$' in a name doesn't start a formula
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.edgecolor": COLOUR["line"],
    "axes.labelcolor": COLOUR["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": COLOUR["line"],
    "grid.linewidth": 0.6,
    "text.color": COLOUR["ink"],
    "xtick.color": COLOUR["line"],
    "ytick.color": COLOUR["line"],
    "xtick.labelcolor": COLOUR["muted"],
    "ytick.labelcolor": COLOUR["muted"],
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Cloud:
    """Many points without names. colour: a CSS colour of the page; kind: CSS classes of the page."""

    points: Sequence[tuple[float, float]]
    colour: str
    kind: str = "cloud"


@dataclass(frozen=True)
class Marks:
    """Points with names; `rows` are their rows in the table. kind: a CSS class of the page."""

    points: Sequence[tuple[float, float]]
    labels: Sequence[str]
    rows: Sequence[int]
    kind: str


Overlay = Cloud | Marks


def plot(
    name: str,
    description: str,
    paint: Callable[[Axes], Sequence[Overlay] | None],
    size: tuple[float, float] = (4.6, 2.9),
) -> str:
    """The SVG element of the drawing by `paint(axes)`, with the overlays that it returns on top.

    name: unique on the page. description: the alternative text. size: inches; the page scales it to its column.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # glyphs missing in matplotlib's font are in the page's
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]
        figure = Figure(figsize=size, dpi=72, layout="constrained")  # 72: the unit of SVG files
        axes = figure.add_subplot()
        overlays = paint(axes) or ()
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        for overlay in overlays:
            axes.update_datalim(overlay.points)
        axes.autoscale_view()
        axes.set_xlabel(_fitting(axes.get_xlabel(), size[0]))
        axes.set_ylabel(_fitting(axes.get_ylabel(), size[1]))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # keeps the layout that the overlays' positions depend on
        layers = "".join(_layer(overlay, axes, size[1] * 72) for overlay in overlays)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(file.getvalue(), layers, f"p{zlib.crc32(name.encode(errors='replace')):08x}", description)


def _fitting(label: str, length: float) -> str:
    """A label that is cut where it is longer than its axis. length: of the plot, in inches."""
    most = int(length / LETTER)
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _layer(overlay: Overlay, axes: Axes, height: float) -> str:
    """The points of an overlay in the SVG's own coordinates (72 to the inch, downwards)."""
    pixels = axes.transData.transform(np.asarray(overlay.points, dtype=float).reshape(-1, 2))
    placed = [(x, height - y) for x, y in pixels]
    if isinstance(overlay, Cloud):
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in placed)
        return element("path", d=path, class_=overlay.kind, style=f"stroke:{overlay.colour}")
    circles = [
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="3.4", data_row=row, data_label=label)
        for (x, y), label, row in zip(placed, overlay.labels, overlay.rows, strict=True)
    ]
    return element("g", "".join(circles), class_=f"marks {overlay.kind}")


def _compact(attribute: re.Match) -> str:
    """Coordinates rounded to a tenth of a point, on one line."""
    text = re.sub(r"\d+\.\d+", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), attribute[0])
    return re.sub(r"\s*([MLzCQ]) ?|\s+(?=\"$)", r"\1", text) if text.startswith(" d=") else text


def _inline(svg: str, layers: str, name: str, description: str) -> str:
    """Matplotlib's SVG file as an element of a page: no prolog, no metadata, no global style, unique ids."""
    body = svg[svg.index("<svg") :]
    view_box = re.search(r'viewBox="([^"]*)"', body).group(1)  # type: ignore[union-attr]
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<defs>\s*</defs>", "", body, flags=re.S)
    body = body.replace("xlink:href", "href")
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', body))
    used_ids = {left or right for left, right in used}
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used_ids else "", body)
    body = re.sub(r'href="#|url\(#', lambda m: f"{m[0]}{name}-", body)
    body = re.sub(r"font-family: [^;\"]*; |stroke-linejoin: \w+;? ?| transform=\"rotate\(-?0 [^\"]*\"", "", body)
    body = re.sub(r' (?:d|x|y|transform)="[^"]*"', _compact, body)
    for role, colour in COLOUR.items():
        body = body.replace(colour, f"var(--{role})")
    body = re.sub(r">\s+<", "><", body).replace("<g/>", "").strip()
    return f"{element('svg', body + layers, viewBox=view_box, role='img', aria_label=description)}\n"
