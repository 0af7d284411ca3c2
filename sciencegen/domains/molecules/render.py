"""Draws a molecule as an SVG whose bytes depend on the molecule only."""

from __future__ import annotations

import re
from typing import Any

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from sciencegen.domains.molecules.items import text

_PROLOG = re.compile(r"<\?xml[^>]*\?>\s*|<!--.*?-->\s*", re.DOTALL)


def render(molecule: Chem.Mol, width: int = 220, height: int = 160) -> str:
    """Draw a molecule as one `<svg>` element for a page, without prolog, identifiers or metadata."""
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.addStereoAnnotation = False
    options.fixedBondLength = 25.0
    options.padding = 0.06
    canonical = Chem.MolFromSmiles(text(molecule)) or Chem.Mol(molecule)  # a drawing depends on the order of the atoms
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, canonical)
    drawer.FinishDrawing()
    return _PROLOG.sub("", drawer.GetDrawingText()).strip()
