"""The contract of a domain, part by part: laws of what each domain has. `checks` has the others.

The function of a law describes a violation: what was found instead, "" if the law holds.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sciencegen.data.writers import write_table
from sciencegen.domains.base import Domain
from sciencegen.errors import DataError, SciencegenError, UnknownNameError
from sciencegen.items import Item, Property, Refusal
from sciencegen.prediction.training_tables import Split

SEED = 0
FEWEST_EXAMPLES = 2
CLOSE = 1e-6
PICTURE = re.compile(r"<svg\b.*(</svg>|/>)|<img\b.*>", re.DOTALL)


class ContractError(SciencegenError):
    """A domain violates a law of the contract.

    Parameters
    ----------
    domain : str
    part : str
        Part of the record, such as `items.parse`.
    law : str
        What was expected.
    got : str
        What was found instead.
    remedy : str
    """

    def __init__(self, domain: str, part: str, law: str, got: str, remedy: str) -> None:
        super().__init__(
            f"{domain}: `{part}` breaks the contract. Expected that {law}, got {got.rstrip('.')}. {remedy}"
        )
        self.domain, self.part, self.law, self.got, self.remedy = domain, part, law, got, remedy


@dataclass(frozen=True)
class Subject:
    """A domain with examples of its items, as texts."""

    domain: Domain
    texts: tuple[str, ...]

    @cached_property
    def items(self) -> list[Item]:
        """The examples that parse."""
        return [item for item in map(self.domain.items.parse, self.texts) if not isinstance(item, Refusal)]

    @property
    def generator(self) -> np.random.Generator:
        """A new generator with the same seed at each call."""
        return np.random.default_rng(SEED)

    def keys(self, items: Sequence[Item]) -> list[str]:
        return [self.domain.items.key(item) for item in items]

    def parses(self, item: Item) -> bool:
        """Whether parsing the item's text gives the same item."""
        return parses(self.domain, item)


def parses(domain: Domain, item: Item | Refusal) -> bool:
    """Whether parsing the item's text gives the same item; True for a refusal."""
    if isinstance(item, Refusal):
        return True
    again = domain.items.parse(domain.items.text(item))
    return not isinstance(again, Refusal) and domain.items.key(again) == domain.items.key(item)


@dataclass(frozen=True)
class Law:
    """One law.

    Parameters
    ----------
    part : str
        Part of the record. A law of an optional part holds if the part is None.
    law : str
        The sentence that follows "Expected that".
    breach : (subject) -> str
        What was found instead, "" if the law holds.
    remedy : str
    builds_model : bool
        Whether the check builds a model, which takes memory and time.
    """

    part: str
    law: str
    breach: Callable[[Subject], str]
    remedy: str
    builds_model: bool = False

    def check(self, subject: Subject) -> None:
        try:
            got = self.breach(subject)
        except Exception as error:  # a domain may be third-party code
            got = f"{type(error).__name__}: {error}"
            raise ContractError(subject.domain.name, self.part, self.law, got, self.remedy) from error
        if got:
            raise ContractError(subject.domain.name, self.part, self.law, got, self.remedy)


def law(
    part: str, sentence: str, remedy: str, *, builds_model: bool = False
) -> Callable[[Callable[[Subject], str]], Law]:
    """The decorator that makes a `Law` of its function."""
    return lambda breach: Law(part, sentence, breach, remedy, builds_model)


def shape_breach(array: np.ndarray, shape: tuple[int | None, ...]) -> str:
    """Describe the shape of an array that differs from `shape`, in which None matches any number."""
    found = np.shape(array)
    same = len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape, strict=True))
    return "" if same else f"an array of shape {found}"


def is_picture(text: object) -> bool:
    """Whether a text is a whole SVG element or <img>, from its first tag to its last."""
    return isinstance(text, str) and PICTURE.fullmatch(text.strip()) is not None


# Items, their files, and their properties.

