"""The report's plots, each a function from one record of `content` to an SVG element."""

from __future__ import annotations

import io
import math
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.report.content import (
    Agreement,
    Bounds,
    CalibrationContent,
    Distribution,
    LatentMapContent,
    ObjectiveContent,
    Pareto,
    Rounds,
    Trace,
)
from sciencegen.report.markup import clean, element, finite, goal_text, number, readable, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# A matplotlib panel as a small SVG element of the page, with the page's colours.
#
# Colours are drawn as placeholders and replaced by CSS variables, so that one drawing is used for light, dark and
# print.
# Points are drawn here, not by matplotlib: a cloud is one path (12 bytes per point), and a mark has its table row.

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


MAX_CLOUD = 4000
"""Most background points; more are thinned evenly, which makes the file smaller without a visible difference."""

MAX_STEPS = 200
"""Points of one curve after thinning."""

SHADES = 8
"""Number of steps of a colour scale."""
CONTROL_DASHES = ((0, (4, 2.2)), (0, (1.2, 1.8)), (0, (6, 2, 1.2, 2)))


def latent_map(record: LatentMapContent) -> str:
    """The training set as a cloud, the candidates as marks on it."""

    def paint(axes: Axes) -> list[Overlay]:
        axes.set_xlabel(clean(record.x_label))
        axes.set_ylabel(clean(record.y_label))
        axes.margins(0.04)
        return [*_training(record), marks(record.candidates, record.labels, "candidate")]

    count = f"{len(record.candidates)} candidates among {len(record.training)} training items"
    by_name = len(record.values) or len(record.groups)
    coloured = f", coloured by {readable(record.value_name)}" if by_name else ""
    return plot("latent map", f"Latent map of {count}{coloured}.", paint, (10.4, 5.2))


def value_range(record: LatentMapContent) -> tuple[float, float] | None:
    """The values of the first and the last colour: the 2% and 98% quantiles; None if these are equal."""
    values = finite(record.values)
    low, high = np.quantile(values, [0.02, 0.98]).tolist() if values else (0.0, 0.0)
    return (low, high) if high > low else None


def largest_groups(record: LatentMapContent) -> list[tuple[str, int]]:
    """(name, items) of the groups that have a colour, the largest first; equal ones by name."""
    counts = Counter(group for group in record.groups if group)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:SERIES]


def _grouped(record: LatentMapContent) -> list[Cloud]:
    """Clouds of the groups: those without colour below, the smallest coloured one on top."""
    points, groups = np.asarray(record.training, dtype=float).reshape(-1, 2), np.asarray(record.groups)
    names = [name for name, _ in largest_groups(record)]
    coloured = [cloud(points[groups == name].tolist(), f"series-{number}") for number, name in enumerate(names, 1)]
    return [cloud(points[~np.isin(groups, names)].tolist(), "training"), *coloured]


def _training(record: LatentMapContent) -> list[Cloud]:
    """Clouds of the training items: one, one per group, or one per shade of the values with the highest on top."""
    if len(record.groups):
        return _grouped(record)
    bounds, values = value_range(record), np.asarray(record.values, dtype=float)
    if bounds is None:
        return [cloud(record.training, "training")]
    points, chosen = np.asarray(record.training, dtype=float), slice(None, None, math.ceil(len(values) / MAX_CLOUD))
    points, values = points[chosen], values[chosen]
    shades = np.round(SHADES * np.clip((values - bounds[0]) / (bounds[1] - bounds[0]), 0, 1))
    groups = [(shade, points[shades == shade]) for shade in range(SHADES + 1)]
    mixed = "color-mix(in oklab,var(--scale-high) {:.0f}%,var(--scale-low))"
    clouds = [Cloud(finite_points(own).tolist(), mixed.format(100 * k / SHADES), "cloud valued") for k, own in groups]
    return [cloud(points[np.isnan(values)].tolist(), "training"), *(one for one in clouds if len(one.points))]


def finite_points(points: Sequence[Sequence[float]]) -> np.ndarray:
    """[point 2], only those with two finite coordinates."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    return array[np.isfinite(array).all(axis=1)]


def cloud(points: Sequence[Sequence[float]], role: str) -> Cloud:
    """At most about `MAX_CLOUD` of the finite points, in the colour of a role."""
    array = finite_points(points)
    step = max(1, math.ceil(len(array) / MAX_CLOUD))
    return Cloud(array[::step].tolist(), f"var(--{role})")


def marks(
    points: Sequence[Sequence[float]],
    labels: Sequence[str],
    kind: str,
    keep: Sequence[bool] | Bool[np.ndarray, " point"] | None = None,
    table_rows: Sequence[int] = (),
) -> Marks:
    """Marks for the finite points (only those flagged by `keep`, if given). The table row of a point is its index,
    unless `table_rows` are given."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    usable = np.isfinite(array).all(axis=1) & (True if keep is None else np.asarray(keep, dtype=bool))
    rows = np.flatnonzero(usable).tolist()
    names = [labels[row] if len(labels) else f"candidate {row + 1}" for row in rows]
    own_rows = [table_rows[row] for row in rows] if len(table_rows) else rows
    return Marks(array[usable].tolist(), names, own_rows, kind)


