"""Laws of recipes, similarity, oracles, features of regressors, metrics and pictures."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import is_dataclass

import numpy as np

from sciencegen.domains.laws import CLOSE, Law, Subject, is_picture, shape_breach
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, DataError, UnknownNameError
from sciencegen.items import Refusal
from sciencegen.prediction.training_tables import Split

NO_NAME = "no such name"
NEARLY = 1e-2
"""Tolerance of an item's similarity with itself: single-precision error of a square root."""


def bad_recipes(subject: Subject) -> str:
    """A recipe whose key isn't its name, or whose settings aren't a frozen dataclass with defaults."""
    for name, recipe in subject.domain.recipes.items():
        settings = recipe.settings
        if name != recipe.name:
            return f"a recipe '{recipe.name}' under the name '{name}'"
        if not is_dataclass(settings) or not vars(settings)["__dataclass_params__"].frozen:
            return f"{name}: settings of type {settings.__name__}"
        settings()
    return ""


def unknown_conditions(subject: Subject) -> str:
    """Conditions of a recipe that are neither properties nor names of its oracles; recipes of other forms pass."""
    form = subject.domain.name.partition("/")[2]
    for name, recipe in subject.domain.recipes.items():
        if recipe.form not in ("", form):
            continue
        columns = recipe.oracles.names if recipe.oracles else ()
        unknown = set(recipe.conditions or ()) - set(subject.domain.properties) - set(columns)
        if unknown:
            return f"{sorted(unknown)} of {name}"
    return ""


def unlike_shape(subject: Subject) -> str:
    """The shape of a similarity matrix that isn't [item reference], with or without items."""
    matrix, items = subject.domain.similarity.matrix, subject.items
    count = len(items)
    return shape_breach(matrix(items, items[:1]), (count, 1)) or shape_breach(matrix([], items), (0, count))


def unlike_itself(subject: Subject) -> str:
    """Similarities outside 0..1, or an item's similarity with itself that isn't 1 (within `NEARLY`)."""
    table = subject.domain.similarity.matrix(subject.items, subject.items)
    if table.min() < -CLOSE or table.max() > 1 + CLOSE:
        return f"values from {table.min():g} to {table.max():g}"
    return "" if np.allclose(np.diag(table), 1, atol=NEARLY) else f"{np.diag(table).min():g} of an item with itself"


def not_nearest(subject: Subject) -> str:
    """Values of `nearest` that aren't the row maxima of `matrix`, or aren't 0 without references."""
    similarity, items = subject.domain.similarity, subject.items
    found, expected = similarity.nearest(items, items[1:]), similarity.matrix(items, items[1:]).max(1)
    if wrong := shape_breach(found, (len(items),)):
        return wrong
    if not np.allclose(found, expected, atol=CLOSE):
        return f"{found.tolist()} where `matrix` has {expected.tolist()}"
    return "" if not similarity.nearest(items, []).any() else "more than 0 where there are no references"


def bad_maximum(subject: Subject) -> str:
    """A `similarity.maximum` outside 0..1, or 0."""
    maximum = subject.domain.similarity.maximum
    return "" if 0 < maximum <= 1 else f"{maximum}"


def bad_classes(subject: Subject) -> str:
    """Labels of classes that aren't one text for each item, or that depend on the other items."""
    for name, classify in subject.domain.similarity.classes.items():
        found, alone = classify(subject.items), [label for item in subject.items for label in classify([item])]
        if not all(isinstance(label, str) for label in found) or list(found) != alone:
            return f"{list(found)!r:.60} of '{name}', {alone!r:.60} of one item at a time"
    return ""


def missing_oracles(subject: Subject) -> str:
    """Properties that aren't among the names of oracles."""
    missing = set(subject.domain.properties) - set(subject.domain.oracles.names())
    return f"none of {sorted(missing)}" if missing else ""


def other_oracles(subject: Subject) -> str:
    """The oracle of a property whose name, unit or direction differs from the property's."""
    for known in subject.domain.properties.values():
        oracle = subject.domain.oracles.find(known.name)
        if (oracle.name, oracle.unit, oracle.direction) != (known.name, known.unit, known.direction):
            return f"'{oracle.name}' in '{oracle.unit}', {oracle.direction}, as the oracle of {known}"
    return ""


def never_measured(subject: Subject) -> str:
    """A property that is measured on none of the examples, though its oracle scores some."""
    for name in subject.domain.properties:
        if np.isnan(subject.domain.measure(subject.items, [name])).all():
            scores = [score.value for score in subject.domain.oracles.find(name).score(subject.items)]
            if any(score is not None for score in scores):
                return f"NaN for every example of {name}, where its oracle scores {scores}"
    return ""


def other_scores(subject: Subject) -> str:
    """Scores of a property's oracle that differ from measured values; a missing score is NaN."""
    for name in subject.domain.properties:
        scores = [score.value for score in subject.domain.oracles.find(name).score(subject.items)]
        values = subject.domain.measure(subject.items, [name])[:, 0]
        found = np.array([math.nan if score is None else score for score in scores])
        if found.shape != values.shape or not np.allclose(found, values, rtol=CLOSE, equal_nan=True):
            return f"scores {scores} of {name}, measured {values.tolist()}"
    return ""


def unknown_oracle(subject: Subject) -> str:
    """What `oracles.find` returns for a name that doesn't exist, instead of raising an UnknownNameError."""
    try:
        found = subject.domain.oracles.find(NO_NAME)
    except UnknownNameError:
        return ""
    return f"{found!r:.60} for '{NO_NAME}'"