NAME = re.compile(r"[a-z][\w-]*", re.ASCII | re.IGNORECASE)
"""Names are words of the command line and of paths."""


@law(
    "name",
    "a domain has a name of letters, digits, - and _, and a form of one `domain/form`",
    "Name it as its entry point.",
)
def unnamed(subject: Subject) -> str:
    name = subject.domain.name
    parts = name.split("/")
    words = len(parts) == (1 if subject.domain.form is None else 2) and all(map(NAME.fullmatch, parts))
    return "" if words else f"'{name}'"


@law("items.parse", f"{FEWEST_EXAMPLES} or more examples are items", "Correct the examples or `parse`.")
def unread_examples(subject: Subject) -> str:
    refused = {text: subject.domain.items.parse(text) for text in subject.texts}
    found = [f"'{text[:40]}': {one.reason}" for text, one in refused.items() if isinstance(one, Refusal)]
    return found[0] if found else "" if len(subject.items) >= FEWEST_EXAMPLES else f"{len(subject.items)} examples"


@law("items.parse", "parse(text(item)) is the item again, by its key", "Write all that `parse` reads.")
def not_inverse(subject: Subject) -> str:
    wrong = [item for item in subject.items if not subject.parses(item)]
    return f"another item or a refusal of '{subject.domain.items.text(wrong[0])[:60]}'" if wrong else ""


@law("items.parse", "an empty text is refused with a reason", "Return a Refusal for ''.")
def no_refusal_of_nothing(subject: Subject) -> str:
    found = subject.domain.items.parse("")
    return "" if isinstance(found, Refusal) and found.reason else f"{found!r:.60}"


@law("items.text", "a text is one cell of a table", "Write text without line ends.")
def no_single_cell(subject: Subject) -> str:
    texts = [subject.domain.items.text(item) for item in subject.items]
    wrong = [text for text in texts if not isinstance(text, str) or not text or "\n" in text]
    return f"{wrong[0]!r:.60}" if wrong else ""


@law("items.formats", "there are formats (.csv) and columns", "Name one at least.")
def bad_formats(subject: Subject) -> str:
    items = subject.domain.items
    wrong = [ending for ending in items.formats if not ending.startswith(".")]
    return (
        f"formats {items.formats} and columns {items.columns}"
        if wrong or not items.formats or not items.columns
        else ""
    )


@law("items.read", "a table of texts and numbers is read with both", "Read it by `data.tables`.")
def unread_tables(subject: Subject) -> str:
    items = subject.domain.items
    if ".csv" not in items.formats or subject.domain.form is not None:  # tables of forms may have other columns
        return ""
    with tempfile.TemporaryDirectory() as folder:
        texts = [items.text(item) for item in subject.items]
        path = Path(folder) / "items.csv"
        write_table(path, {items.columns[0]: texts, "measured": list(map(float, range(len(texts))))})
        rows = list(items.read(path, None))
    found = [row.text for row in rows] == texts and [row.values.get("measured") for row in rows] == list(
        range(len(texts))
    )
    return "" if found else f"{len(rows)} rows, the first {rows[:1]!r:.120}"


@law("items.write", "what is written is read again", "Write what `read` takes.")
def unread_files(subject: Subject) -> str:
    items, expected, written = subject.domain.items, len(set(subject.keys(subject.items))), 0
    with tempfile.TemporaryDirectory() as folder:
        for ending in items.formats:
            path = Path(folder) / f"items{ending}"
            try:
                items.write(path, subject.items, [f"i{row}" for row in range(len(subject.items))], {}, None)
            except (SciencegenError, ValueError):
                continue
            written += 1
            found = [items.parse(row.text) for row in items.read(path, None)]
            refused = [one.reason for one in found if isinstance(one, Refusal)]
            if refused or len(found) < expected:
                return (
                    f"{refused[0] if refused else f'{len(found)} items of {expected}'} in what was written as {ending}"
                )
    return "" if written else f"no format among {items.formats} that it writes"