def pareto(record: Pareto) -> str:
    """Two objectives against each other, the front as a staircase."""
    front = np.asarray(record.front, dtype=bool)

    def paint(axes: Axes) -> list[Overlay]:
        # the region dominated by the front is a union of rectangles, so the steps are on its worse side
        turn = "steps-pre" if record.x.direction == "maximize" else "steps-post"
        axes.plot(*_staircase(record).T, drawstyle=turn, color=COLOUR["front"], linewidth=1.3)
        axes.set_xlabel(_objective_label(record.x))
        axes.set_ylabel(_objective_label(record.y))
        axes.margins(0.05)
        rest = marks(record.points, record.labels, "candidate", ~front)
        return [cloud(record.scored, "training"), rest, marks(record.points, record.labels, "front", front)]

    best = f"{int(front.sum())} of {len(front)} candidates are on the front"
    description = f"Pareto plot of {record.y.name} against {record.x.name}: {best}."
    return plot(f"pareto {record.x.name} {record.y.name}", description, paint, (5.2, 3.8))


def _staircase(record: Pareto) -> np.ndarray:
    """[corner 2] of the front by increasing x: its points that are not dominated in these two of all objectives."""
    signs = np.array([1.0 if axis.direction == "maximize" else -1.0 for axis in (record.x, record.y)])
    points = finite_points(np.asarray(record.points, dtype=float).reshape(-1, 2)[np.asarray(record.front, dtype=bool)])
    points = points[np.lexsort((points * signs)[:, ::-1].T)[::-1]]  # best x first, best y first among equals
    gain = points[:, 1] * signs[1]
    corners = points[np.r_[True, gain[1:] > np.maximum.accumulate(gain)[:-1]]] if len(points) else points
    return corners[np.argsort(corners[:, 0], kind="stable")]


def _objective_label(objective: ObjectiveContent) -> str:
    arrow = "better →" if objective.direction == "maximize" else "← better"
    return clean(with_unit(readable(objective.name), f"{objective.unit}, {arrow}" if objective.unit else arrow))


def trace(record: Trace) -> str:
    """Progress of each search against the number of distinct scored items, or of draws; controls dashed."""

    def paint(axes: Axes) -> None:
        for curve, role in zip(record.curves, curve_roles(record), strict=True):
            # Each control has its own pattern, which can be recognized without colours.
            dashes = CONTROL_DASHES[int(role[-1]) - 1] if role.startswith("control") else "-"
            size = len(curve.calls)
            chosen = np.unique(np.linspace(0, max(size - 1, 0), min(size, MAX_STEPS)).round().astype(int))
            calls = np.asarray(curve.calls, dtype=float)[chosen]
            if len(curve.lower) and len(curve.upper):
                low, high = (np.asarray(side, dtype=float)[chosen] for side in (curve.lower, curve.upper))
                axes.fill_between(calls, low, high, step="post", color=COLOUR[role], alpha=0.16, linewidth=0)
            values = np.asarray(curve.values, dtype=float)[chosen]
            width = 1.5 if curve.control else 2.0
            axes.plot(calls, values, drawstyle="steps-post", color=COLOUR[role], linewidth=width, linestyle=dashes)
        axes.margins(x=0.01)
        axes.set_xlabel(record.axis)
        axes.set_ylabel(clean(with_unit(record.statistic, record.unit)))

    ends = ", ".join(f"{curve.name} ends at {number(curve.values[-1])}" for curve in record.curves if len(curve.values))
    return plot(f"trace {record.statistic}", f"{record.statistic} against {record.axis}: {ends}.", paint, (5.2, 3.4))


def curve_roles(record: Trace) -> list[str]:
    """The colour role of each curve: methods in the palette, controls in greys."""
    methods = controls = 0
    roles = []
    for curve in record.curves:
        if curve.control:
            roles.append(f"control-{controls % CONTROLS + 1}")
            controls += 1
        else:
            roles.append(f"series-{methods % SERIES + 1}")
            methods += 1
    return roles


