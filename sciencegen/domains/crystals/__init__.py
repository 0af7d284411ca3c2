"""The domain `crystals`: periodic structures, a cell and the atoms in it."""

from __future__ import annotations

from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Pictures, ReferenceSets, Structures
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.features import REGRESSION, SIMILARITY
from sciencegen.domains.crystals.files import ITEMS, OBJECTS
from sciencegen.domains.crystals.metrics import NOTES, UNITS, among
from sciencegen.domains.crystals.moves import MOVES
from sciencegen.domains.crystals.properties import NOT_GOALS, PROPERTIES, measure
from sciencegen.domains.crystals.render import records, render
from sciencegen.domains.lazy import LazyTable, later
from sciencegen.domains.properties import property_oracles

__all__ = ["DOMAIN"]

DOMAIN = Domain(
    name="crystals",
    items=ITEMS,
    properties=PROPERTIES,
    measure=measure,
    recipes=LazyTable("sciencegen.domains.crystals.models:RECIPES"),
    similarity=SIMILARITY,
    oracles=property_oracles(ITEMS, PROPERTIES, measure, SIMILARITY, noun="crystal", not_goals=NOT_GOALS),
    regression=REGRESSION,
    evaluate=later("sciencegen.domains.crystals.metrics:evaluate"),
    render=render,
    structures=Structures(records=records),
    pictures=Pictures(gallery=12, traversals=True, title=reduced_formula),
    reference_sets=ReferenceSets(notes=NOTES, units=UNITS, among=among),
    objects=OBJECTS,
    moves=MOVES,
    optional_libraries={
        "spglib": 'cells and space groups of crystals, pip install "sciencegen[crystals]"',
        "ase": 'objects of crystals in Python, pip install "sciencegen[crystals]"',
        "pymatgen": 'matched structures in metrics of crystals, pip install "sciencegen[crystals]"',
    },
)
