"""Charts of backbones: torsion angles, shares of secondary structure, and compactness against length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.domains.capabilities import Compared, Pictures
from sciencegen.domains.proteins.backbones.geometry import bonded
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.properties import measure
from sciencegen.domains.proteins.backbones.render import render_alike
from sciencegen.domains.proteins.backbones.shape import expected_radius
from sciencegen.domains.proteins.backbones.torsions import torsions_of
from sciencegen.report.chart_content import Axis, Chart, Line

GALLERY = 12
CURVE_POINTS = 60
RESIDUES = "Each point is a residue; ends of the chain are left out, glycine and proline are not."

Points = Float[np.ndarray, "point 2"]


def charts(compared: Compared) -> Sequence[Chart]:
    """Ramachandran plot, helix against strand, and radius of gyration against length."""
    return [ramachandran(compared), secondary(compared), compactness(compared)]


def ramachandran(compared: Compared) -> Chart:
    """Phi and psi of all inner residues. Ramachandran, Ramakrishnan & Sasisekharan 1963, J. Mol. Biol. 7, 95."""
    phi, psi = (Axis(name, "°", -180, 180, 60, periodic=True) for name in ("φ", "ψ"))
    training, draws, candidates = (angles(one) for one in _groups(compared))
    return Chart(
        "Ramachandran plot.", phi, psi, candidates.tolist(), training.tolist(), draws.tolist(),
        contours=True, note=RESIDUES,
    )  # fmt: skip


def angles(items: Sequence[Backbone]) -> Points:
    """Phi and psi, in degrees, of residues that are bonded to both neighbours."""
    return np.concatenate([np.empty((0, 2)), *map(_angles, items)])


def _angles(item: Backbone) -> Points:
    found = torsions_of(item.coordinates)
    joined = bonded(*item.coordinates.astype(np.float64)[:, [0, 2]].swapaxes(0, 1))
    return np.stack([found.phi, found.psi], 1)[1:-1][joined[:-1] & joined[1:]]


def secondary(compared: Compared) -> Chart:
    """Shares of residues in helices and in strands."""
    helix, strand = Axis("share of helix", low=0, high=1, tick=0.2), Axis("share of strand", low=0, high=1, tick=0.2)
    return _of_items("Secondary structure.", helix, strand, compared, lambda items: measure(items, ("helix", "strand")))


def compactness(compared: Compared) -> Chart:
    """Radius of gyration against the number of residues, with that of globular proteins."""
    lengths = [len(item) for group in _groups(compared) for item in group]
    shown = np.linspace(min(lengths), max(lengths), CURVE_POINTS) if lengths else np.empty(0)
    line = Line("2.2 Å N^0.38, a globule", np.stack([shown, expected_radius(shown)], 1).tolist())
    length, radius = Axis("residues"), Axis("radius of gyration", "Å")
    return _of_items("Compactness.", length, radius, compared, lambda items: measure(items, ("length", "rg")), line)


def _of_items(
    title: str, x: Axis, y: Axis, compared: Compared, points: Callable[[Sequence[Backbone]], Points],
    line: Line | None = None,
) -> Chart:  # fmt: skip
    """A chart in which each item is one point."""
    training, draws, candidates = (points(one).tolist() for one in _groups(compared))
    names = [item.name or f"candidate {number}" for number, item in enumerate(compared.candidates, 1)]
    return Chart(title, x, y, candidates, training, draws, names, line=line)


def _groups(compared: Compared) -> tuple[Sequence[Backbone], ...]:
    return compared.training, compared.draws, compared.candidates


PICTURES = Pictures(gallery=GALLERY, render_alike=render_alike, charts=charts)