def calibration(record: CalibrationContent) -> str:
    """Observed against requested values; on the diagonal where the model follows its condition."""

    def paint(axes: Axes) -> None:
        requested, observed = (np.asarray(side, dtype=float) for side in (record.requested, record.observed))
        ends = np.array([np.nanmin(requested), np.nanmax(requested)]) if requested.size else np.array([0.0, 1.0])
        if record.tolerance is not None:
            band = (ends - record.tolerance, ends + record.tolerance)
            axes.fill_between(ends, *band, color=COLOUR["requested"], alpha=0.16, linewidth=0)
        axes.plot(ends, ends, color=COLOUR["muted"], linewidth=1, linestyle=(0, (4, 3)))
        if len(record.lower) and len(record.upper):
            axes.vlines(requested, record.lower, record.upper, color=COLOUR["candidate"], linewidth=2.2, alpha=0.45)
        axes.plot(requested, observed, "o", color=COLOUR["candidate"], markersize=5)
        axes.set_xlabel(clean(with_unit(f"{record.name} asked", record.unit)))
        axes.set_ylabel(clean(with_unit(f"{record.name} got", record.unit)))
        axes.margins(0.08)

    pairs = ", ".join(f"{number(a)} gave {number(g)}" for a, g in zip(record.requested, record.observed, strict=True))
    return plot(f"calibration {record.name}", f"{record.name}, asked and got: {pairs}.", paint, (3.9, 3.1))


# Histograms of a property: candidates, training data and draws.

BINS = 32
FARTHER = 8.0
"""The axis is logarithmic if the largest values are this many times farther from the median than the smallest ones, and
the values span more than a decade."""


def histogram(record: Distribution) -> str:
    """Histograms of the groups, each scaled to its highest bar, with the goal's range shaded."""
    groups = [
        ("training", finite(record.training)),
        ("generated", finite(record.generated)),
        ("candidate", finite(record.candidates)),
    ]
    present = [values for _, values in groups if values]
    decades = spans_decades(present)
    edges = np.geomspace(min(map(min, present)), max(map(max, present)), BINS + 1) if decades else _bin_edges(present)

    def paint(axes: Axes) -> None:
        _shade(axes, record.goal_range, edges[0], edges[-1])
        for role, values in groups:
            if values:
                _paint_group(axes, role, values, edges)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.06)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(clean(with_unit(readable(record.name), record.unit)))
        if decades:
            _name_decades(axes, edges[-1] / edges[0])
        else:
            axes.locator_params(axis="x", nbins=6)

    medians = ", ".join(f"{role} median {number(float(np.median(values)))}" for role, values in groups if values)
    requested = goal_text(record.goal_range, record.direction) if record.goal_range or record.direction else ""
    goal = f"; requested {requested}" if requested else ""
    return plot(f"distribution {record.name}", f"Distribution of {record.name}: {medians}{goal}.", paint, (3.9, 2.5))


def _paint_group(axes: Axes, role: str, values: Sequence[float], edges: np.ndarray) -> None:
    """A histogram, scaled to its highest bar. Values beyond the edges are counted in the outermost bins."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    height, fill = counts / counts.max(), {"training": 0.45, "generated": 0.0, "candidate": 0.35}[role]
    axes.stairs(height, edges, fill=True, color=COLOUR[role], alpha=fill, linewidth=0)
    axes.stairs(height, edges, color=COLOUR[role], linewidth=0.8 if role == "training" else 1.5)


def _name_decades(axes: Axes, ratio: float) -> None:
    """A logarithmic axis with plain numbers; also between decades if there are few of these."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log", subs=[])
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if ratio < 1e3 else (1.0,)))
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def spans_decades(groups: Sequence[Sequence[float]]) -> bool:
    """Whether all numbers are positive and those of the largest group so skewed that most would be in a few bins."""
    if not groups or min(map(min, groups)) <= 0:
        return False
    low, middle, high = np.quantile(max(groups, key=len), [0.02, 0.5, 0.98])
    return bool(high > 10 * low and high - middle > FARTHER * (middle - low))