@law("items.given", "its names are properties", "Remove other names.")
def unknown_given(subject: Subject) -> str:
    unknown = subject.domain.items.given - set(subject.domain.properties)
    return f"{sorted(unknown)}" if unknown else ""


@law("items.labels", "a label of any name is text", "Return '' for none.")
def labels_without_text(subject: Subject) -> str:
    found = {name: label("row 1") for name, label in subject.domain.items.labels.items()}
    wrong = {name: value for name, value in found.items() if not isinstance(value, str)}
    return f"{wrong}" if wrong else ""


@law("items.simulate", "a row has random numbers of its own", "Seed by (seed, row).")
def simulated_together(subject: Subject) -> str:
    simulate = subject.domain.items.simulate
    if simulate is None:
        return ""
    both, apart = simulate({}, 0, 0, 2), [*simulate({}, 0, 0, 1), *simulate({}, 0, 1, 2)]
    return "" if both == apart else "other rows where they are made one by one"


@law("properties", "each has its own name, a range, a direction", "Correct this field of the Property.")
def bad_properties(subject: Subject) -> str:
    found = (_wrong_field(name, known) for name, known in subject.domain.properties.items())
    return next(filter(None, found), "" if subject.domain.properties else "no properties")


def _wrong_field(name: str, known: Property) -> str:
    if known.name != name:
        return f"name='{known.name}' under the key '{name}', expected equal names"
    if not known.low < known.high:
        return f"low={known.low:g} and high={known.high:g} of {name}, expected low < high"
    if not known.possible[0] <= known.possible[1]:
        return f"possible={known.possible} of {name}, expected (least, greatest)"
    if not known.tolerance >= 0:
        return f"tolerance={known.tolerance:g} of {name}, expected 0 or more"
    directions = (None, "maximize", "minimize")
    return "" if known.direction in directions else f"direction={known.direction!r} of {name}, expected {directions}"


@law("measure", "there is a row for each item, a column for each name", "Return [item property].")
def measured_shape(subject: Subject) -> str:
    names = list(subject.domain.properties)
    found = subject.domain.measure(subject.items, names)
    breach = shape_breach(found, (len(subject.items), len(names)))
    return breach or shape_breach(subject.domain.measure([], names), (0, found.shape[1]))


@law("measure", "a value follows from its item alone", "Measure items one by one.")
def measured_apart(subject: Subject) -> str:
    names = list(subject.domain.properties)
    whole = subject.domain.measure(subject.items, names)
    for column, name in enumerate(names):
        alone = subject.domain.measure(subject.items[::-1], [name])[::-1, 0]
        if not np.allclose(alone, whole[:, column], rtol=CLOSE, atol=CLOSE, equal_nan=True):
            return f"other values of {name} where it is measured alone, or of the items in another order"
    return ""


@law("measure", "values are possible ones", "Widen `possible`, or return NaN for a failure.")
def impossible_values(subject: Subject) -> str:
    for name, known in subject.domain.properties.items():
        values = subject.domain.measure(subject.items, [name])[:, 0]
        outside = values[(values < known.possible[0]) | (values > known.possible[1])]
        if len(outside):
            return f"{name} = {outside[0]:g}, possible are {known.possible[0]:g} to {known.possible[1]:g}"
    return ""


# Recipes, similarity, oracles, features of regressors, metrics and pictures.

NO_NAME = "no such name"
NEARLY = 1e-2
"""Tolerance of an item's similarity with itself: single-precision error of a square root."""


@law("recipes", "each has its own name and a frozen record of settings", "Decorate it `@dataclass(frozen=True)`.")
def bad_recipes(subject: Subject) -> str:
    for name, recipe in subject.domain.recipes.items():
        settings = recipe.settings
        if name != recipe.name:
            return f"a recipe '{recipe.name}' under the name '{name}'"
        if not is_dataclass(settings) or not vars(settings)["__dataclass_params__"].frozen:
            return f"{name}: settings of type {settings.__name__}"
        settings()
    return ""


