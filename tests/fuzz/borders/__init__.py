"""Every border by name."""

from __future__ import annotations

from tests.fuzz.borders import (
    backbones,
    crystals,
    documents,
    folders,
    galaxies,
    listings,
    molecules,
    proteins,
    streams,
    surveys,
    tables,
)
from tests.fuzz.cases import Border

BORDERS: dict[str, Border] = {
    one.name: one
    for one in (
        molecules.BORDER, proteins.BORDER, backbones.BORDER, galaxies.BORDER, crystals.BORDER, listings.BORDER,
        streams.BORDER,
        *documents.BORDERS, *folders.BORDERS, *tables.BORDERS, *surveys.BORDERS,
    )
}  # fmt: skip