def _bin_edges(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Common bins: one per whole number; else equal bins over the range with 99.8 % of every group."""
    if not groups:
        return np.linspace(0.0, 1.0, 2)
    low = min(np.quantile(values, 0.001) for values in groups)
    high = max(np.quantile(values, 0.999) for values in groups)
    all_whole = all(float(value).is_integer() for values in groups for value in values)
    if all_whole and high - low <= 2 * BINS:
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + 1)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-12):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _shade(axes: Axes, goal_range: Bounds | None, start: float, end: float) -> None:
    """The goal's range as a pale band with lines at its ends; an open side extends to the end of the axis."""
    if goal_range is None:
        return
    low, high = (start if goal_range[0] is None else goal_range[0]), (end if goal_range[1] is None else goal_range[1])
    axes.axvspan(max(low, start), min(high, end), color=COLOUR["requested"], alpha=0.13, linewidth=0)
    for edge in goal_range:
        if edge is not None and start <= edge <= end:
            axes.axvline(edge, color=COLOUR["requested"], linewidth=1.1)


# A campaign's plots: values by round with the best so far, and measured against predicted values.

SPREAD = 0.3
"""Greatest horizontal offset of a point from its round, so that points with equal values don't overlap."""


def best_so_far(record: Rounds) -> dict[int, float]:
    """Round -> the best value up to its end."""
    pick, values = (np.max if record.direction == "maximize" else np.min), np.asarray(record.values, dtype=float)
    rounds = np.asarray(record.rounds)
    return {one: float(pick(values[rounds <= one])) for one in sorted(set(rounds.tolist()))}


def rounds(record: Rounds) -> str:
    """A point for each measured item, a bar at each round's median, and the best so far as a staircase."""
    best, own = best_so_far(record), np.asarray(record.rounds)
    values = np.asarray(record.values, dtype=float)

    def paint(axes: Axes) -> list[Marks]:
        edges = [*(one - 0.5 for one in best), max(best) + 0.5]
        axes.stairs(list(best.values()), edges, baseline=None, color=COLOUR["front"], linewidth=2)
        for one in best:
            axes.hlines(np.median(values[own == one]), one - SPREAD, one + SPREAD, color=COLOUR["ink"], linewidth=1.6)
        axes.set_xticks(list(best))
        axes.set_xlabel("round")
        axes.set_ylabel(clean(with_unit(readable(record.name), record.unit)))
        axes.margins(0.03, 0.06)
        points = np.stack([own + _offsets(own, values), values], 1)
        return [marks(points.tolist(), record.labels, "candidate", table_rows=record.table_rows)]

    description = ", ".join(f"{number(value)} after round {one}" for one, value in best.items())
    return plot("rounds", f"{readable(record.name)} by round; the best so far is {description}.", paint, (5.2, 3.8))


def _offsets(own: np.ndarray, values: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Horizontal offsets within a round, far apart for similar values (multiples of the golden ratio, modulo 1)."""
    offsets = np.zeros(len(values))
    for one in set(own.tolist()):
        ranked = np.flatnonzero(own == one)[np.argsort(values[own == one], kind="stable")]
        if len(ranked) > 1:
            offsets[ranked] = SPREAD * (2 * (np.arange(len(ranked)) * 0.618034 % 1) - 1)
    return offsets


def inside(record: Agreement) -> Bool[np.ndarray, " item"]:
    """Which measured values lie in their interval."""
    measured = np.asarray(record.measured, dtype=float)
    return (measured >= np.asarray(record.lower, dtype=float)) & (measured <= np.asarray(record.upper, dtype=float))


def agreement(record: Agreement) -> str:
    """Measured against predicted with each interval as a line; on the diagonal the two agree."""
    kept = inside(record)
    points = np.stack([np.asarray(side, dtype=float) for side in (record.predicted, record.measured)], 1)

    def paint(axes: Axes) -> list[Marks]:
        ends = np.array([points.min(), points.max()])
        room = 0.15 * (np.ptp(points) or 1.0)
        axes.plot(ends, ends, color=COLOUR["muted"], linewidth=1, linestyle=(0, (4, 3)))
        for flags, role in ((kept, "candidate"), (~kept, "front")):
            low, high = (np.asarray(side, dtype=float)[flags] for side in (record.lower, record.upper))
            axes.hlines(points[flags, 1], low, high, color=COLOUR[role], linewidth=1.1, alpha=0.3)
        axes.set_xlabel(clean(with_unit(f"{readable(record.name)} predicted", record.unit)))
        axes.set_ylabel(clean(with_unit(f"{readable(record.name)} measured", record.unit)))
        axes.margins(0.05)
        axes.set_xlim(points[:, 0].min() - room, points[:, 0].max() + room)  # an interval may reach far beyond
        pairs = ((kept, "candidate"), (~kept, "front"))
        return [marks(points.tolist(), record.labels, kind, flags, record.table_rows) for flags, kind in pairs]

    share = f"{int(kept.sum())} of {len(kept)} measured values lie in their {100 * record.level:.0f} % interval"
    return plot("agreement", f"{readable(record.name)}, predicted and measured: {share}.", paint, (5.2, 3.8))