@law("recipes", "conditions are properties", "Add a Property, or leave the condition out.")
def unknown_conditions(subject: Subject) -> str:
    form = subject.domain.name.partition("/")[2]
    for name, recipe in subject.domain.recipes.items():
        if recipe.form not in ("", form):
            continue
        columns = recipe.oracles.names if recipe.oracles else ()
        unknown = set(recipe.conditions or ()) - set(subject.domain.properties) - set(columns)
        if unknown:
            return f"{sorted(unknown)} of {name}"
    return ""


@law("similarity.matrix", "there is a row for each item, a column for each reference", "Return [item reference].")
def unlike_shape(subject: Subject) -> str:
    matrix, items = subject.domain.similarity.matrix, subject.items
    count = len(items)
    return shape_breach(matrix(items, items[:1]), (count, 1)) or shape_breach(matrix([], items), (0, count))


@law("similarity.matrix", "values are in 0..1, 1 of an item with itself", "Scale them.")
def unlike_itself(subject: Subject) -> str:
    table = subject.domain.similarity.matrix(subject.items, subject.items)
    if table.min() < -CLOSE or table.max() > 1 + CLOSE:
        return f"values from {table.min():g} to {table.max():g}"
    return "" if np.allclose(np.diag(table), 1, atol=NEARLY) else f"{np.diag(table).min():g} of an item with itself"


@law("similarity.nearest", "it is the maximum of `matrix`, 0 without references", "Leave it out: it has a default.")
def not_nearest(subject: Subject) -> str:
    similarity, items = subject.domain.similarity, subject.items
    found, expected = similarity.nearest(items, items[1:]), similarity.matrix(items, items[1:]).max(1)
    if wrong := shape_breach(found, (len(items),)):
        return wrong
    if not np.allclose(found, expected, atol=CLOSE):
        return f"{found.tolist()} where `matrix` has {expected.tolist()}"
    return "" if not similarity.nearest(items, []).any() else "more than 0 where there are no references"


@law("similarity.maximum", "it is above 0, at most 1", "Choose one in between.")
def bad_maximum(subject: Subject) -> str:
    maximum = subject.domain.similarity.maximum
    return "" if 0 < maximum <= 1 else f"{maximum}"


@law(
    "similarity.classes",
    "each kind gives a text for each item, from the item alone",
    "Return '' for an item of no class.",
)
def bad_classes(subject: Subject) -> str:
    for name, classify in subject.domain.similarity.classes.items():
        found, alone = classify(subject.items), [label for item in subject.items for label in classify([item])]
        if not all(isinstance(label, str) for label in found) or list(found) != alone:
            return f"{list(found)!r:.60} of '{name}', {alone!r:.60} of one item at a time"
    return ""


@law("oracles.names", "every property is an oracle", "Use `domains.properties.property_oracles`.")
def missing_oracles(subject: Subject) -> str:
    missing = set(subject.domain.properties) - set(subject.domain.oracles.names())
    return f"none of {sorted(missing)}" if missing else ""


@law("oracles.find", "a property's oracle has its name, unit and direction", "Use `property_oracles`.")
def other_oracles(subject: Subject) -> str:
    for known in subject.domain.properties.values():
        oracle = subject.domain.oracles.find(known.name)
        if (oracle.name, oracle.unit, oracle.direction) != (known.name, known.unit, known.direction):
            return f"'{oracle.name}' in '{oracle.unit}', {oracle.direction}, as the oracle of {known}"
    return ""


@law(
    "measure",
    "an example has a value if the property's oracle scores it",
    "Look for an error in the property's function: it becomes NaN.",
)
def never_measured(subject: Subject) -> str:
    for name in subject.domain.properties:
        if np.isnan(subject.domain.measure(subject.items, [name])).all():
            scores = [score.value for score in subject.domain.oracles.find(name).score(subject.items)]
            if any(score is not None for score in scores):
                return f"NaN for every example of {name}, where its oracle scores {scores}"
    return ""


