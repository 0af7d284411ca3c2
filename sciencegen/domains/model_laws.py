"""Laws of the representations and models of recipes, before any training."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np

from sciencegen.domains.laws import Law, Subject
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

STEP = 0


def own_recipes(subject: Subject) -> list[Recipe]:
    """Recipes that can be fitted to the examples alone: not those of families, which need a context of their file."""
    form = subject.domain.name.partition("/")[2]
    recipes = subject.domain.recipes.values()
    return [recipe for recipe in recipes if recipe.form == form and recipe.family is None and not recipe.completes]


def fitted(subject: Subject, recipe: Recipe) -> Representation:
    """The recipe's representation, fitted to the examples and to the conditions of the recipe that are properties."""
    names = [name for name in recipe.conditions or () if name in subject.domain.properties]
    texts = [subject.domain.items.text(item) for item in subject.items]
    return recipe.fit(texts, subject.domain.measure(subject.items, names), names)


def bad_encoding(subject: Subject) -> str:
    """A wrong number of encoded or decoded items, only refusals, or a decoded item whose text doesn't parse to it."""
    for recipe in own_recipes(subject):
        representation = fitted(subject, recipe)
        encoded = representation.encode(subject.items)
        good = [row for row in encoded if not isinstance(row, Refusal)]
        if len(encoded) != len(subject.items) or not good:
            return (
                f"{len(encoded)} rows of {len(subject.items)} items with {recipe.name}, {len(good)} of them no refusals"
            )
        batch = representation.batch(good, np.full((len(good), len(representation.properties)), np.nan))
        decoded = representation.decode(batch)
        made = [item for item in decoded if not isinstance(item, Refusal)]
        if len(batch) != len(good) or len(decoded) != len(good) or not all(map(subject.parses, made)):
            return f"{len(decoded)} items of {len(good)} rows with {recipe.name}, or one that can't be parsed"
    return ""


def bad_json(subject: Subject) -> str:
    """A representation that changes when it is written to JSON and loaded."""
    for recipe in own_recipes(subject):
        written = json.loads(json.dumps(fitted(subject, recipe).to_json()))
        if json.loads(json.dumps(recipe.load_representation(written).to_json())) != written:
            return f"another representation of {recipe.name} after loading"
    return ""


def bad_conditions(subject: Subject) -> str:
    """The row of an empty condition, if it isn't one NaN for each property of the representation."""
    for recipe in own_recipes(subject):
        representation = fitted(subject, recipe)
        row = representation.condition({})
        if np.shape(row) != (len(representation.properties),) or not np.isnan(row).all():
            return f"{row!r:.60} of {recipe.name} for {representation.properties}"
    return ""


def bad_model(subject: Subject) -> str:
    """Latents of a wrong shape, a wrong number of sampled items, or a loss of an untrained model that isn't finite.

    A recipe may refuse the items by a ConfigError, such as one of series those without any; but not every recipe.
    """
    import torch

    recipes = own_recipes(subject)
    refusals = []
    for recipe in recipes:
        representation = fitted(subject, recipe)
        try:
            model = recipe.build(representation, recipe.settings()).eval()
        except ConfigError as error:
            refusals.append(f"a refusal by {recipe.name}: {error}")
            continue
        good = [row for row in representation.encode(subject.items) if not isinstance(row, Refusal)]
        names = list(representation.properties)
        batch = representation.batch(good, np.zeros((len(good), len(names))))
        noise = torch.randn(2, model.latent_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            drawn = model.sample(noise)
            made = representation.decode(model.decode(drawn))
            shapes = {tuple(drawn.shape): (2, model.latent_size)}
            with suppress(ConfigError):  # some models can't encode items
                shapes[tuple(model.encode(batch).shape)] = (len(good), model.latent_size)
        wrong = [found for found, expected in shapes.items() if found != expected]
        if wrong or len(made) != 2:
            return f"latents of shapes {wrong} of {recipe.name}, and {len(made)} items of two"
        loss = model.loss(batch, STEP, torch.Generator().manual_seed(0))
        if not torch.isfinite(loss["loss"]):
            return f"a loss of {float(loss['loss'])} of {recipe.name}"
    return refusals[0] if refusals and len(refusals) == len(recipes) else ""


MODEL_LAWS = (
    Law("recipes.fit", "a representation encodes and decodes every item, or refuses it", bad_encoding,
        "Return one for each."),
    Law("recipes.load_representation", "it is the inverse of `to_json`", bad_json,
        "Write all that it needs as plain JSON."),
    Law("recipes.fit", "a condition has a number for each property, NaN where none is given", bad_conditions,
        "Return a row."),
    Law("recipes.build", "a model encodes, samples and decodes, with a finite loss", bad_model,
        "See `latent.space.LatentModel`.", builds_model=True),
)  # fmt: skip