def feature_rows(subject: Subject) -> str:
    """Features that aren't one finite row for each item, or that have rows without items."""
    features, count = subject.domain.regression.features, len(subject.items)
    table = features(subject.items)
    if wrong := shape_breach(table, (count, None)):
        return wrong
    if not np.isfinite(table).all() or len(features([])):
        return "numbers that aren't finite, or rows of no items"
    earlier = {size: make(subject.items).shape for size, make in subject.domain.regression.earlier.items()}
    wrong_sizes = [f"{shape} for {size} columns" for size, shape in earlier.items() if shape != (count, size)]
    return f"earlier features of shape {wrong_sizes[0]}" if wrong_sizes else ""


def group_labels(subject: Subject) -> str:
    """Groups that aren't one str for each item."""
    groups = subject.domain.regression.groups(subject.items)
    right = len(groups) == len(subject.items) and all(isinstance(label, str) for label in groups)
    return "" if right else f"{groups!r:.60}"


def fitted_features(subject: Subject) -> str:
    """Fitted features that can't be loaded, that differ after loading, or whose size isn't that of their blocks."""
    regression = subject.domain.regression
    fitted = regression.fit(subject.items, None) if regression.fit else None
    if fitted is None:
        return ""
    if regression.load is None:
        return "no `load` beside `fit`"
    rows, again = fitted.encode(subject.items), regression.load(fitted.to_json()).encode(subject.items)
    size = sum(block.size for block in fitted.blocks)
    known = [(a, b) for a, b in zip(rows, again, strict=True) if not isinstance(a, Refusal)]
    right = all(not isinstance(b, Refusal) and len(a) == size and np.array_equal(a, b) for a, b in known)
    return "" if right and len(rows) == len(subject.items) else "other rows after `load`, or blocks of another size"


def split_labels(subject: Subject) -> str:
    """A split that isn't a `Split` or doesn't have one label per item; splits that raise a DataError are skipped."""
    regression = subject.domain.regression
    fitted = regression.fit(subject.items, None) if regression.fit else None
    for name, make in regression.splits.items():
        if make is None or fitted is None:
            continue
        try:
            split = make(subject.items, fitted)
        except DataError:  # the split doesn't apply to these items
            continue
        if not isinstance(split, Split) or (split.labels is not None and len(split.labels) != len(subject.items)):
            return f"{split!r:.60} of '{name}'"
    return ""


def bad_metrics(subject: Subject) -> str:
    """Metrics of the examples against themselves that aren't finite numbers by name, or an empty dict."""
    texts = [subject.domain.items.text(item) for item in subject.items]
    found = subject.domain.evaluate(texts, texts, texts)
    numbers = all(isinstance(name, str) and math.isfinite(value) for name, value in found.items())
    return "" if found and numbers else f"{found!r:.80}"


def bad_pictures(subject: Subject) -> str:
    """A picture that is neither a whole SVG element nor an <img>."""
    pictures = [subject.domain.render(item, 220, 160) for item in subject.items[:3]]
    wrong = [picture for picture in pictures if not is_picture(picture)]
    return f"{wrong[0]!r:.60}" if wrong else ""


CORE_LAWS = (
    Law("recipes", "each has its own name and a frozen record of settings", bad_recipes,
        "Decorate it `@dataclass(frozen=True)`."),
    Law("recipes", "conditions are properties", unknown_conditions, "Add a Property, or leave the condition out."),
    Law("similarity.matrix", "there is a row for each item, a column for each reference", unlike_shape,
        "Return [item reference]."),
    Law("similarity.matrix", "values are in 0..1, 1 of an item with itself", unlike_itself, "Scale them."),
    Law("similarity.nearest", "it is the maximum of `matrix`, 0 without references", not_nearest,
        "Leave it out: it has a default."),
    Law("similarity.maximum", "it is above 0, at most 1", bad_maximum, "Choose one in between."),
    Law("similarity.classes", "each kind gives a text for each item, from the item alone", bad_classes,
        "Return '' for an item of no class."),
    Law("oracles.names", "every property is an oracle", missing_oracles, "Use `domains.properties.property_oracles`."),
    Law("oracles.find", "a property's oracle has its name, unit and direction", other_oracles,
        "Use `property_oracles`."),
    Law("measure", "an example has a value if the property's oracle scores it", never_measured,
        "Look for an error in the property's function: it becomes NaN."),
    Law("oracles.find", "a property's oracle scores what `measure` does", other_scores, "Use `property_oracles`."),
    Law("oracles.find", "an unknown name is an UnknownNameError", unknown_oracle, "Raise `errors.unknown_name`."),
    Law("regression.features", "there is a finite row for each item", feature_rows, "Put a number in place of NaN."),
    Law("regression.groups", "there is a text for each item", group_labels, "Return '' for an item that is alone."),
    Law("regression.fit", "fitted features are the same once loaded", fitted_features,
        "Write all that they need in `to_json`."),
    Law("regression.splits", "a split has a label for each item", split_labels,
        "Return `prediction.training_tables.Split`."),
    Law("evaluate", "metrics are finite numbers by name", bad_metrics, "Leave a metric out that can't be had."),
    Law("render", "a picture is an SVG element or an <img>", bad_pictures, "Return '<svg ...>...</svg>'."),
)  # fmt: skip


# Laws of the representations and models of recipes, before any training.

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