@law("oracles.find", "a property's oracle scores what `measure` does", "Use `property_oracles`.")
def other_scores(subject: Subject) -> str:
    for name in subject.domain.properties:
        scores = [score.value for score in subject.domain.oracles.find(name).score(subject.items)]
        values = subject.domain.measure(subject.items, [name])[:, 0]
        found = np.array([math.nan if score is None else score for score in scores])
        if found.shape != values.shape or not np.allclose(found, values, rtol=CLOSE, equal_nan=True):
            return f"scores {scores} of {name}, measured {values.tolist()}"
    return ""


@law("oracles.find", "an unknown name is an UnknownNameError", "Raise `errors.unknown_name`.")
def unknown_oracle(subject: Subject) -> str:
    try:
        found = subject.domain.oracles.find(NO_NAME)
    except UnknownNameError:
        return ""
    return f"{found!r:.60} for '{NO_NAME}'"


@law("regression.features", "there is a finite row for each item", "Put a number in place of NaN.")
def feature_rows(subject: Subject) -> str:
    features, count = subject.domain.regression.features, len(subject.items)
    table = features(subject.items)
    if wrong := shape_breach(table, (count, None)):
        return wrong
    if not np.isfinite(table).all() or len(features([])):
        return "numbers that aren't finite, or rows of no items"
    earlier = {size: make(subject.items).shape for size, make in subject.domain.regression.earlier.items()}
    wrong_sizes = [f"{shape} for {size} columns" for size, shape in earlier.items() if shape != (count, size)]
    return f"earlier features of shape {wrong_sizes[0]}" if wrong_sizes else ""


@law("regression.groups", "there is a text for each item", "Return '' for an item that is alone.")
def group_labels(subject: Subject) -> str:
    groups = subject.domain.regression.groups(subject.items)
    right = len(groups) == len(subject.items) and all(isinstance(label, str) for label in groups)
    return "" if right else f"{groups!r:.60}"


@law("regression.fit", "fitted features are the same once loaded", "Write all that they need in `to_json`.")
def fitted_features(subject: Subject) -> str:
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


@law("regression.splits", "a split has a label for each item", "Return `prediction.training_tables.Split`.")
def split_labels(subject: Subject) -> str:
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


@law("evaluate", "metrics are finite numbers by name", "Leave a metric out that can't be had.")
def bad_metrics(subject: Subject) -> str:
    texts = [subject.domain.items.text(item) for item in subject.items]
    found = subject.domain.evaluate(texts, texts, texts)
    numbers = all(isinstance(name, str) and math.isfinite(value) for name, value in found.items())
    return "" if found and numbers else f"{found!r:.80}"


@law("render", "a picture is an SVG element or an <img>", "Return '<svg ...>...</svg>'.")
def bad_pictures(subject: Subject) -> str:
    pictures = [subject.domain.render(item, 220, 160) for item in subject.items[:3]]
    wrong = [picture for picture in pictures if not is_picture(picture)]
    return f"{wrong[0]!r:.60}" if wrong else ""


CORE_LAWS: tuple[Law, ...] = (
    unnamed, unread_examples, not_inverse, no_refusal_of_nothing, no_single_cell, bad_formats, unread_tables,
    unread_files, unknown_given, labels_without_text, simulated_together, bad_properties, measured_shape,
    measured_apart, impossible_values, bad_recipes, unknown_conditions, unlike_shape, unlike_itself,
    not_nearest, bad_maximum, bad_classes, missing_oracles, other_oracles, never_measured, other_scores,
    unknown_oracle, feature_rows, group_labels, fitted_features, split_labels, bad_metrics, bad_pictures,
)  # fmt: skip
