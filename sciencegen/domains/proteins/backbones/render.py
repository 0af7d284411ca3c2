"""Draws a backbone as an SVG: the trace of its alpha carbons, seen along its shortest axis, coloured by structure."""

from __future__ import annotations

import numpy as np

from sciencegen.domains.capabilities import Pictures
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.secondary_structure import COIL, HELIX, STRAND, secondary_structure

COLOUR = {HELIX: "#c0392b", STRAND: "#2471a3", COIL: "#95a5a6"}
WIDTH = {HELIX: 3.5, STRAND: 3.5, COIL: 1.8}
MARGIN = 6.0


def render(item: Backbone, width: int = 220, height: int = 160) -> str:
    """One `<svg>` element; segments behind are drawn first."""
    centred = item.trace.astype(np.float64) - item.trace.mean(0, dtype=np.float64)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    axes[2] *= np.sign(np.linalg.det(axes))  # a mirror image must not be drawn
    x, y, depth = (centred @ axes.T).T
    scale = min((width - 2 * MARGIN) / max(np.ptp(x), 1.0), (height - 2 * MARGIN) / max(np.ptp(y), 1.0))
    x = (x - x.min()) * scale + (width - np.ptp(x) * scale) / 2
    y = height - ((y - y.min()) * scale + (height - np.ptp(y) * scale) / 2)
    structure = secondary_structure(item.coordinates)
    lines = [
        f'<line x1="{x[at]:.1f}" y1="{y[at]:.1f}" x2="{x[at + 1]:.1f}" y2="{y[at + 1]:.1f}" '
        f'stroke="{COLOUR[structure[at]]}" stroke-width="{WIDTH[structure[at]]}" stroke-linecap="round"/>'
        for at in np.argsort(depth[:-1] + depth[1:], kind="stable").tolist()
    ]
    frame = f'width="{width}px" height="{height}px" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{"".join(lines)}</svg>'


PICTURES = Pictures(gallery=12)
