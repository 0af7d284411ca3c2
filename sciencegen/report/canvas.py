"""A matplotlib panel as a small SVG element of the page, with the page's colours."""

from __future__ import annotations

import io
import math
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from sciencegen.report.content import Points
from sciencegen.report.text import escape

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

# Colours are drawn as placeholders and replaced by CSS variables, so that one drawing is used for light, dark and
# print. Points are drawn here, not by matplotlib: a cloud is one path (12 bytes per point), and a mark has its table
# row.

ROLES = ("ink", "muted", "line", "candidate", "training", "generated", "requested", "front")
LETTER = 0.07
"""Width of a letter of a label in inches, at most."""
HUES, CONTROL_HUES = 6, 3
"""Numbers of colours of series and of controls."""
_NAMES = (*ROLES, *(f"series-{i}" for i in range(1, HUES + 1)), *(f"control-{i}" for i in range(1, CONTROL_HUES + 1)))
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
class Overlay:
    """Points that are drawn by the page, not by matplotlib. kind: their CSS class.

    Without labels they are one path in a CSS colour. With labels they are circles, and `rows` their rows in the table.
    """

    points: Sequence[tuple[float, float]]
    kind: str
    colour: str = ""
    labels: Sequence[str] = ()
    rows: Sequence[int] = ()


def plot(
    name: str,
    description: str,
    paint: Callable[[Axes], Sequence[Overlay] | None],
    size: tuple[float, float] = (4.6, 2.9),
) -> Markup:
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
        for side, length in zip("xy", size, strict=True):  # a label that is longer than its axis is cut
            label, most = getattr(axes, f"get_{side}label")(), int(length / LETTER)
            axes.set(**{f"{side}label": label if len(label) <= most else f"{label[: most - 1]}…"})
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # keeps the layout that the overlays' positions depend on
        layers = "".join(_layer(overlay, axes, size[1] * 72) for overlay in overlays)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(file.getvalue(), layers, f"p{zlib.crc32(name.encode(errors='replace')):08x}", description)


def _layer(overlay: Overlay, axes: Axes, height: float) -> str:
    """The points of an overlay in the SVG's own coordinates (72 to the inch, downwards)."""
    pixels = axes.transData.transform(np.asarray(overlay.points, dtype=float).reshape(-1, 2))
    placed = [(x, height - y) for x, y in pixels]
    if overlay.colour:
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in placed)
        return f'<path d="{path}" class="{overlay.kind}" style="stroke:{overlay.colour}"></path>'
    circles = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" data-row="{row}" data-label="{escape(label)}"></circle>'
        for (x, y), label, row in zip(placed, overlay.labels, overlay.rows, strict=True)
    )
    return f'<g class="marks {overlay.kind}">{circles}</g>'


def _compact(attribute: re.Match) -> str:
    """Coordinates rounded to a tenth of a point, on one line."""
    text = re.sub(r"\d+\.\d+", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), attribute[0])
    return re.sub(r"\s*([MLzCQ]) ?|\s+(?=\"$)", r"\1", text) if text.startswith(" d=") else text


def _inline(svg: str, layers: str, name: str, description: str) -> Markup:
    """Matplotlib's SVG file as an element of a page: no prolog, no metadata, no global style, unique ids."""
    from markupsafe import Markup

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
    head = f'<svg viewBox="{view_box}" role="img" aria-label="{escape(description)}">'
    return Markup(f"{head}{body}{layers}</svg>\n")


MAX_CLOUD = 4000
"""Most background points; more are thinned evenly, which makes the file smaller without a visible difference."""


def finite_points(points: Points | np.ndarray) -> np.ndarray:
    """[point 2], only those with two finite coordinates."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    return array[np.isfinite(array).all(axis=1)]


def cloud(points: Points | np.ndarray, role: str) -> Overlay:
    """At most about `MAX_CLOUD` of the finite points, in the colour of a role."""
    array = finite_points(points)
    step = max(1, math.ceil(len(array) / MAX_CLOUD))
    return Overlay(array[::step].tolist(), "cloud", f"var(--{role})")


def marks(
    points: Points | np.ndarray,
    labels: Sequence[str],
    kind: str,
    keep: Sequence[bool] | Bool[np.ndarray, " point"] | None = None,
    table_rows: Sequence[int] = (),
) -> Overlay:
    """Marks for the finite points (only those flagged by `keep`, if given). The table row of a point is its index,
    unless `table_rows` are given."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    usable = np.isfinite(array).all(axis=1) & (True if keep is None else np.asarray(keep, dtype=bool))
    rows = np.flatnonzero(usable).tolist()
    names = [labels[row] if len(labels) else f"candidate {row + 1}" for row in rows]
    own_rows = [table_rows[row] for row in rows] if len(table_rows) else rows
    return Overlay(array[usable].tolist(), kind, labels=names, rows=own_rows)
