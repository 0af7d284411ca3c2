"""The domain `arrays`: rows of a table of one's own, of numbers, counts, categories, series and images, with gaps."""

from __future__ import annotations

from sciencegen.domains.base import Domain, ItemIO, Regression, Similarity
from sciencegen.domains.capabilities import Cells, MetricNote, Pictures, ReferenceSets
from sciencegen.domains.lazy import LazyTable, later
from sciencegen.domains.properties import measure_each, property_oracles
from sciencegen.domains.tables import features, files, render, rows
from sciencegen.domains.tables.features import hashed_features, similarity
from sciencegen.items import Property

__all__ = ["DOMAIN"]


ITEMS = ItemIO(
    parse=rows.parse,
    text=rows.text,
    key=rows.key,
    columns=(files.ITEM,),
    formats=files.FORMATS,
    read=files.read,
    write=files.write,
    repeats=True,
    reads_folders=True,  # stores of Zarr
)
PROPERTIES = {
    "missing_cells": Property(
        name="missing_cells", unit="", low=0.0, high=10.0, direction=None, tolerance=0.0,
        description="number of missing cells", integer=True, possible=(0.0, float("inf")),
    )
}  # fmt: skip
MEASURE = measure_each({"missing_cells": lambda row: float(sum(cell is None for cell in row.values()))})
NOTES = {
    "valid": MetricNote("share of rows that can be read", "maximize"),
    "unique": MetricNote("share of different rows"),
    "novelty": MetricNote("share of rows that aren't training rows"),
    "nearest_reference": MetricNote("mean similarity to the nearest row to compare with"),
    "marginals": MetricNote("mean of the columns' scaled distances and total variations", "minimize"),
    "correlations": MetricNote("mean difference of the correlations of two columns", "minimize"),
    "log_likelihood": MetricNote("bound of log p of a row to compare with", "maximize"),
    "bits_per_item": MetricNote("bound of -log2 p of a row to compare with", "minimize"),
    "bits_per_value": MetricNote("the same for each known number or category of the rows", "minimize"),
}
FAMILIES = {
    "wasserstein_": MetricNote("distance of the distributions of a column, in its unit", "minimize"),
    "scaled_": MetricNote("distance of the distributions of a column, in standard deviations", "minimize"),
    "total_variation_": MetricNote("half the summed difference of the shares of a column's categories", "minimize"),
    "profile_": MetricNote("distance of the mean arrays of a column, in standard deviations", "minimize"),
    "log_likelihood_": MetricNote("bound of log p of a row, in nats", "maximize"),
    "bits_per_item_": MetricNote("bound of -log2 p of a row, in bits", "minimize"),
    "bits_per_value_": MetricNote("the same for each known number or category of the rows", "minimize"),
}
"""Of metrics whose names end in a column, or in the set of rows (`bits_per_item_held_out`)."""
SIMILARITY = Similarity(matrix=similarity, maximum=0.99)

DOMAIN = Domain(
    name="arrays",
    items=ITEMS,
    properties=PROPERTIES,
    measure=MEASURE,
    recipes=LazyTable("sciencegen.domains.tables.models:RECIPES"),
    similarity=SIMILARITY,
    oracles=property_oracles(ITEMS, PROPERTIES, MEASURE, SIMILARITY, noun="row"),
    regression=Regression(features=hashed_features, fit=features.fit_features, load=features.load_features),
    evaluate=later("sciencegen.domains.tables.metrics:evaluate"),
    render=render.render,
    reference_sets=ReferenceSets(
        notes=NOTES,
        families=FAMILIES,
        units={"log_likelihood": "nats", "bits_per_item": "bits", "bits_per_value": "bits"},
    ),
    pictures=Pictures(gallery=12, traversals=True),
    cells=Cells(of=rows.cells, without=rows.without, goal=rows.goal),
    objects=files.OBJECTS,
)
