"""Handedness of helices. In nature nearly all are right-handed; distances alone do not tell mirror images apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sciencegen.domains.proteins.backbones.geometry import Coordinates, dihedrals
from sciencegen.domains.proteins.backbones.secondary_structure import HELIX, runs, secondary_structure

TURN = 4
"""Number of successive CA in a turn; an α helix's dihedral is +50 degrees, its mirror image's -50."""


class Handedness(NamedTuple):
    """Number of right-handed turns, and of all turns of helices."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Share of right-handed turns; NaN without a helix."""
        return self.right / self.total if self.total else float("nan")


def helix_handedness(coordinates: Coordinates, states: str | None = None) -> Handedness:
    """Handedness of the turns, four successive CA, inside a backbone's helices.

    states: secondary structure, as of `secondary_structure`, if it is known already.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.proteins.backbones.torsions import backbone_of
    >>> helix = backbone_of(np.full(12, -57.0), np.full(12, -47.0))
    >>> helix_handedness(helix), helix_handedness(-helix)
    (Handedness(right=7, total=7), Handedness(right=0, total=7))
    """
    assigned = secondary_structure(coordinates) if states is None else states
    ca, starts = np.asarray(coordinates)[:, 1], np.array(_turns(assigned), int)
    if not len(starts):
        return Handedness(0, 0)
    turned = dihedrals(ca[starts[:, None] + np.arange(TURN)])
    return Handedness(int((turned > 0).sum()), len(turned))


def _turns(states: str) -> list[int]:
    """First residues of the turns that lie inside a helix."""
    helices = [run for run in runs(states) if run.state == HELIX]
    return [start for run in helices for start in range(run.start, run.stop - TURN + 1)]
