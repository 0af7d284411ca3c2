"""The domain of galaxies. An item is a stamp: a small image with its pixel scale, PSF and noise."""

from __future__ import annotations

from sciencegen.domains.base import Domain, ItemIO, Oracles, Regression, Similarity
from sciencegen.domains.capabilities import CodedFiles, Cutouts, Moves, Observation, Pictures, ReferenceSets, Sidecar
from sciencegen.domains.galaxies import features, files, items, metrics, objects, observation, render
from sciencegen.domains.galaxies import fits as fits_files
from sciencegen.domains.galaxies import survey as simulation
from sciencegen.domains.galaxies import survey_images as cutouts
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import GIVEN, PROPERTIES, measure
from sciencegen.domains.galaxies.objects import galsim_object, galsim_psf
from sciencegen.domains.lazy import LazyTable

__all__ = ["DOMAIN", "Stamp", "galsim_object", "galsim_psf"]

DOMAIN = Domain(
    name="galaxies",
    items=ItemIO(
        parse=files.parse,
        text=items.text,
        key=items.key,
        columns=files.ITEM_COLUMNS,
        formats=files.FORMATS,
        read=files.read,
        write=files.write,
        reads_folders=True,
        classes=True,
        given=GIVEN,
        left_out=files.left_out,
        simulate=simulation.rows,
    ),
    properties=PROPERTIES,
    measure=measure,
    recipes=LazyTable("sciencegen.domains.galaxies.models:RECIPES"),
    similarity=Similarity(
        matrix=features.similarity,
        nearest=features.nearest,
        maximum=0.95,  # median of two simulated galaxies: 0.77; of a galaxy and a small move of it: 0.96
    ),
    oracles=Oracles(find=features.oracle, names=features.oracle_names, not_goals=features.NOT_GOALS),
    regression=Regression(features=features.features),
    evaluate=metrics.evaluate,
    render=render.render,
    moves=Moves(mutate=features.mutate),
    observation=Observation(fit=observation.observing_conditions, load=observation.load_observing),
    sidecar=Sidecar(ending=".fits", cell=files.cell, text_at=files.text_at),
    pictures=Pictures(gallery=48, traversals=True, render_alike=render.render_alike),
    reference_sets=ReferenceSets(notes=metrics.METRIC_NOTES),
    objects=objects.OBJECTS,
    cutouts=Cutouts(formats=fits_files.ENDINGS, cut=cutouts.cut, notes=cutouts.notes),
    coded_files=CodedFiles(formats=(*fits_files.ENDINGS, *files.ARRAYS), parts=files.parts),
)
"""An item is a `Stamp`."""
